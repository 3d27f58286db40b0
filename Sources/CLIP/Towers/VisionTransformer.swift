import Support
import Synchronization
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
  private let read: Indices  // [R]: the rows that are read at the end
  private let extendedReads = ExtendedReads()

  /// The same rows with tokens behind all others, by their number: made once, as each device has a copy of them.
  private final class ExtendedReads: Sendable {
    private let made = Mutex<[Int: Indices]>([:])

    func rows(_ read: Indices, and count: Int, behind rows: Int) throws -> Indices {
      try made.withLock { made in
        if let known = made[count] { return known }
        let extended = try Indices(read.list + Array(rows..<rows + count))
        made[count] = extended
        return extended
      }
    }
  }

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
    read = try Indices(Array(rows))
  }

  /// ViT-B/16 takes 80 ms an image in passes of 4 and 94 ms in passes of 16, whose hidden layers exceed the caches.
  public var imagesPerMicrobatch: Int { 4 }

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    try projected(transformer(rows(of: pixels), attending: .full, at: read, attending: .full))
  }

  /// The same with prompts behind the patches. The first have no position embedding, and are normalised as patches are;
  /// prompts are never read, so that a mean is over the same rows as without them (Khattak et al., CVPR 2023).
  ///
  /// - Parameters:
  ///   - pixels: `[B, 3, H, W]`.
  ///   - prompts: of the tower's width.
  /// - Returns: `[B, E]`, not of unit length. A gradient passes to the prompts.
  /// - Throws: ``CLIPError/depth(_:tower:blocks:)``.
  public func callAsFunction(_ pixels: Tensor, prompts: DeepPrompts) throws -> Tensor {
    let first = prompts.values[0]
    return try projected(
      transformer(
        rows(of: pixels), prompts: prompts.replacingFirst(inputNorm?(first) ?? first), .full(reading: read),
        tower: "image"))
  }

  /// Two features of each image, where tokens stand among the patches from an inner block on: the tower's own, and that
  /// of the mean of what the last block makes of the tokens (Guo, Gu: *MMRL*, CVPR 2025, §3.2).
  ///
  /// The tokens have no position embedding. Each row attends to all others, so that it makes no difference where in the
  /// row they stand.
  ///
  /// - Parameters:
  ///   - pixels: `[B, 3, H, W]`.
  ///   - tokens: of the tower's width, in front of block `block`, from 0, and of those after it.
  ///   - own: `[width, E]`, the projection of their mean.
  /// - Returns: `[B, 2E]`, neither half of unit length. A gradient passes to the tokens and to `own`.
  /// - Throws: ``CLIPError/depth(_:tower:blocks:)``.
  public func callAsFunction(
    _ pixels: Tensor, tokens: DeepPrompts, before block: Int, projectedBy own: Tensor
  ) throws -> Tensor {
    let hidden = try transformer.lower(block, rows(of: pixels), attending: .full)
    let (behind, count, readCount) = (positionalEmbedding.shape[0], tokens.length, read.count)
    let rows = try extendedReads.rows(read, and: count, behind: behind)
    let last = try transformer(
      hidden, prompts: tokens, .full(reading: rows), tower: "image", from: block)  // [B, R + K, width]
    let mean = try outputNorm(last.sliced(readCount..<readCount + count, axis: 1)).mean(over: [1])  // [B, width]
    return try .concatenated([projected(last.sliced(0..<readCount, axis: 1)), mean.matmul(own)], axis: 1)
  }

  /// The width of its rows.
  public var width: Int { configuration.width }
  /// How many blocks it has.
  public var layerCount: Int { transformer.layerCount }

  /// The peak memory of one image's pass, with prompts or without: a third more than the sum of what is kept, as of a
  /// pass of texts.
  ///
  /// - Parameters:
  ///   - prompts: how many rows stand behind the patches.
  ///   - block: the first one with prompts; those below it keep nothing for a gradient.
  ///   - isTraining: whether hidden states are kept for a gradient.
  package func imageBytes(prompts: Int, from block: Int = 0, isTraining: Bool) -> Int {
    let rows = positionalEmbedding.shape[0] + prompts
    let (kept, passing) = transformer.floatsOfRow
    return rows * (passing + (isTraining ? (layerCount - block) * kept : 0)) * MemoryLayout<Float>.size * 4 / 3
  }

  /// The input of the first block, `[B, 1 + patches, width]`.
  private func rows(of pixels: Tensor) throws -> Tensor {
    let (batch, width) = (pixels.shape[0], configuration.width)
    let embedded = try patches(pixels).reshaped([batch, width, -1]).permuted([0, 2, 1])  // [B, patches, width]
    let tokens = try Tensor.concatenated([classEmbedding.expanded(to: [batch, 1, width]), embedded], axis: 1)
    let x = try tokens + positionalEmbedding
    return try inputNorm?(x) ?? x
  }

  /// `[B, R, width]` → `[B, E]`.
  private func projected(_ last: Tensor) throws -> Tensor {
    let pooled =
      try configuration.normalizesAfterPooling
      ? outputNorm(last.mean(over: [1])) : outputNorm(last).mean(over: [1])  // [B, width]
    return try pooled.matmul(projection)
  }
}

