import CLIP
import Torch

/// Image features and their labels.
public struct Batch: Sendable {
  public let imageFeatures: Tensor  // [B, E], unit rows
  public let labels: Tensor  // [B], integers in 0 ..< C

  public init(imageFeatures: Tensor, labels: [Int]) throws {
    self.imageFeatures = imageFeatures
    self.labels = try Tensor(labels, shape: [labels.count])
  }

  init(imageFeatures: Tensor, labels: Tensor) {
    self.imageFeatures = imageFeatures
    self.labels = labels
  }
}

/// A frozen CLIP with the prompts of a learner: p(c | x) = softmax_c(scale · cos(f(x), g_c(x))).
public struct Classifier<Learner: PromptLearner>: Sendable {
  public let clip: CLIPModel
  public let learner: Learner

  public init(_ clip: CLIPModel, _ learner: Learner) {
    self.clip = clip
    self.learner = learner
  }

  /// The scaled cosines of image and class features.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: `[B, C]`.
  public func logits(for imageFeatures: Tensor) throws -> Tensor {
    let classes = try learner.classFeatures(for: imageFeatures)  // [1 or B, C, E]
    return try learner.logits(of: Features(images: imageFeatures, classes: classes, scale: clip.logitScale))
  }

  /// p(c | x) for each of any number of images, `[B, C]`.
  public func probabilities(for imageFeatures: Tensor, within budget: MemoryBudget = .automatic) throws -> Tensor {
    try logits(for: imageFeatures, within: budget).softmax()
  }

  /// Mean cross-entropy of a batch, in nats: a scalar.
  public func loss(on batch: Batch) throws -> Tensor {
    try logits(for: batch.imageFeatures).crossEntropy(batch.labels)
  }
}
