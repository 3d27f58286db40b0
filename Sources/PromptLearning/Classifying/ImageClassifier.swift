import CLIP
import Torch

/// A classifier of image embeddings from CLIP's image tower.
public protocol ImageClassifier: Sendable {
  var clip: CLIPModel { get }
  /// C names, by label.
  var classNames: [String] { get }

  /// - Parameter imageEmbeddings: `[B, E]`, as the image tower gives them, of any length, on any device.
  /// - Returns: `[B, C]`; their softmax is p(c | x).
  func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor

  /// The logits of blocks of images, `[b, C]` of each: those of a block are the same, to the bit, whichever other blocks
  /// are given.
  ///
  /// - Parameter blocks: image embeddings `[b, E]`.
  func logits(ofBlocks blocks: [Tensor], within budget: MemoryBudget) throws -> [Tensor]

  /// The same classifier over other classes.
  ///
  /// - Throws: ``LearningError`` where a name does not fit, or the classifier supports only its own classes.
  func withClasses(_ classNames: [String]) throws -> Self

  /// The same classifier with everything computed that is the same for all images, for whoever answers many times.
  func settled(within budget: MemoryBudget) throws -> any ImageClassifier
}

extension ImageClassifier {
  public func settled(within budget: MemoryBudget) throws -> any ImageClassifier { self }

  public func logits(ofBlocks blocks: [Tensor], within budget: MemoryBudget) throws -> [Tensor] {
    try blocks.map { try logits(ofEmbeddings: $0, within: budget) }
  }
}

extension ImageClassifier {
  /// p(c | x) of each image, read from the device: C values, or `nil` where they are not numbers, as after an overflow.
  ///
  /// - Parameter imageEmbeddings: `[B, E]`, as the image tower gives them.
  package func probabilities(
    ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget
  ) throws -> [ArraySlice<Float>?] {
    let values = try logits(ofEmbeddings: imageEmbeddings, within: budget).softmax().floats()
    return (0..<imageEmbeddings.shape[0]).map { image in
      let row = values[image * classNames.count..<(image + 1) * classNames.count]
      return row.allSatisfy(\.isFinite) ? row : nil
    }
  }

  /// The same where all of them must be numbers.
  ///
  /// - Throws: ``LearningError`` of kind `notNumbers`.
  package func finiteProbabilities(
    ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget
  ) throws -> [ArraySlice<Float>] {
    let rows = try probabilities(ofEmbeddings: imageEmbeddings, within: budget)
    let finite = rows.compactMap(\.self)
    guard finite.count == rows.count else {
      throw LearningError.notNumbers(
        "The probabilities of \(rows.count - finite.count) of \(rows.count) images", in: clip.precision)
    }
    return finite
  }
}

extension Classifier: ImageClassifier {
  public var classNames: [String] { learner.classNames }

  public func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor {
    try logits(for: imageEmbeddings.on(clip.device).unitRows(), within: budget)
  }

  public func logits(ofBlocks blocks: [Tensor], within budget: MemoryBudget) throws -> [Tensor] {
    try logits(for: blocks.map { try $0.on(clip.device).unitRows() }, within: budget)
  }

  public func withClasses(_ classNames: [String]) throws -> Classifier {
    classNames == self.classNames ? self : Classifier(clip, try learner.withClasses(classNames, on: clip))
  }

  public func settled(within budget: MemoryBudget) throws -> any ImageClassifier {
    let dependsOnImage = learner.imagesPerMicrobatch != .max
    return try dependsOnImage ? self : SettledClassifier(self, within: budget)
  }
}

/// A classifier with its class features, which are the same for every image.
private struct SettledClassifier<Learner: PromptLearner>: ImageClassifier {
  private let classifier: Classifier<Learner>
  private let budget: MemoryBudget
  private let classes: Tensor  // [1, C, E]

  init(_ classifier: Classifier<Learner>, within budget: MemoryBudget) throws {
    (self.classifier, self.budget) = (classifier, budget)
    // Which images are given makes no difference.
    let images = try Tensor.zeros([1, classifier.clip.imageFeatureWidth])
    let plan = try MicrobatchPlan(
      for: classifier.learner, within: budget, isTraining: false, on: classifier.clip.device)
    let parts = try plan.parts
      .map { try $0.classFeatures(for: images) }
    classes = try parts.count == 1 ? parts[0] : Tensor.concatenated(parts, axis: 1)
  }

  var clip: CLIPModel { classifier.clip }
  var classNames: [String] { classifier.classNames }

  func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor {
    let images = try imageEmbeddings.on(clip.device).unitRows()
    return try classifier.learner.features(of: images, classes, scale: clip.logitScale).logits
  }

  func withClasses(_ classNames: [String]) throws -> Self {
    try classNames == self.classNames ? self : Self(classifier.withClasses(classNames), within: budget)
  }
}

extension PromptLearner {
  /// A classifier with these prompts and the model that they belong to.
  public func classifier(on clip: CLIPModel) -> any ImageClassifier { Classifier(clip, self) }
}
