import Torch

/// The shape that all blocks of one transformer share.
struct BlockShape: Sendable {
  let width: Int  // D
  let heads: Int
  let mlpWidth: Int  // P, usually 4D
  let hasLayerScale: Bool
  let normEpsilon: Double
  let activation: Activation
}

/// One residual block of a pre-norm transformer: attention, then a two-layer MLP (Radford et al., 2021).
struct TransformerBlock: Sendable {
  private let attentionNorm: LayerNorm
  private let queryKeyValue: FrozenLinear  // D → 3D
  private let attentionOutput: ScaledLinear  // D → D
  private let mlp: MLP
  private let heads: Int

  init(_ weights: inout some WeightSource, _ path: String, _ shape: BlockShape) throws {
    let width = shape.width
    attentionNorm = try weights.layerNorm("\(path).ln_1", width: width, epsilon: shape.normEpsilon)
    queryKeyValue = try FrozenLinear(
      weight: weights.take("\(path).attn.in_proj_weight", [3 * width, width]),
      bias: weights.take("\(path).attn.in_proj_bias", [3 * width]), precision: weights.precision)
    attentionOutput = try ScaledLinear(
      &weights, "\(path).attn.out_proj", from: width, to: width, scale: shape.hasLayerScale ? "\(path).ls_1" : nil)
    mlp = try MLP(&weights, path, shape)
    heads = shape.heads
  }

  /// Queries, keys and values of each row, concatenated: `[B, N, D]` → `[B, N, 3D]`.
  func projected(_ x: Tensor) throws -> Tensor { try queryKeyValue(attentionNorm(x)) }

  /// - Parameters:
  ///   - x: `[B, N, D]`.
  ///   - projected: the result of ``projected(_:)`` for `x`, where it is already known.
  ///   - pattern: the rows that each row attends to.
  /// - Returns: `[B, N, D]`.
  func callAsFunction(
    _ x: Tensor, projected: Tensor? = nil, attending pattern: AttentionPattern
  ) throws -> Tensor {
    let mixed = try (projected ?? self.projected(x)).split(into: 3)  // 3 of [B, N, D]
    let attended = try mixed[0].attending(to: mixed[1], values: mixed[2], heads: heads, pattern: pattern)
    return try mlp(x + attentionOutput(attended))
  }

  /// The same with prompts behind the rows, whose own output nobody reads: they are keys and values alone.
  ///
  /// - Parameters:
  ///   - prompts: `[1, M, D]`, the same for all B.
  ///   - pattern: the rows that each of the N rows attends to, the prompts as N, N + 1, … N + M − 1.
  func callAsFunction(
    _ x: Tensor, projected: Tensor? = nil, prompts: Tensor, attending pattern: AttentionPattern
  ) throws -> Tensor {
    let mixed = try (projected ?? self.projected(x)).split(into: 3)  // 3 of [B, N, D]
    let shape = [x.shape[0]] + prompts.shape[1...]
    let others = try self.projected(prompts).split(into: 3).dropFirst().map { try $0.expanded(to: shape) }
    let keysAndValues = try zip(mixed.dropFirst(), others).map { try Tensor.concatenated([$0, $1], axis: 1) }
    let attended = try mixed[0].attending(
      to: keysAndValues[0], values: keysAndValues[1], heads: heads, pattern: pattern)
    return try mlp(x + attentionOutput(attended))
  }
}

/// A transformer's last block, of which only some rows are read: every row gives a key and a value, but only those rows
/// give queries, are projected and go through the MLP.
struct LastBlock: Sendable {
  private let attentionNorm: LayerNorm
  private let query: FrozenLinear  // D → D
  private let keyValue: FrozenLinear  // D → 2D
  private let attentionOutput: ScaledLinear  // D → D
  private let mlp: MLP
  private let heads: Int

  init(_ weights: inout some WeightSource, _ path: String, _ shape: BlockShape) throws {
    let width = shape.width
    attentionNorm = try weights.layerNorm("\(path).ln_1", width: width, epsilon: shape.normEpsilon)
    let weight = try weights.take("\(path).attn.in_proj_weight", [3 * width, width])
    let bias = try weights.take("\(path).attn.in_proj_bias", [3 * width])
    query = try FrozenLinear(
      weight: weight.sliced(0..<width, axis: 0), bias: bias.sliced(0..<width, axis: 0), precision: weights.precision)
    keyValue = try FrozenLinear(
      weight: weight.sliced(width..<3 * width, axis: 0), bias: bias.sliced(width..<3 * width, axis: 0),
      precision: weights.precision)
    attentionOutput = try ScaledLinear(
      &weights, "\(path).attn.out_proj", from: width, to: width, scale: shape.hasLayerScale ? "\(path).ls_1" : nil)
    mlp = try MLP(&weights, path, shape)
    heads = shape.heads
  }

