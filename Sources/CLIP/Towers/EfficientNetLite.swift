import Torch

/// EfficientNet-Lite as timm's `tf_efficientnet_lite0` to `4` compute it, with average pooling.
///
/// Source: Tan and Le, 2019, in the variants without squeeze-and-excitation and with ReLU6 that were published for
/// mobile devices. Padding is TensorFlow's "same", which is uneven where the stride is 2. Batch normalisation is
/// part of the convolutions.
public struct EfficientNetLite: ImageEncoder {
  public struct Configuration: Sendable, Equatable {
    public var variant: Variant
    public var projection: Projection

    public init(variant: Variant = .lite0, projection: Projection = .linear(hasBias: false)) {
      self.variant = variant
      self.projection = projection
    }
  }

  public enum Variant: Int, Sendable, CaseIterable {
    case lite0, lite1, lite2, lite3, lite4

    fileprivate var widthFactor: Double { [1, 1, 1.1, 1.2, 1.4][rawValue] }
    fileprivate var depthFactor: Double { [1, 1.1, 1.2, 1.4, 1.8][rawValue] }
  }

  /// The projection from the pooled features to E.
  public enum Projection: Sendable, Equatable {
    /// open_clip's own layer after timm's network.
    case linear(hasBias: Bool)
    /// The classifier of timm's network.
    case classifier
    /// No projection: E is ``featureWidth``.
    case none
  }

  /// The channels of the pooled features, the same in all variants.
  static let featureWidth = 1280

  /// One group of equal blocks of Lite0; only the first of them has the stride.
  private struct Stage {
    let blocks: Int
    let kernel: Int
    let stride: Int
    let expansion: Int
    let channels: Int
  }

  private static let stemChannels = 32
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
  private let projection: FrozenLinear?  // 1280 → E

  init(_ weights: inout some WeightSource, _ configuration: Configuration, embeddingWidth: Int) throws {
    let trunk = "visual.trunk"
    stem = try SamePaddedConvolution(
      &weights, convolution: "\(trunk).conv_stem", norm: "\(trunk).bn1", shape: [Self.stemChannels, 3, 3, 3], stride: 2,
      activation: .relu6)
    var blocks: [Block] = []
    var channels = Self.stemChannels
    for (index, stage) in Self.stages.enumerated() {
      let output = configuration.variant.channels(stage.channels)
      let isScaled = index > 0 && index < Self.stages.count - 1
      for repetition in 0..<(isScaled ? configuration.variant.blocks(stage.blocks) : stage.blocks) {
        blocks.append(
          try Block(
            &weights, "\(trunk).blocks.\(index).\(repetition)", from: channels, to: output, kernel: stage.kernel,
            stride: repetition == 0 ? stage.stride : 1, expansion: stage.expansion))
        channels = output
      }
    }
    self.blocks = blocks
    head = try SamePaddedConvolution(
      &weights, convolution: "\(trunk).conv_head", norm: "\(trunk).bn2", shape: [Self.featureWidth, channels, 1, 1],
      activation: .relu6)
    projection =
      switch configuration.projection {
      case .linear(let hasBias):
        try weights.linear("visual.head.proj", from: Self.featureWidth, to: embeddingWidth, hasBias: hasBias)
      case .classifier: try weights.linear("\(trunk).classifier", from: Self.featureWidth, to: embeddingWidth)
      case .none: nil
      }
  }

  /// A layer of one image is 5 MB, and the filters are small: in measurements, more images only miss the caches.
  public var imagesPerMicrobatch: Int { 4 }

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    let hidden = try head(blocks.reduce(stem(pixels)) { hidden, block in try block(hidden) })  // [B, 1280, 7, 7]
    let pooled = try hidden.mean(over: [2, 3])  // [B, 1280]
    return try projection?(pooled) ?? pooled
  }

  /// An inverted residual: expand, filter each channel, contract; added to its input where the shapes agree.
  private struct Block: Sendable {
    private let layers: [SamePaddedConvolution]
    private let isResidual: Bool

    init(
      _ weights: inout some WeightSource, _ path: String, from input: Int, to output: Int, kernel: Int, stride: Int,
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

extension EfficientNetLite.Variant {
  /// The number of blocks of a stage that has `count` blocks in Lite0.
  fileprivate func blocks(_ count: Int) -> Int { Int((Double(count) * depthFactor).rounded(.up)) }

  /// The number of channels of a stage that has `count` in Lite0: the nearest multiple of 8 that loses at most a tenth.
  fileprivate func channels(_ count: Int) -> Int {
    let exact = Double(count) * widthFactor
    let rounded = max(8, Int(exact + 4) / 8 * 8)
    return Double(rounded) < 0.9 * exact ? rounded + 8 : rounded
  }
}

/// A convolution, the batch normalisation after it, and an activation, padded as TensorFlow's "same".
struct SamePaddedConvolution: Sendable {
  /// timm's epsilon for models that come from TensorFlow.
  private static let epsilon = 1e-3

  private let convolution: FrozenConvolution
  private let kernel: Int
  private let stride: Int

  /// - Parameter shape: the shape of the weight, `[out, in / groups, kernel, kernel]`.
  init(
    _ weights: inout some WeightSource, convolution path: String, norm: String, shape: [Int], stride: Int = 1,
    groups: Int = 1,
    activation: FrozenConvolution.Activation?
  ) throws {
    kernel = shape[3]
    self.stride = stride
    convolution = try FrozenConvolution(
      weight: weights.take("\(path).weight", shape),
      norm: weights.batchNorm(norm, channels: shape[0], epsilon: Self.epsilon), stride: stride,
      padding: stride == 1 ? kernel / 2 : 0, groups: groups, activation: activation)
  }

  /// `[B, in, H, W]` → `[B, out, ⌈H / stride⌉, ⌈W / stride⌉]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try convolution(stride == 1 ? x : padded(x)) }

  private func padded(_ x: Tensor) throws -> Tensor {
    let (top, bottom) = margins(x.shape[2])
    let (left, right) = margins(x.shape[3])
    return try x.zeroPadded(left: left, right: right, top: top, bottom: bottom)
  }

  /// Zeros before and after an edge of `length`, so that the output has ⌈length / stride⌉; the odd one comes after.
  private func margins(_ length: Int) -> (before: Int, after: Int) {
    let outputs = (length + stride - 1) / stride
    let total = max((outputs - 1) * stride + kernel - length, 0)
    return (total / 2, total - total / 2)
  }
}
