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

  /// The same classifier over other classes.
  ///
  /// - Throws: ``LearningError`` where a name does not fit, or the classifier supports only its own classes.
  func withClasses(_ classNames: [String]) throws -> Self
}

extension Classifier: ImageClassifier {
  public var classNames: [String] { learner.classNames }

  public func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor {
    try logits(for: imageEmbeddings.on(clip.device).unitRows(), within: budget)
  }

  public func withClasses(_ classNames: [String]) throws -> Classifier {
    classNames == self.classNames ? self : Classifier(clip, try learner.withClasses(classNames, on: clip))
  }
}

extension PromptLearner {
  /// A classifier with these prompts and the model that they belong to.
  public func classifier(on clip: CLIPModel) -> any ImageClassifier { Classifier(clip, self) }
}