  /// - Parameters:
  ///   - x: `[B, N, D]`.
  ///   - rows: `[R]`, integers in `0 ..< N`.
  ///   - pattern: the rows of the N that each of `rows` attends to.
  /// - Returns: `[B, R, D]`.
  func callAsFunction(_ x: Tensor, at rows: Indices, attending pattern: AttentionPattern) throws -> Tensor {
    let normed = try attentionNorm(x)
    let mixed = try keyValue(normed).split(into: 2)  // 2 of [B, N, D]
    let attended = try query(normed.gathered(rows, axis: 1))  // [B, R, D]
      .attending(to: mixed[0], values: mixed[1], heads: heads, pattern: pattern)
    return try mlp(x.gathered(rows, axis: 1) + attentionOutput(attended))
  }
}

/// The second half of a block: `x + contract(activation(expand(norm(x))))`.
struct MLP: Sendable {
  private let norm: LayerNorm
  private let expand: FrozenLinear  // D → P, and the activation
  private let contract: ScaledLinear  // P → D

  /// QuickGELU, x · σ(1.702 x), is silu(1.702 x) / 1.702. The factors go into the frozen layers on its two sides.
  private static let quickSlope: Float = 1.702

  init(_ weights: inout some WeightSource, _ path: String, _ shape: BlockShape) throws {
    let (width, inner) = (shape.width, shape.mlpWidth)
    norm = try weights.layerNorm("\(path).ln_2", width: width, epsilon: shape.normEpsilon)
    let slope = shape.activation == .quickGELU ? Self.quickSlope : nil
    expand = try FrozenLinear(
      weight: weights.take("\(path).mlp.c_fc.weight", [inner, width]).times(slope),
      bias: weights.take("\(path).mlp.c_fc.bias", [inner]).times(slope),
      activation: slope == nil ? shape.activation : .silu, precision: weights.precision)
    contract = try ScaledLinear(
      &weights, "\(path).mlp.c_proj", from: inner, to: width, scale: shape.hasLayerScale ? "\(path).ls_2" : nil,
      of: slope.map { 1 / $0 })
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor { try x + contract(expand(norm(x))) }
}

extension Tensor {
  /// The product with a factor, where there is one.
  fileprivate func times(_ factor: Float?) throws -> Tensor { try factor.map { try self * $0 } ?? self }
}

/// A linear layer, and a factor for each channel where a block has layer scale (Touvron et al., 2021).
struct ScaledLinear: Sendable {
  private let linear: FrozenLinear
  private let factors: Tensor?  // [out]

  /// - Parameter inputFactor: a factor for every input.
  init(
    _ weights: inout some WeightSource, _ path: String, from input: Int, to output: Int, scale: String?,
    of inputFactor: Float? = nil
  ) throws {
    linear = try FrozenLinear(
      weight: weights.take("\(path).weight", [output, input]).times(inputFactor),
      bias: weights.take("\(path).bias", [output]), precision: weights.precision)
    factors = try scale.map { try weights.take("\($0).gamma", [output]) }
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try linear(x)
    return try factors.map { try y * $0 } ?? y
  }
}

/// A stack of residual blocks; of the last one only some rows are read.
struct Transformer: Sendable {
  let shape: BlockShape
  private let blocks: [TransformerBlock]
  private let last: LastBlock

  /// - Parameter layers: at least 1.
  init(_ weights: inout some WeightSource, _ path: String, layers: Int, _ shape: BlockShape) throws {
    self.shape = shape
    // `map` is not used because it reserves memory: a configuration may specify a billion layers, of which the first is
    // missing.
    var blocks: [TransformerBlock] = []
    for layer in 0..<layers - 1 {
      blocks.append(try TransformerBlock(&weights, "\(path).resblocks.\(layer)", shape))
    }
    self.blocks = blocks
    last = try LastBlock(&weights, "\(path).resblocks.\(layers - 1)", shape)
  }

  var layerCount: Int { blocks.count + 1 }

  /// The output of the last block at `rows` alone; other rows of it are never computed.
  ///
  /// - Parameters:
  ///   - x: `[B, N, D]`.
  ///   - projected: the result of ``firstProjection(of:)`` for `x`, where it is already known.
  ///   - pattern: the rows that each of the N rows attends to.
  ///   - rows: `[R]`, integers in `0 ..< N`.
  ///   - rowPattern: the rows of the N that each of `rows` attends to.
  /// - Returns: `[B, R, D]`.
  func callAsFunction(
    _ x: Tensor, projected: Tensor? = nil, attending pattern: AttentionPattern, at rows: Indices,
    attending rowPattern: AttentionPattern
  ) throws -> Tensor {
    let first = try blocks.first?(x, projected: projected, attending: pattern) ?? x
    let hidden = try blocks.dropFirst().reduce(first) { hidden, block in try block(hidden, attending: pattern) }
    return try last(hidden, at: rows, attending: rowPattern)
  }

