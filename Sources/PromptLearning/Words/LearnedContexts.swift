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

extension PromptCheckpoint {
  /// The context vectors of this file; `nil` for zero-shot prompts, which have none.
  ///
  /// - Parameters:
  ///   - identity: of `clip`; it must be the one that the prompts were learned on.
  ///   - path: what errors call the file.
  public func contexts(on clip: CLIPModel, identity: ModelIdentity, path: String) throws -> LearnedContexts? {
    try description.checkModel(is: identity, path: path)
    switch description.method {
    case .zeroShot, .zeroShotEnsemble, .linearProbe: return nil
    case .coop:
      let vectors = try checkedContext(on: clip, path: path)
      let isClassSpecific = vectors.shape.count == 3
      return LearnedContexts(
        try isClassSpecific ? vectors : vectors.unsqueezed(at: 0), isClassSpecific: isClassSpecific, metaNetwork: nil)
    case .cocoop:
      return LearnedContexts(
        try checkedContext(on: clip, path: path).unsqueezed(at: 0), isClassSpecific: false,
        metaNetwork: try MetaNetwork(checkedMetaNetwork(on: clip, path: path)))
    }
  }
}
