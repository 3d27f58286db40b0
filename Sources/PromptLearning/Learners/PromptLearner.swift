import CLIP
import Torch

/// A learner that gives every class a text feature, which may depend on the image.
public protocol PromptLearner: Sendable {
  /// C names, by label.
  var classNames: [String] { get }

  /// The number of images for which one call of ``classFeatures(for:)`` is fastest: more would exceed the caches;
  /// `Int.max` where the features do not depend on the image.
  var imagesPerMicrobatch: Int { get }

  /// The memory that one image's class features take while they are computed; the memory of all images, where they
  /// share the features.
  ///
  /// - Parameter isTraining: whether hidden states are kept for a gradient.
  func microbatchBytes(isTraining: Bool) -> Int

  /// The same prompts for some of the classes, with the current parameters.
  func restricted(to classes: Range<Int>) throws -> Self

  /// The same prompts over other classes.
  ///
  /// - Throws: ``LearningError`` where a name does not fit, or the prompts support only their own classes.
  func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> Self

  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: one unit text feature for each class, `[1, C, E]` where they do not depend on the image, and for
  ///   each image and class, `[B, C, E]`, where they do.
  func classFeatures(for imageFeatures: Tensor) throws -> Tensor

  /// What the learner answers with these features, `[B, C]`; the scaled cosines, unless it has a head of its own.
  func logits(of features: Features) throws -> Tensor

  /// The features of a batch and what the learner answers with them.
  ///
  /// - Parameters:
  ///   - images: what the image tower gives, `[B, E]`, unit rows; wider where a learner's prompts make it give several
  ///     features of an image.
  ///   - classes: the result of ``classFeatures(for:)``.
  ///   - scale: CLIP's, of the cosines.
  func features(of images: Tensor, _ classes: Tensor, scale: Float) throws -> Features

  /// Whether what is learned acts through the class features alone, so that a training may divide the classes.
  var actsThroughClassFeatures: Bool { get }

  /// The image tower with the learner's prompts in it; `nil` where images are seen as frozen CLIP sees them. A learner
  /// that has one learns from pixels, and its class features do not depend on the image.
  var imagePrompts: PromptedVisionTransformer? { get }

  /// Whether class features depend on what is learned.
  var learnsClassFeatures: Bool { get }
}

extension PromptLearner {
  public var imagePrompts: PromptedVisionTransformer? { nil }
  public var learnsClassFeatures: Bool { true }
  public func logits(of features: Features) throws -> Tensor { features.logits }
  public func features(of images: Tensor, _ classes: Tensor, scale: Float) throws -> Features {
    let features = try Features(images: images, classes: classes, scale: scale)
    return try features.with(logits: logits(of: features))
  }
  public var actsThroughClassFeatures: Bool { true }
}

/// A prompt learner with parameters, which a ``Trainer`` improves.
public protocol TrainablePromptLearner: PromptLearner {
  /// The parameters in the order of ``parameterNames``.
  var parameters: [Tensor] { get }
  /// The parameters' names in the reference's checkpoint files (`C/trainers/coop.py`, `cocoop.py`).
  static var parameterNames: [String] { get }
  /// The same learner with other values of the same shapes.
  func replacing(_ parameters: [Tensor]) throws -> Self
  /// What must be kept beside the parameters to make the learner again, by the names that files give it.
  var constants: [String: Tensor] { get }
}

extension TrainablePromptLearner {
  public var constants: [String: Tensor] { [:] }
}