/// A vision transformer with fixed prompts among its patches.
public struct PromptedVisionTransformer: ImageEncoder {
  public let tower: VisionTransformer
  public let prompts: DeepPrompts
  /// The way of prompts that enter the tower further up and give a feature of their own; `nil` where they stand in front
  /// of block 0 and are never read.
  public let insertion: Insertion?
  /// What is made of the feature at the end; `nil` leaves it as it is.
  public private(set) var adapter: FeatureAdapter?

  /// Prompts that are read.
  public struct Insertion: Sendable {
    /// The block, from 0, in front of which they first stand.
    public let block: Int
    /// `[width, E]`, what makes the second feature of the mean of their outputs.
    public let projection: Tensor

    public init(before block: Int, projection: Tensor) { (self.block, self.projection) = (block, projection) }
  }

  public init(_ tower: VisionTransformer, _ prompts: DeepPrompts, _ insertion: Insertion? = nil) {
    (self.tower, self.prompts, self.insertion) = (tower, prompts, insertion)
  }

  /// The same with an adapter at its end.
  public func adapted(by adapter: FeatureAdapter) -> PromptedVisionTransformer {
    var adapted = self
    adapted.adapter = adapter
    return adapted
  }

  public var imagesPerMicrobatch: Int { tower.imagesPerMicrobatch }
  public var featuresPerImage: Int { insertion == nil ? 1 : 2 }

  public func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    guard let insertion else {
      let features = try tower(pixels, prompts: prompts)
      return try adapter?(features) ?? features
    }
    return try tower(pixels, tokens: prompts, before: insertion.block, projectedBy: insertion.projection)
  }

  /// The peak memory of one image's pass.
  package func imageBytes(isTraining: Bool) -> Int {
    tower.imageBytes(prompts: prompts.length, from: insertion?.block ?? 0, isTraining: isTraining)
  }

  public var detail: String {
    let values =
      prompts.values + (insertion.map { [$0.projection] } ?? [])
      + (adapter.map { [$0.narrowing, $0.widening] } ?? [])
    let bytes = (try? values.map { try $0.bytes() }) ?? []
    let place = insertion.map { " from block \($0.block) on" } ?? ""
    return
      ", with \(prompts.length) prompts in \(prompts.depth) blocks\(place)\(adapter == nil ? "" : " and an adapter"): \(FileHash.sha256(of: bytes))"
  }
}

extension CLIPModel {
  /// The image tower, where prompts may stand in it.
  ///
  /// - Throws: ``CLIPError/noPlaceForPrompts(model:tower:)``, by the tower's name.
  public var visionTransformer: VisionTransformer {
    get throws {
      if let prompted = imageEncoder as? PromptedVisionTransformer { return prompted.tower }
      if let tower = imageEncoder as? VisionTransformer { return tower }
      let tower =
        switch configuration.image {
        case .visionTransformer: "of another kind"
        case .modifiedResNet: "a residual network"
        case .efficientNetLite: "an EfficientNet"
        }
      throw CLIPError.noPlaceForPrompts(model: name, tower: tower)
    }
  }

  /// The same model without prompts in its image tower.
  package var withoutPrompts: CLIPModel {
    (imageEncoder as? PromptedVisionTransformer).map { encodingImages(by: $0.tower) } ?? self
  }
}
