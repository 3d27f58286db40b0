import Torch

/// CLIP's vision transformer: patches, a class token, a transformer, a projection (Dosovitskiy et al., 2021).
public struct VisionTransformer: ImageEncoder {
  public struct Configuration: Sendable, Equatable {
    /// The edge of the square input, in pixels; a multiple of `patchSize`.
    public var imageSize: Int
    public var patchSize: Int
    public var width: Int
    public var layers: Int
    public var heads: Int

    public init(imageSize: Int, patchSize: Int, width: Int, layers: Int, heads: Int) {
      self.imageSize = imageSize
      self.patchSize = patchSize
      self.width = width
      self.layers = layers
      self.heads = heads
    }
  }

  private let configuration: Configuration
  private let patches: Convolution
  private let classEmbedding: Tensor  // [1, 1, width]
  private let positionalEmbedding: Tensor  // [1 + patches, width]
  private let inputNorm: LayerNorm
  private let transformer: Transformer
  private let outputNorm: LayerNorm
  private let projection: Tensor  // [width, E]
  private let classToken: Tensor  // [1]: the row that is read at the end

  init(_ weights: inout Weights, _ configuration: Configuration, embeddingWidth: Int, activation: Activation) throws {
    self.configuration = configuration
    let (width, patch) = (configuration.width, configuration.patchSize)
    let patchesPerEdge = configuration.imageSize / patch
    patches = try Convolution(
      weight: weights.take("visual.conv1.weight", [width, 3, patch, patch]), bias: nil, stride: patch)
    classEmbedding = try weights.take("visual.class_embedding", [width]).reshaped([1, 1, width])
    positionalEmbedding = try weights.take(
      "visual.positional_embedding", [1 + patchesPerEdge * patchesPerEdge, width])
    inputNorm = try weights.layerNorm("visual.ln_pre", width: width)
    transformer = try Transformer(
      &weights, "visual.transformer", width: width, layers: configuration.layers, heads: configuration.heads,
      activation: activation)
    outputNorm = try weights.layerNorm("visual.ln_post", width: width)
    projection = try weights.take("visual.proj", [width, embeddingWidth])
    classToken = try Tensor([0], shape: [1])
  }

  public var imagesPerPass: Int { 16 }

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    let (batch, width) = (pixels.shape[0], configuration.width)
    let embedded = try patches(pixels).reshaped([batch, width, -1]).permuted([0, 2, 1])  // [B, patches, width]
    let tokens = try Tensor.concatenated([classEmbedding.expanded(to: [batch, 1, width]), embedded], axis: 1)
    let x = try inputNorm(tokens + positionalEmbedding)
    let read = try transformer(x, attending: .full, at: classToken, attending: .full)  // [B, 1, width]
    return try outputNorm(read).reshaped([batch, width]).matmul(projection)
  }
}
