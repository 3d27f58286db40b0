import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("Losses are scaled as torch.amp.GradScaler scales them")
struct LossScalerTests {
  private struct Recorded: Decodable {
    struct Defaults: Decodable { let scale: Float, interval: Int }
    struct After: Decodable { let scale: Float, tracker: Int }
    struct Course: Decodable {
      let scale: Float, tracker: Int
      let runs: [Run]
      let after: [After]
    }
    /// Equal steps one after the other, as [finite, count].
    struct Run: Decodable {
      let isFinite: Bool, count: Int

      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        (isFinite, count) = (try list.decode(Bool.self), try list.decode(Int.self))
      }
    }
    let defaults: Defaults
    let courses: [Course]
  }

  @Test("the factor, and the steps until it grows, after each of 26 runs of finite and other steps")
  func courses() throws {
    let file = Bundle.module.bundleURL.appending(path: "Fixtures/loss-scale.json")
    let recorded = try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: file))
    #expect(LossScaler() == LossScaler(scale: recorded.defaults.scale, growthTracker: 0))
    for course in recorded.courses {
      var scaler = LossScaler(scale: course.scale, growthTracker: course.tracker)
      for (run, after) in zip(course.runs, course.after) {
        for _ in 0..<run.count { scaler.update(isFinite: run.isFinite) }
        #expect(scaler == LossScaler(scale: after.scale, growthTracker: after.tracker))
      }
    }
    #expect(recorded.courses.flatMap(\.runs).count == 26)
  }

  @Test("a power of 2 changes no bit of a gradient, whatever divides the batch and whether terms are combined")
  func gradients() throws {
    let clip = try TinyCLIP.clip
    let names = ["dog", "grand piano", "cat", "ship", "arrow", "bird", "clock", "fish"]
    let batch = try Batch(
      imageFeatures: FormulaWeights.values("features", [3, clip.embeddingWidth], scale: 1).unitRows(),
      labels: [0, 2, 1])
    for id in ["cocoop", "kgcoop", "prograd"] {
      guard case .stepwise(let learning) = try #require(Method(id: id)).learning else { throw NoSteps() }
      let setup = MethodSetup(clip: clip, classNames: names)
      try check(learning.start(setup), by: learning.recipe(setup), on: batch, clip)
    }
  }

  @Test("the same where prompts stand in the image tower", arguments: ["maple", "promptsrc"])
  func imageGradients(id: String) throws {
    let clip = try ImageOriginals.clip.get()
    guard case .stepwise(let learning) = try #require(Method(id: id)).learning else { throw NoSteps() }
    let setup = MethodSetup(clip: clip, classNames: ["dog", "grand piano", "cat", "ship"])
    let size = clip.configuration.preprocessing.size
    let pixels = try FormulaWeights.values("pixels", [3, 3, size, size], scale: 1)
    let batch = try Batch(
      pixels: pixels, frozenFeatures: clip.imageEncoder(pixels).unitRows(), labels: [0, 2, 1])
    try check(learning.start(setup), by: learning.recipe(setup), on: batch, clip)
  }

  private struct NoSteps: Error {}

  private func check<Learner: TrainablePromptLearner>(
    _ learner: Learner, by recipe: TrainingRecipe, on batch: Batch, _ clip: CLIPModel
  ) throws {
    let classifier = Classifier(clip, learner)
    for bytes in [1 << 30, 1 << 20] {
      let plan = try MicrobatchPlan(for: learner, within: MemoryBudget(bytes: bytes), isTraining: true)
      // The smaller budget divides classes or images.
      let isWhole = plan.parts.count == 1 && plan.imagesPerMicrobatch >= 3
      #expect(isWhole == (bytes == 1 << 30) || learner.imagePrompts != nil)
      let plain = try classifier.gradient(on: batch, by: recipe, plan)
      let scaled = try classifier.gradient(on: batch, by: recipe.scalingLosses(by: 65_536), plan)
      #expect(try scaled.gradients.joined().map { try $0.bytes() } == plain.gradients.joined().map { try $0.bytes() })
      #expect(scaled.terms.map(\.value) == plain.terms.map(\.value) && scaled.right == plain.right)
    }
  }
}
