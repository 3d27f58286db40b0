import Torch

/// CLIP's residual network: a stem of three convolutions, average pooling instead of strides, and attention pooling.
///
/// Source: Radford et al., 2021, section 2.4, after He et al., 2016 and Zhang, 2019. Batch normalisation keeps the
/// statistics of training, and so it becomes part of the convolutions.
public struct ModifiedResNet: ImageEncoder {
  public struct Configuration: Sendable, Equatable {
    /// The edge of the square input, in pixels; the last feature map is a 32nd of it.
    public var imageSize: Int
    /// Channels after the stem.
    public var width: Int
    /// Bottlenecks of each of the four stages.
    public var blocks: [Int]
    /// The heads of the attention pooling.
    public var heads: Int

    /// - Parameter heads: the number of heads, by default as many as are 64 wide.
    public init(imageSize: Int, width: Int, blocks: [Int], heads: Int? = nil) {
      self.imageSize = imageSize
      self.width = width
      self.blocks = blocks
      self.heads = heads ?? width / 2
    }
  }

  private let stem: [FrozenConvolution]
  private let bottlenecks: [Bottleneck]
  private let pooling: AttentionPooling

  init(_ weights: inout some WeightSource, _ configuration: Configuration, embeddingWidth: Int) throws {
    let width = configuration.width
    let channels = [3, width / 2, width / 2, width]
    stem = try (1...3).map { index in
      try Self.convolution(
        &weights, "visual.conv\(index)", norm: "visual.bn\(index)",
        shape: [channels[index], channels[index - 1], 3, 3], stride: index == 1 ? 2 : 1, isRectified: true)
    }
    let activations = Double(configuration.imageSize * configuration.imageSize) * Double(width)
    imagesPerMicrobatch = max(1, Int(16 * 224 * 224 * 64 / activations))
    var input = width
    var bottlenecks: [Bottleneck] = []
    for (stage, count) in configuration.blocks.enumerated() {
      let inner = width << stage
      for block in 0..<count {
        bottlenecks.append(
          try Bottleneck(
            &weights, "visual.layer\(stage + 1).\(block)", from: input, inner: inner,
            pool: stage > 0 && block == 0 ? 2 : 1))
        input = Bottleneck.expansion * inner
      }
    }
    self.bottlenecks = bottlenecks
    pooling = try AttentionPooling(
      &weights, "visual.attnpool", from: input, to: embeddingWidth, edge: configuration.imageSize / 32,
      heads: configuration.heads)
  }

  /// Sixteen for RN50, which takes 0.25 GB more than four and a seventh less time (measured on one thread); fewer where
  /// the pictures and the network are larger, so that a pass takes no more memory.
  public let imagesPerMicrobatch: Int

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    let stemmed = try stem.reduce(pixels) { x, layer in try layer(x) }.averagePooled(by: 2)  // [B, width, H/4, W/4]
    return try pooling(bottlenecks.reduce(stemmed) { x, block in try block(x) })
  }

  /// A convolution that keeps the size of the picture (unless it has a stride), its batch normalisation, and ReLU.
  private static func convolution(
    _ weights: inout some WeightSource, _ path: String, norm: String, shape: [Int], stride: Int = 1, isRectified: Bool
  ) throws -> FrozenConvolution {
    try FrozenConvolution(
      weight: weights.take("\(path).weight", shape),
      norm: weights.batchNorm(norm, channels: shape[0], epsilon: 1e-5), stride: stride, padding: shape[3] / 2,
      activation: isRectified ? .relu : nil)
  }

  /// The bottleneck block: narrow, filter, pool, widen; added to its input, which is pooled and widened where the
  /// shapes differ.
  private struct Bottleneck: Sendable {
    static let expansion = 4
    private let narrow: FrozenConvolution
    private let filter: FrozenConvolution
    private let widen: FrozenConvolution
    private let shortcut: FrozenConvolution?
    private let pool: Int

    init(_ weights: inout some WeightSource, _ path: String, from input: Int, inner: Int, pool: Int) throws {
      let output = Self.expansion * inner
      narrow = try ModifiedResNet.convolution(
        &weights, "\(path).conv1", norm: "\(path).bn1", shape: [inner, input, 1, 1], isRectified: true)
      filter = try ModifiedResNet.convolution(
        &weights, "\(path).conv2", norm: "\(path).bn2", shape: [inner, inner, 3, 3], isRectified: true)
      widen = try ModifiedResNet.convolution(
        &weights, "\(path).conv3", norm: "\(path).bn3", shape: [output, inner, 1, 1], isRectified: false)
      shortcut =
        pool == 1 && input == output
        ? nil
        : try ModifiedResNet.convolution(
          &weights, "\(path).downsample.0", norm: "\(path).downsample.1", shape: [output, input, 1, 1],
          isRectified: false)
      self.pool = pool
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      let residual = try widen(filter(narrow(x)).averagePooled(by: pool))
      let identity = try shortcut?(x.averagePooled(by: pool)) ?? x
      return try Activation.relu(residual + identity)
    }
  }
}

/// Pools a feature map by one attention query, the mean of all positions (Radford et al., 2021, section 2.4).
struct AttentionPooling: Sendable {
  private let positionalEmbedding: Tensor  // [1 + H·W, C]; the first row is the mean's
  private let query: FrozenLinear  // C → C
  private let key: FrozenLinear  // C → C
  private let value: FrozenLinear  // C → C
  private let output: FrozenLinear  // C → E
  private let heads: Int

  /// - Parameter edge: H and W of the feature map.
  init(_ weights: inout some WeightSource, _ path: String, from channels: Int, to width: Int, edge: Int, heads: Int)
    throws
  {
    positionalEmbedding = try weights.take("\(path).positional_embedding", [1 + edge * edge, channels])
    query = try weights.linear("\(path).q_proj", from: channels, to: channels)
    key = try weights.linear("\(path).k_proj", from: channels, to: channels)
    value = try weights.linear("\(path).v_proj", from: channels, to: channels)
    output = try weights.linear("\(path).c_proj", from: channels, to: width)
    self.heads = heads
  }

  /// `[B, C, H, W]` → `[B, E]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let (batch, channels) = (x.shape[0], x.shape[1])
    let positions = try x.reshaped([batch, channels, -1]).permuted([0, 2, 1])  // [B, H·W, C]
    let mean = try positions.mean(over: [1]).unsqueezed(at: 1)  // [B, 1, C]
    let tokens = try Tensor.concatenated([mean, positions], axis: 1) + positionalEmbedding
    let attended = try query(tokens.sliced(0..<1, axis: 1)).attending(
      to: key(tokens), values: value(tokens), heads: heads, pattern: .full)  // [B, 1, C]
    return try output(attended.reshaped([batch, channels]))
  }
}
