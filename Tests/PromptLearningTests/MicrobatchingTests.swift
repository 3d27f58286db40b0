import ClassificationMetrics
import CLIP
import Images
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("A memory budget changes how much goes through at once, and no result")
struct MicrobatchingTests {
  static let tolerance: Float = 1e-6
  static let names = (0..<40).map { "\($0) dogs and \($0 * 7) cats" }

  let clip: CLIPModel
  let batch: Batch

  init() throws {
    clip = try TinyCLIP.clip
    var generator = SeededGenerator(seed: 7)
    let elements = (0..<6 * clip.embeddingWidth).map { _ in Float.random(in: -1..<1, using: &generator) }
    batch = try Batch(
      imageFeatures: Tensor(elements, shape: [6, clip.embeddingWidth]).unitRows(), labels: [3, 39, 0, 3, 17, 22])
  }

  /// Plans with one pass, with a few images a pass, and with a few classes of one image a pass.
  private func plans<Learner: PromptLearner>(of learner: Learner) throws -> [MicrobatchPlan<Learner>] {
    let bytes = learner.microbatchBytes(isTraining: true)
    return try [bytes * 100, bytes * 2, bytes / 3].map {
      try MicrobatchPlan(for: learner, within: MemoryBudget(bytes: max(1 << 20, $0)), isTraining: true)
    }
  }

  private func check<Learner: TrainablePromptLearner>(_ learner: Learner) throws {
    let classifier = Classifier(clip, learner)
    let all = try plans(of: learner)
    let expected = try classifier.gradient(on: batch, all[0])
    for plan in all.dropFirst() {
      let result = try classifier.gradient(on: batch, plan)
      #expect(abs(result.loss - expected.loss) <= Self.tolerance * expected.loss)
      #expect(result.right == expected.right)
      for (gradient, reference) in zip(result.gradients[0], expected.gradients[0]) {
        let scale = try reference.floats().map(abs).max() ?? 0
        #expect(try gradient.isClose(to: reference, within: 10 * Self.tolerance * max(scale, 1e-3)))
      }
    }
    let together = try classifier.logits(for: batch.imageFeatures)
    let answers = try Answers(
      logits: together.floats(), labels: batch.labels.integers(), classes: learner.classNames.count)
    #expect(expected.right == answers.isRight.count { $0 })
    for bytes in [1 << 20, 1 << 23, 1 << 40] {
      let divided = try classifier.logits(for: batch.imageFeatures, within: MemoryBudget(bytes: bytes))
      #expect(try divided.isClose(to: together, within: Self.tolerance * clip.logitScale))
    }
  }

  @Test("CoCoOp's loss, gradients and logits, with images and with classes divided")
  func conditional() throws {
    let learner = try ConditionalPrompts(for: Self.names, clip: clip)
    let all = try plans(of: learner)
    #expect(all.map(\.parts.count)[..<2] == [1, 1] && all[2].parts.count >= 3)
    #expect(all[0].imagesPerMicrobatch >= 100 && (1...2).contains(all[1].imagesPerMicrobatch))
    #expect(all[2].imagesPerMicrobatch == 1)
    #expect(all[2].parts.flatMap(\.classNames) == Self.names)
    try check(learner)
  }

