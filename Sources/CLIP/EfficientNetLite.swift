import Torch

/// EfficientNet-Lite0 as timm's `tf_efficientnet_lite0` computes it, with average pooling and a linear head.
///
/// Source: Tan and Le, 2019, in the variant without squeeze-and-excitation and with ReLU6 that was published for
/// mobile devices. Padding is TensorFlow's "same", which is uneven where the stride is 2. Batch normalisation is
/// not folded into the convolutions: folding rounds the weights once more, and saves little.
public struct EfficientNetLite: ImageEncoder {
  /// One group of equal blocks; only the first of them has the stride.
  private struct Stage {
    let blocks: Int
    let kernel: Int
    let stride: Int
    let expansion: Int
    let channels: Int
  }

  private static let stemChannels = 32
  private static let headChannels = 1280
  private static let stages = [
    Stage(blocks: 1, kernel: 3, stride: 1, expansion: 1, channels: 16),
    Stage(blocks: 2, kernel: 3, stride: 2, expansion: 6, channels: 24),
    Stage(blocks: 2, kernel: 5, stride: 2, expansion: 6, channels: 40),
    Stage(blocks: 3, kernel: 3, stride: 2, expansion: 6, channels: 80),
    Stage(blocks: 3, kernel: 5, stride: 1, expansion: 6, channels: 112),
    Stage(blocks: 4, kernel: 5, stride: 2, expansion: 6, channels: 192),
    Stage(blocks: 1, kernel: 3, stride: 1, expansion: 6, channels: 320),
  ]

  private let stem: SamePaddedConvolution
  private let blocks: [Block]
  private let head: SamePaddedConvolution
  private let projection: FrozenLinear  // 1280 → E

  init(_ weights: inout Weights, embeddingWidth: Int) throws {
    let trunk = "visual.trunk"
    stem = try SamePaddedConvolution(
      &weights, convolution: "\(trunk).conv_stem", norm: "\(trunk).bn1", shape: [Self.stemChannels, 3, 3, 3], stride: 2,
      activation: .relu6)
    var blocks: [Block] = []
    var channels = Self.stemChannels
    for (index, stage) in Self.stages.enumerated() {
      for repetition in 0..<stage.blocks {
        blocks.append(
          try Block(
            &weights, "\(trunk).blocks.\(index).\(repetition)", from: channels, to: stage.channels,
            kernel: stage.kernel,
            stride: repetition == 0 ? stage.stride : 1, expansion: stage.expansion))
        channels = stage.channels
      }
    }
    self.blocks = blocks
    head = try SamePaddedConvolution(
      &weights, convolution: "\(trunk).conv_head", norm: "\(trunk).bn2", shape: [Self.headChannels, channels, 1, 1],
      activation: .relu6)
    projection = try weights.linear("visual.head.proj", from: Self.headChannels, to: embeddingWidth, hasBias: false)
    weights.ignore { $0.hasSuffix(".num_batches_tracked") }
  }

  /// A layer of one image is 5 MB, and the filters are small: measured, more than two images only miss the caches.
  public var imagesPerPass: Int { 2 }

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    let hidden = try head(blocks.reduce(stem(pixels)) { hidden, block in try block(hidden) })  // [B, 1280, 7, 7]
    return try projection(hidden.mean(over: [2, 3]))
  }

  /// An inverted residual: expand, filter each channel, contract; added to its input where the shapes agree.
  private struct Block: Sendable {
    private let layers: [SamePaddedConvolution]
    private let isResidual: Bool

    init(
      _ weights: inout Weights, _ path: String, from input: Int, to output: Int, kernel: Int, stride: Int,
      expansion: Int
    ) throws {
      let wide = input * expansion
      let expands = expansion > 1  // without expansion, the first norm belongs to the channel filter
      let names =
        expands
        ? (filter: "bn2", contraction: "conv_pwl", last: "bn3") : (filter: "bn1", contraction: "conv_pw", last: "bn2")
      var layers: [SamePaddedConvolution] = []
      if expands {
        layers.append(
          try SamePaddedConvolution(
            &weights, convolution: "\(path).conv_pw", norm: "\(path).bn1", shape: [wide, input, 1, 1],
            activation: .relu6))
      }
      layers.append(
        try SamePaddedConvolution(
          &weights, convolution: "\(path).conv_dw", norm: "\(path).\(names.filter)", shape: [wide, 1, kernel, kernel],
          stride: stride, groups: wide, activation: .relu6))
      layers.append(
        try SamePaddedConvolution(
          &weights, convolution: "\(path).\(names.contraction)", norm: "\(path).\(names.last)",
          shape: [output, wide, 1, 1], activation: nil))
      self.layers = layers
      isResidual = input == output && stride == 1
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      let y = try layers.reduce(x) { hidden, layer in try layer(hidden) }
      return isResidual ? try x + y : y
    }
  }
}
