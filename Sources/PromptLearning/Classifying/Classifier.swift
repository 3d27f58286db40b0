import CLIP
import Torch

/// Images and their labels.
public struct Batch: Sendable {
  /// f of frozen CLIP, `[B, E]`, unit rows; `[B, 0]` where pixels are given and nothing is compared with it.
  public let imageFeatures: Tensor
  /// `[B, 3, H, W]`, normalised, for a learner with prompts in the image tower; `nil` for others.
  public let pixels: Tensor?
  public let labels: Tensor  // [B], integers in 0 ..< C
  /// Which of the recipe's alternative class features the loss compares with.
  public let teacher: Int

  public init(imageFeatures: Tensor, labels: [Int], teacher: Int = 0) throws {
    self.init(
      imageFeatures: imageFeatures, labels: try Tensor(labels, shape: [labels.count]).on(imageFeatures.device),
      teacher: teacher)
  }

  /// - Parameters:
  ///   - pixels: `[B, 3, H, W]`, as `Preprocessing` makes them.
  ///   - frozenFeatures: f̂, `[B, E]`, unit rows; `nil` where the loss has no teacher of images.
  ///   - teacher: which of the recipe's alternative class features the loss compares with.
  public init(pixels: Tensor, frozenFeatures: Tensor? = nil, labels: [Int], teacher: Int = 0) throws {
    try self.init(
      imageFeatures: frozenFeatures ?? .zeros([labels.count, 0], on: pixels.device), pixels: pixels,
      labels: Tensor(labels, shape: [labels.count]).on(pixels.device), teacher: teacher)
  }

  init(imageFeatures: Tensor, pixels: Tensor? = nil, labels: Tensor, teacher: Int = 0) {
    (self.imageFeatures, self.pixels, self.labels, self.teacher) = (imageFeatures, pixels, labels, teacher)
  }

  /// The same batch on a device.
  public func on(_ device: Device) throws -> Batch {
    try Batch(
      imageFeatures: imageFeatures.on(device), pixels: pixels?.on(device), labels: labels.on(device), teacher: teacher)
  }
}

/// A frozen CLIP with the prompts of a learner: p(c | x) = softmax_c(scale · cos(f(x), g_c(x))).
public struct Classifier<Learner: PromptLearner>: Sendable {
  public let clip: CLIPModel
  public let learner: Learner

  /// - Parameter clip: the frozen model; where the learner has prompts in the image tower, ``clip`` has them too.
  public init(_ clip: CLIPModel, _ learner: Learner) {
    self.clip = learner.imagePrompts.map(clip.encodingImages(by:)) ?? clip
    self.learner = learner
  }

  /// The scaled cosines of image and class features, or what the learner's head makes of them.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: `[B, C]`.
  public func logits(for imageFeatures: Tensor) throws -> Tensor {
    let classes = try learner.classFeatures(for: imageFeatures)  // [1 or B, C, E]
    return try learner.features(of: imageFeatures, classes, scale: clip.logitScale).logits
  }

  /// p(c | x) for each of any number of images, `[B, C]`.
  public func probabilities(for imageFeatures: Tensor, within budget: MemoryBudget = .automatic) throws -> Tensor {
    try logits(for: imageFeatures, within: budget).softmax()
  }

  /// Mean cross-entropy of a batch, in nats: a scalar.
  public func loss(on batch: Batch) throws -> Tensor {
    let features = try batch.pixels.map { try clip.imageEncoder($0).unitRows() } ?? batch.imageFeatures
    return try logits(for: features).crossEntropy(batch.labels)
  }
}
