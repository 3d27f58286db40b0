import CLIP
import Foundation
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("A training that processes divide has the bits of one process with as many parts", .serialized)
struct TrainingTeamTests {
  /// How many processes, of how many threads each.
  static let shapes = [[2, 1], [2, 2], [3, 1]]
  static let textMethods: [PromptLearning.Method] = [.coop, .cocoop, .kgcoop, .prograd, .tcp]
  static let imageMethods = ImagePromptLawTests.methods
  private let names = (1...20).map { "\($0) grand pianos" } + ["dog", "body part", "cat", "dog house"]
  private let ample: MemoryBudget

  init() throws { ample = try MemoryBudget(bytes: 1 << 40) }

  private func recipe(_ method: PromptLearning.Method, _ setup: MethodSetup) throws -> TrainingRecipe {
    try #require(try method.recipe(setup))
  }

  private func learner(_ method: PromptLearning.Method, _ setup: MethodSetup) throws -> any TrainablePromptLearner {
    guard case .stepwise(let learning) = method.learning else { throw CancellationError() }
    return try learning.start(setup)
  }

  private typealias Values = (loss: Float, right: Int, gradients: [[[Float]]])

  private func values<Learner: TrainablePromptLearner>(
    of classifier: Classifier<Learner>, _ batch: Batch, _ recipe: TrainingRecipe, by team: TrainingTeam,
    within memory: MemoryBudget
  ) throws -> Values {
    let plan = try MicrobatchPlan(for: classifier.learner, within: memory, isTraining: true, by: team)
    let result = try classifier.gradient(on: batch, by: recipe, plan)
    return (result.loss, result.right, try result.gradients.map { try $0.map { try $0.floats() } })
  }

  /// Compares what one process computes in parts with what each of several does that share them.
  private func check(
    _ learner: some TrainablePromptLearner, on clip: CLIPModel, _ batch: Batch, _ recipe: TrainingRecipe, shape: [Int]
  ) throws {
    let (processes, threads) = (shape[0], shape[1])
    let classifier = Classifier(clip, learner)
    let expected = try values(
      of: classifier, batch, recipe, by: TrainingTeam(Alone(), threads: processes * threads, memory: nil), within: ample
    )
    let found = try ThreadMeeting.all(processes) { communicator in
      try values(
        of: classifier, batch, recipe, by: TrainingTeam(communicator, threads: threads, memory: ample), within: ample)
    }
    #expect(found.count == processes)
    for found in found {
      #expect(found.loss == expected.loss && found.right == expected.right)
      #expect(found.gradients == expected.gradients)
    }
  }

  @Test("whose classes are divided", arguments: textMethods, shapes)
  func classes(method: PromptLearning.Method, shape: [Int]) throws {
    let clip = try TinyCLIP.clip
    let setup = MethodSetup(clip: clip, classNames: names, options: try MethodOptions([:], for: method))
    try check(learner(method, setup), on: clip, textBatch(clip), recipe(method, setup), shape: shape)
  }

  @Test("whose image tower holds prompts", arguments: imageMethods, shapes)
  func images(method: PromptLearning.Method, shape: [Int]) throws {
    let clip = try ImageOriginals.clip.get()
    let setup = MethodSetup(clip: clip, classNames: names, options: try MethodOptions([:], for: method))
    let pixels = try ImageOriginals.pixels.sliced(0..<4, axis: 0)
    let batch = try Batch(
      pixels: pixels, frozenFeatures: clip.imageEncoder(pixels).unitRows(), labels: [3, 23, 0, 20])
    try check(learner(method, setup), on: clip, batch, recipe(method, setup), shape: shape)
  }

  @Test("where the memory of a process does not hold its parts at once, within the rounding of sums")
  func littleMemory() throws {
    let clip = try TinyCLIP.clip
    let setup = MethodSetup(clip: clip, classNames: names, options: try MethodOptions([:], for: .cocoop))
    let (learner, batch) = try (ConditionalPrompts(for: names, clip: clip), textBatch(clip))
    let classifier = Classifier(clip, learner)
    let expected = try values(of: classifier, batch, recipe(.cocoop, setup), by: .alone, within: ample)
    for bytes in [1 << 20, 3 << 20, 1 << 24] {
      let memory = try MemoryBudget(bytes: bytes)
      let found = try ThreadMeeting.all(2) {
        try values(
          of: classifier, batch, recipe(.cocoop, setup), by: TrainingTeam($0, threads: 1, memory: memory), within: ample
        )
      }
      #expect(found[0].gradients == found[1].gradients)
      for (mine, other) in zip(found[0].gradients[0], expected.gradients[0]) {
        let scale = max(other.map(abs).max() ?? 0, 1e-3)
        #expect(zip(mine, other).allSatisfy { abs($0 - $1) <= 1e-5 * scale })
      }
    }
  }

  @Test("What cannot be divided is said")
  func undividable() throws {
    let clip = try TinyCLIP.clip
    let few = try ContextPrompts(for: ["dog", "cat"], clip: clip)
    let error = #expect(throws: LearningError.self) {
      try ThreadMeeting.all(3) {
        try MicrobatchPlan(
          for: few, within: ample, isTraining: true, by: TrainingTeam($0, threads: 1, memory: ample)
        ).shares.count
      }
    }
    #expect(
      error?.explanation
        == "2 classes are fewer than the 3 threads of all processes, so that the training cannot be divided "
        + "over processes. Start it as one process, or with --processes off.")
  }

  private func textBatch(_ clip: CLIPModel) throws -> Batch {
    var generator = SeededGenerator(seed: 7)
    let elements = (0..<3 * clip.embeddingWidth).map { _ in Float.random(in: -1..<1, using: &generator) }
    return try Batch(imageFeatures: Tensor(elements, shape: [3, clip.embeddingWidth]).unitRows(), labels: [3, 23, 0])
  }
}
