import Torch

/// The architecture of a checkpoint and the pixels it expects.
///
/// It is read from open_clip's `open_clip_config.json`, taken from OpenAI's nine by name, or inferred from the tensors
/// of a checkpoint that has no configuration.
public struct CLIPConfiguration: Sendable, Equatable {
  /// E: the width of the space that images and texts share.
  public var embeddingWidth: Int
  public var image: ImageTower
  public var text: TextTower
  /// The activation of both transformers.
  public var activation: Activation
  public var preprocessing: Preprocessing
  /// The settings that the checkpoint leaves open and that its kind implies, one clause each; empty where everything
  /// was stated.
  public var assumptions: [String]

  public enum ImageTower: Sendable, Equatable {
    case visionTransformer(VisionTransformer.Configuration)
    case modifiedResNet(ModifiedResNet.Configuration)
    case efficientNetLite(EfficientNetLite.Configuration)
  }

  public struct TextTower: Sendable, Equatable {
    /// L: the most tokens that a prompt may have, start and end included.
    public var tokenLimit: Int
    public var vocabularySize: Int
    /// D: the width of the text tower.
    public var width: Int
    public var heads: Int
    public var layers: Int
    /// The width of the two-layer MLP in each block.
    public var mlpWidth: Int
    /// Whether each block scales its residual branches, channel by channel: layer scale (Touvron et al., 2021).
    public var hasLayerScale: Bool
    public var normEpsilon: Double
    public var projection: Projection

    /// The projection from D to E.
    public enum Projection: Sendable, Equatable {
      /// A matrix `[D, E]`, as in OpenAI's models.
      case matrix
      /// A linear layer with a bias.
      case biased
      /// No projection: D is E.
      case none
    }

    /// - Parameter mlpWidth: the MLP's width, by default four times `width`.
    public init(
      tokenLimit: Int = 77, vocabularySize: Int = 49408, width: Int = 512, heads: Int = 8, layers: Int = 12,
      mlpWidth: Int? = nil, hasLayerScale: Bool = false, normEpsilon: Double = 1e-5,
      projection: Projection = .matrix
    ) {
      self.tokenLimit = tokenLimit
      self.vocabularySize = vocabularySize
      self.width = width
      self.heads = heads
      self.layers = layers
      self.mlpWidth = mlpWidth ?? 4 * width
      self.hasLayerScale = hasLayerScale
      self.normEpsilon = normEpsilon
      self.projection = projection
    }
  }

  public init(
    embeddingWidth: Int, image: ImageTower, text: TextTower, activation: Activation, preprocessing: Preprocessing,
    assumptions: [String] = []
  ) {
    self.embeddingWidth = embeddingWidth
    self.image = image
    self.text = text
    self.activation = activation
    self.preprocessing = preprocessing
    self.assumptions = assumptions
  }
}

extension CLIPConfiguration.ImageTower: CustomStringConvertible {
  /// A description such as "ViT, width 768, 12 layers, patches of 16".
  public var description: String {
    switch self {
    case .visionTransformer(let tower):
      "ViT, width \(tower.width), \(tower.layers) layers, patches of \(tower.patchSize)"
    case .modifiedResNet(let tower):
      "ModifiedResNet, width \(tower.width), blocks \(tower.blocks.map(String.init).joined(separator: "-"))"
    case .efficientNetLite(let tower): "EfficientNet-Lite\(tower.variant.rawValue)"
    }
  }
}
