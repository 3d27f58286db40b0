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
  package static let featureWidth = 1280

  /// One group of equal blocks of Lite0; only the first of them has the stride.
  fileprivate struct Stage {
    let blocks: Int
    let kernel: Int
    let stride: Int
    let expansion: Int
    let channels: Int
  }

  /// One block: where its tensors are, and its sizes.
  package struct BlockPlan: Sendable, Equatable {
    package let path: String
    package let input, output: Int
    package let kernel, stride, expansion: Int

    /// The channels between expansion and contraction.
    package var wide: Int { input * expansion }
    /// Whether the first layer expands; without it, the first norm belongs to the channel filter.
    package var expands: Bool { expansion > 1 }
    package var isResidual: Bool { input == output && stride == 1 }
    /// The tensors' names of the channel filter's norm, of the contraction and of the norm after it.
    package var names: (filterNorm: String, contraction: String, lastNorm: String) {
      expands ? ("bn2", "conv_pwl", "bn3") : ("bn1", "conv_pw", "bn2")
    }
  }

  package static let stemChannels = 32
  fileprivate static let stages = [
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
    let plans = configuration.variant.blockPlans
    blocks = try plans.map { try Block(&weights, $0) }
    head = try SamePaddedConvolution(
      &weights, convolution: "\(trunk).conv_head", norm: "\(trunk).bn2",
      shape: [Self.featureWidth, plans.last?.output ?? Self.stemChannels, 1, 1],
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

    init(_ weights: inout some WeightSource, _ plan: BlockPlan) throws {
      let (path, wide, names) = (plan.path, plan.wide, plan.names)
      var layers: [SamePaddedConvolution] = []
      if plan.expands {
        layers.append(
          try SamePaddedConvolution(
            &weights, convolution: "\(path).conv_pw", norm: "\(path).bn1", shape: [wide, plan.input, 1, 1],
            activation: .relu6))
      }
      layers.append(
        try SamePaddedConvolution(
          &weights, convolution: "\(path).conv_dw", norm: "\(path).\(names.filterNorm)",
          shape: [wide, 1, plan.kernel, plan.kernel], stride: plan.stride, groups: wide, activation: .relu6))
      layers.append(
        try SamePaddedConvolution(
          &weights, convolution: "\(path).\(names.contraction)", norm: "\(path).\(names.lastNorm)",
          shape: [plan.output, wide, 1, 1], activation: nil))
      self.layers = layers
      isResidual = plan.isResidual
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      let y = try layers.reduce(x) { hidden, layer in try layer(hidden) }
      return isResidual ? try x + y : y
    }
  }
}

extension EfficientNetLite.Variant {
  /// The blocks of a network of this variant, in their order.
  package var blockPlans: [EfficientNetLite.BlockPlan] {
    var plans: [EfficientNetLite.BlockPlan] = []
    var channels = EfficientNetLite.stemChannels
    let stages = EfficientNetLite.stages
    for (index, stage) in stages.enumerated() {
      let output = self.channels(stage.channels)
      let isScaled = index > 0 && index < stages.count - 1
      for repetition in 0..<(isScaled ? blocks(stage.blocks) : stage.blocks) {
        plans.append(
          EfficientNetLite.BlockPlan(
            path: "visual.trunk.blocks.\(index).\(repetition)", input: channels, output: output, kernel: stage.kernel,
            stride: repetition == 0 ? stage.stride : 1, expansion: stage.expansion))
        channels = output
      }
    }
    return plans
  }

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
package struct SamePaddedConvolution: Sendable {
  /// timm's epsilon for models that come from TensorFlow.
  package static let epsilon = 1e-3

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
    let (top, bottom) = Self.margins(x.shape[2], kernel: kernel, stride: stride)
    let (left, right) = Self.margins(x.shape[3], kernel: kernel, stride: stride)
    return try x.zeroPadded(left: left, right: right, top: top, bottom: bottom)
  }

  /// Zeros before and after an edge of `length`, so that the output has ⌈length / stride⌉; the odd one comes after.
  package static func margins(_ length: Int, kernel: Int, stride: Int) -> (before: Int, after: Int) {
    let outputs = (length + stride - 1) / stride
    let total = max((outputs - 1) * stride + kernel - length, 0)
    return (total / 2, total - total / 2)
  }
}
