import CLIP
import Foundation
import Images
import PromptLearning
import Torch

/// What the fast mode costs beside the exact answers, on the text side: medians, per image.
public struct FastBenchmark: Sendable, Encodable {
  /// Images of a batch.
  static let images = 16

  /// Of ``images`` together, and of a single one.
  public let exactSecondsPerImage: Double
  public let fastSecondsPerImage: Double
  public let fastSecondsOfOneImage: Double
  /// Of expanding the class list, once.
  public let expansionSeconds: Double
  /// The numbers of a code that the expansion goes along.
  public let axes: Int

  /// - Parameter imageFeature: `[1, E]`, a unit row, around which the images lie.
  init(
    of classifier: any FastAnswering, near imageFeature: Tensor, within budget: MemoryBudget,
    median: (() throws -> Void) throws -> Double
  ) throws {
    var generator = SeededGenerator(seed: 2)
    let shape = [Self.images, classifier.clip.embeddingWidth]
    let noise = (0..<shape[0] * shape[1]).map { _ in Float.random(in: -0.03..<0.03, using: &generator) }
    let features = try (Tensor(noise, shape: shape) + imageFeature).unitRows()
    let codes = try classifier.typicalCodes(of: features)
    axes = codes.deviations.count { $0 > 0 }
    let start = ContinuousClock.now
    let fast = try classifier.fastClassifier(around: codes, within: budget)
    expansionSeconds = (ContinuousClock.now - start).seconds
    let one = try features.sliced(0..<1, axis: 0)
    exactSecondsPerImage =
      try median { _ = try classifier.logits(ofEmbeddings: features, within: budget) } / Double(Self.images)
    fastSecondsPerImage =
      try median { _ = try fast.logits(ofEmbeddings: features, within: budget) } / Double(Self.images)
    fastSecondsOfOneImage = try median { _ = try fast.logits(ofEmbeddings: one, within: budget) }
  }
}
