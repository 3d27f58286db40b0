import Torch

/// CLIP's vision transformer: patches, a class token, a transformer, a projection (Dosovitskiy et al., 2021).
public struct VisionTransformer: ImageEncoder {
  public struct Configuration: Sendable, Equatable {
    /// The edge of the square input, in pixels. The remainder after the last whole patch is ignored.
    public var imageSize: Int
    public var patchSize: Int
    public var width: Int
    public var layers: Int
    public var heads: Int
    /// The width of the two-layer MLP in each block.
    public var mlpWidth: Int
    /// Whether each block scales its residual branches, channel by channel: layer scale (Touvron et al., 2021).
    public var hasLayerScale: Bool
    public var normEpsilon: Double
    /// Whether patches are normalised before the first block.
    public var hasInputNorm: Bool
    public var pooling: Pooling
    /// Whether the last norm comes after averaging, and not before.
    public var normalizesAfterPooling: Bool

    /// - Parameter mlpWidth: the MLP's width, by default four times `width`.
    public init(
      imageSize: Int, patchSize: Int, width: Int, layers: Int, heads: Int, mlpWidth: Int? = nil,
      hasLayerScale: Bool = false, normEpsilon: Double = 1e-5, hasInputNorm: Bool = true,
      pooling: Pooling = .classToken, normalizesAfterPooling: Bool = false
    ) {
      self.imageSize = imageSize
      self.patchSize = patchSize
      self.width = width
      self.layers = layers
      self.heads = heads
      self.mlpWidth = mlpWidth ?? 4 * width
      self.hasLayerScale = hasLayerScale
      self.normEpsilon = normEpsilon
      self.hasInputNorm = hasInputNorm
      self.pooling = pooling
      self.normalizesAfterPooling = normalizesAfterPooling
    }
  }

  /// The rows that form the feature after the last block.
  public enum Pooling: Sendable, Equatable {
    /// The row of the class token.
    case classToken
    /// The mean of the other rows.
    case averageOfPatches
    /// The mean of all rows.
    case averageOfTokens
  }

  private let configuration: Configuration
  private let patches: Convolution
  private let classEmbedding: Tensor  // [1, 1, width]
  private let positionalEmbedding: Tensor  // [1 + patches, width]
  private let inputNorm: LayerNorm?
  private let transformer: Transformer
  private let outputNorm: LayerNorm
  private let projection: Tensor  // [width, E]
  private let read: Tensor  // [R]: the rows that are read at the end

  init(_ weights: inout some WeightSource, _ configuration: Configuration, embeddingWidth: Int, activation: Activation)
    throws
  {
    self.configuration = configuration
    let (width, patch) = (configuration.width, configuration.patchSize)
    let patchesPerEdge = configuration.imageSize / patch
    patches = try Convolution(
      weight: weights.take("visual.conv1.weight", [width, 3, patch, patch]), bias: nil, stride: patch)
    classEmbedding = try weights.take("visual.class_embedding", [width]).reshaped([1, 1, width])
    positionalEmbedding = try weights.take(
      "visual.positional_embedding", [1 + patchesPerEdge * patchesPerEdge, width])
    let epsilon = configuration.normEpsilon
    inputNorm =
      configuration.hasInputNorm ? try weights.layerNorm("visual.ln_pre", width: width, epsilon: epsilon) : nil
    transformer = try Transformer(
      &weights, "visual.transformer", layers: configuration.layers,
      BlockShape(
        width: width, heads: configuration.heads, mlpWidth: configuration.mlpWidth,
        hasLayerScale: configuration.hasLayerScale, normEpsilon: epsilon, activation: activation))
    outputNorm = try weights.layerNorm("visual.ln_post", width: width, epsilon: epsilon)
    projection = try weights.take("visual.proj", [width, embeddingWidth])
    let tokens = 1 + patchesPerEdge * patchesPerEdge
    let rows =
      switch configuration.pooling {
      case .classToken: 0..<1
      case .averageOfPatches: 1..<tokens
      case .averageOfTokens: 0..<tokens
      }
    read = try Tensor(Array(rows), shape: [rows.count])
  }

  /// ViT-B/16 takes 80 ms an image in passes of 4 and 94 ms in passes of 16, whose hidden layers exceed the caches.
  public var imagesPerMicrobatch: Int { 4 }

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    let (batch, width) = (pixels.shape[0], configuration.width)
    let embedded = try patches(pixels).reshaped([batch, width, -1]).permuted([0, 2, 1])  // [B, patches, width]
    let tokens = try Tensor.concatenated([classEmbedding.expanded(to: [batch, 1, width]), embedded], axis: 1)
    let x = try tokens + positionalEmbedding
    let last = try transformer(inputNorm?(x) ?? x, attending: .full, at: read, attending: .full)  // [B, R, width]
    let pooled =
      try configuration.normalizesAfterPooling
      ? outputNorm(last.mean(over: [1])) : outputNorm(last).mean(over: [1])  // [B, width]
    return try pooled.matmul(projection)
  }
}
