import CLIP
import Torch

/// The features of a batch from the two towers: the inputs of every loss.
public struct Features: Sendable {
  /// f `[B, E]`, unit rows.
  public let images: Tensor
  /// g `[1, C, E]` where the classes do not depend on the image, otherwise `[B, C, E]`; unit rows.
  public let classes: Tensor
  /// The scaled cosines of f and g, or what a head makes of them, `[B, C]`: their softmax is p(c | x).
  public let logits: Tensor
  /// The logits of each of several heads; empty where ``logits`` are all.
  public let heads: [Tensor]

  /// The same features with logits that heads have made of them, `[B, C]` each.
  func with(logits: Tensor, of heads: [Tensor] = []) -> Features {
    Features(images: images, classes: classes, logits: logits, heads: heads)
  }

  private init(images: Tensor, classes: Tensor, logits: Tensor, heads: [Tensor]) {
    (self.images, self.classes, self.logits, self.heads) = (images, classes, logits, heads)
  }

  /// - Parameter scale: of the cosines, CLIP's exp(logit scale).
  public init(images: Tensor, classes: Tensor, scale: Float) throws {
    self.images = images
    self.classes = classes
    heads = []
    let isShared = classes.shape[0] == 1
    // Scaled before the product, as in the reference, so that the last digit agrees.
    let scaled = try (images * scale).unsqueezed(at: isShared ? 0 : 1)  // [1, B, E] or [B, 1, E]
    logits = try scaled.matmul(classes.permuted([0, 2, 1]))  // [1, B, C] or [B, 1, C]
      .reshaped([images.shape[0], -1])
  }
}

/// One summand of a loss, by name.
public struct LossTerm: Sendable {
  public let name: String
  /// A scalar: a mean over the images, so that groups of images add up.
  public let value: Tensor
  /// Whether it is no part of the loss: a gradient rule alone takes its gradient.
  public let isGuide: Bool

  public init(_ name: String, _ value: Tensor, isGuide: Bool = false) {
    self.name = name
    self.value = value
    self.isGuide = isGuide
  }
}

/// A loss as a function of features: the sum of named terms, guides apart.
///
/// The gradient is cut at the features. However classes and images are divided, an objective gets all of them at once,
/// and its gradients with respect to g are then pulled back through the text encoder.
public protocol Objective: Sendable {
  /// - Parameters:
  ///   - student: the learner's features.
  ///   - teacher: the features of frozen CLIP with fixed sentences, for the same images and classes; `nil` where the
  ///     recipe has none.
  ///   - labels: `[B]`, integers in 0 ..< C.
  /// - Returns: at least one term.
  func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm]
}

/// The mean cross-entropy, in nats: the loss of CoOp and CoCoOp.
public struct CrossEntropy: Objective {
  public init() {}

  public func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm] {
    [LossTerm("cross-entropy", try student.logits.crossEntropy(labels))]
  }
}
