import CLIP
import Torch

/// The context vectors that a file of prompts holds, without any class names.
public struct LearnedContexts: Sendable {
  /// `[S, M, D]`: S is 1 where all classes share their vectors, else C.
  public let vectors: Tensor
  /// Whether each class has vectors of its own.
  public let isClassSpecific: Bool
  /// CoCoOp's alone.
  private let metaNetwork: MetaNetwork?

  init(_ vectors: Tensor, isClassSpecific: Bool, metaNetwork: MetaNetwork?) {
    self.vectors = vectors
    self.isClassSpecific = isClassSpecific
    self.metaNetwork = metaNetwork
  }

  /// Whether an image shifts the vectors.
  public var isConditional: Bool { metaNetwork != nil }

  /// The vectors as images shift them; as they are, where images don't.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: `[B, M, D]`, or ``vectors``.
  public func shifted(by imageFeatures: Tensor) throws -> Tensor {
    guard let metaNetwork else { return vectors }
    return try vectors + metaNetwork(imageFeatures).unsqueezed(at: 1)
  }
}