  /// The same where other rows take the place of some in front of a block: from there on every prompt has rows of its own.
  ///
  /// - Parameters:
  ///   - newRows: `[1, K, D]`, in front of the block.
  ///   - chains: where each of the rows from that block on comes from, and what it attends to.
  /// - Returns: `[1, C, D]`.
  func callAsFunction(
    _ x: Tensor, projected: Tensor? = nil, attending pattern: AttentionPattern, newRows: Tensor,
    from chains: PromptChains
  ) throws -> Tensor {
    var hidden = x
    for (index, block) in blocks.prefix(chains.block).enumerated() {
      hidden = try block(hidden, projected: index == 0 ? projected : nil, attending: pattern)
    }
    let pool = try Tensor.concatenated([hidden, newRows], axis: 1)  // [1, N + K, D]
    hidden = try pool.gathered(chains.sources, axis: 1)
    if chains.block < blocks.count {
      // A row's queries, keys and values are computed once, for however many prompts it stands in.
      let mixed = try blocks[chains.block].projected(pool).gathered(chains.sources, axis: 1)
      hidden = try blocks[chains.block](hidden, projected: mixed, attending: .sparse(chains.ancestors))
      for block in blocks.dropFirst(chains.block + 1) {
        hidden = try block(hidden, attending: .sparse(chains.ancestors))
      }
    }
    return try last(hidden, at: chains.ends, attending: .sparse(chains.endAncestors))
  }

  /// What the first blocks make of the rows, all but the last block at most.
  func lower(_ count: Int, _ x: Tensor, projected: Tensor? = nil, attending pattern: AttentionPattern) throws -> Tensor
  {
    var hidden = x
    for (index, block) in blocks.prefix(count).enumerated() {
      hidden = try block(hidden, projected: index == 0 ? projected : nil, attending: pattern)
    }
    return hidden
  }

  /// The queries, keys and values that a block makes of its input, `[B, N, D]` → `[B, N, 3D]`; `nil` of the last block.
  func projection(before block: Int, of x: Tensor) throws -> Tensor? {
    try block < blocks.count ? blocks[block].projected(x) : nil
  }

  /// The same with prompts behind the N rows, replaced in front of each of several blocks.
  ///
  /// - Parameters:
  ///   - x: the input of block `start`, where the prompts first stand.
  ///   - projected: what that block projects of it, where it is known.
  ///   - layout: what each of the N + M rows attends to.
  /// - Throws: ``CLIPError/depth(_:tower:blocks:)`` where there are more blocks of prompts than blocks.
  func callAsFunction(
    _ x: Tensor, projected: Tensor? = nil, prompts: DeepPrompts, _ layout: DeepLayout, tower: String,
    from start: Int = 0
  ) throws -> Tensor {
    guard start + prompts.depth <= layerCount else {
      throw CLIPError.depth(start + prompts.depth, tower: tower, blocks: layerCount)
    }
    guard prompts.values[0].shape[1] == shape.width else {
      throw CLIPError.contexts(expected: [prompts.length, shape.width], found: prompts.values[0].shape)
    }
    var hidden = x
    func joined(_ rows: Tensor) throws -> Tensor {
      try Tensor.concatenated([hidden, rows.expanded(to: [x.shape[0]] + rows.shape)], axis: 1)  // [B, N + M, D]
    }
    for (index, block) in blocks.dropFirst(start).enumerated() {
      if index + 1 < prompts.depth {
        hidden = try block(
          hidden, projected: index == 0 ? projected : nil, prompts: prompts.values[index].unsqueezed(at: 0),
          attending: layout.apart)
      } else {
        if index + 1 == prompts.depth { hidden = try joined(prompts.values[index]) }
        hidden = try block(hidden, attending: layout.together)
      }
    }
    if start + prompts.depth == layerCount { hidden = try joined(prompts.values[prompts.depth - 1]) }
    return try last(hidden, at: layout.read, attending: layout.readPattern)
  }

  /// The floats that one row keeps in one block for a gradient, and those that pass through at most: widths D and an
  /// MLP of P.
  ///
  /// For a gradient, each block keeps the inputs of its two norms (2), q, k and v and what attention makes of them (4),
  /// and the activation's input (P). Any pass also holds, besides its input and output, a row of q, k, v and two of the
  /// MLP's.
  var floatsOfRow: (kept: Int, passing: Int) {
    (6 * shape.width + shape.mlpWidth, 5 * shape.width + 2 * shape.mlpWidth)
  }

  /// The first block's queries, keys and values of each row, `[B, N, D]` → `[B, N, 3D]`; `nil` where the first block is
  /// also the last, which has queries at some rows alone.
  func firstProjection(of x: Tensor) throws -> Tensor? { try blocks.first?.projected(x) }
}
