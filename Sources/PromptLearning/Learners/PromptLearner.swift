import CLIP
import Torch

/// Something that gives every class a text feature, perhaps depending on the image.
public protocol PromptLearner: Sendable {
  /// C names, by label.
  var classNames: [String] { get }

  /// How many images one call of ``classFeatures(for:)`` takes at the best speed: more would leave the caches;
  /// `Int.max` where the features do not depend on the image.
  var imagesPerMicrobatch: Int { get }

  /// The memory that one image's class features take while they are computed; of all images, where they share them.
  ///
  /// - Parameter isTraining: whether hidden states are kept for a gradient.
  func microbatchBytes(isTraining: Bool) -> Int

  /// The same prompts for some of the classes alone, with parameters as they are.
  func restricted(to classes: Range<Int>) throws -> Self

  /// The same prompts over other classes.
  ///
  /// - Throws: ``LearningError`` where a name does not fit, or the prompts belong to their own classes alone.
  func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> Self

  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: one unit text feature for each class, `[1, C, E]` where they do not depend on the image, and for
  ///   each image and class, `[B, C, E]`, where they do.
  func classFeatures(for imageFeatures: Tensor) throws -> Tensor

  /// What the learner answers with these features, `[B, C]`; the scaled cosines, unless it has a head of its own.
  func logits(of features: Features) throws -> Tensor
}

extension PromptLearner {
  public func logits(of features: Features) throws -> Tensor { features.logits }
}

/// A prompt learner with parameters, which a ``Trainer`` improves.
public protocol TrainablePromptLearner: PromptLearner {
  /// In the order of ``parameterNames``.
  var parameters: [Tensor] { get }
  /// As the reference's checkpoint files call them (`C/trainers/coop.py`, `cocoop.py`).
  static var parameterNames: [String] { get }
  /// The same learner with other values of the same shapes.
  func replacing(_ parameters: [Tensor]) throws -> Self
  /// What must be kept beside the parameters to make the learner again, by the names that files give it.
  var constants: [String: Tensor] { get }
}

extension TrainablePromptLearner {
  public var constants: [String: Tensor] { [:] }
}