  @Test("Two threads that take half of the classes each give the same, and give it twice to the same bits")
  func threads() async {
    await #expect(processExitsWith: .success) {
      try Threads.use(2)
      let suite = try MicrobatchingTests()
      let (clip, batch) = (suite.clip, suite.batch)
      let conditional = try ConditionalPrompts(for: MicrobatchingTests.names, clip: clip)
      try suite.check(conditional)  // one plan divides the classes over threads, another over passes
      try suite.check(ContextPrompts(for: MicrobatchingTests.names, clip: clip))
      let plan = try MicrobatchPlan(for: conditional, within: MemoryBudget(bytes: 1 << 40), isTraining: true)
      let twice = try (0..<2).map { _ in
        try Classifier(clip, conditional).gradient(on: batch, plan).gradients[0].map { try $0.floats() }
      }
      #expect(twice[0] == twice[1])
    }
  }

  @Test("Classes are divided over threads only where the budget holds all their shares at once")
  func budgetOfShares() async {
    await #expect(processExitsWith: .success) {
      try Threads.use(2)
      let learner = try ConditionalPrompts(for: MicrobatchingTests.names, clip: TinyCLIP.clip)
      let bytes = learner.microbatchBytes(isTraining: true)
      for budget in [bytes, bytes * 5 / 4, bytes * 2, bytes * 20] {
        let plan = try MicrobatchPlan(for: learner, within: MemoryBudget(bytes: budget), isTraining: true)
        let shares = plan.shares.map { $0.microbatchBytes(isTraining: true) }.reduce(0, +)
        #expect(plan.parts.count == 1 && shares * plan.imagesPerMicrobatch <= budget)
        if budget == bytes { #expect(plan.shares.isEmpty) }
        if budget >= bytes * 2 { #expect(plan.shares.count == 2) }
      }
    }
  }

  @Test("Threads get shares of the classes that differ by less than one class, where names are of any length")
  func balance() async {
    await #expect(processExitsWith: .success) {
      try Threads.use(2)
      let long = "a bird that is known by a name of very many words"
      let names = (1...12).map { "\($0)" } + (1...6).map { "\($0) \(long)" }
      let learner = try ContextPrompts(for: names, clip: TinyCLIP.clip)
      let shares = try MicrobatchPlan(for: learner, within: .automatic, isTraining: true).shares
      #expect(shares.flatMap(\.classNames) == names && shares[0].classNames.count > 12)
      let bytes = shares.map { $0.microbatchBytes(isTraining: true) }
      let longest = try learner.restricted(to: 17..<18).microbatchBytes(isTraining: true)
      #expect(bytes[0] <= bytes[1] && bytes[1] - bytes[0] <= 2 * longest)
    }
  }

  @Test("CoOp's, with classes divided and images always together", arguments: [false, true])
  func unconditional(isClassSpecific: Bool) throws {
    let learner = try ContextPrompts(for: Self.names, isClassSpecific: isClassSpecific, clip: clip)
    let all = try plans(of: learner)
    #expect(all.allSatisfy { $0.imagesPerMicrobatch == .max })
    #expect(all[2].parts.count >= 3)
    try check(learner)
  }

  @Test("zero-shot prompts take no memory, and may be divided all the same")
  func zeroShot() throws {
    let learner = try ZeroShotPrompts(for: Self.names, clip: clip)
    #expect(try MicrobatchPlan(for: learner, within: MemoryBudget(bytes: 1 << 20), isTraining: false).parts.count == 1)
    let whole = learner.classFeatures(for: batch.imageFeatures)
    let part = try learner.restricted(to: 5..<9)
    #expect(part.classNames == Array(Self.names[5..<9]))
    #expect(try part.classFeatures(for: batch.imageFeatures).bytes() == whole.sliced(5..<9, axis: 1).bytes())
  }

  @Test("a step within a small budget is the step of a large one")
  func step() throws {
    let learner = try ConditionalPrompts(for: Self.names, clip: clip)
    func parameters(_ bytes: Int) throws -> [Tensor] {
      let budget = try MemoryBudget(bytes: bytes)
      var trainer = Trainer(Classifier(clip, learner), configuration: .cocoop, seed: 1, within: budget)
      for _ in 0..<3 { _ = try trainer.step(on: batch, learningRate: 0.002) }
      return trainer.classifier.learner.parameters
    }
    for (small, large) in try zip(parameters(1 << 20), parameters(1 << 40)) {
      #expect(try small.isClose(to: large, within: Self.tolerance))
    }
  }

  @Test(
    "a budget is read with its unit",
    arguments: [
      ("4GiB", 4 << 30), ("4 gib", 4 << 30), ("1.5g", 3 << 29), ("2GB", 2_000_000_000), ("800m", 800 << 20),
      ("1048576", 1 << 20),
    ])
  func reading(text: String, bytes: Int) {
    #expect(MemoryBudget(text)?.bytes == bytes)
  }

  @Test("what is no amount of memory is none", arguments: ["", "GiB", "4 apples", "-1g", "nan", "1e300", "1kb", "0"])
  func nonsense(text: String) {
    #expect(MemoryBudget(text) == nil)
  }

  @Test("the automatic budget leaves half of the memory to others")
  func automatic() {
    #expect(MemoryBudget.automatic.bytes >= 1 << 20)
  }
}
