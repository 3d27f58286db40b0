import Torch

/// One residual block of a pre-norm transformer: attention, then a two-layer perceptron (Radford et al., 2021).
struct ResidualBlock: Sendable {
  private let attentionNorm: LayerNorm
  private let queryKeyValue: Linear  // D → 3D
  private let attentionOutput: Linear  // D → D
  private let perceptronNorm: LayerNorm
  private let expand: Linear  // D → 4D
  private let activation: Activation
  private let contract: Linear  // 4D → D
  private let width: Int  // D
  private let heads: Int

  init(_ weights: inout Weights, _ path: String, width: Int, heads: Int, activation: Activation) throws {
    attentionNorm = try weights.layerNorm("\(path).ln_1", width: width)
    queryKeyValue = try Linear(
      weight: weights.take("\(path).attn.in_proj_weight", [3 * width, width]),
      bias: weights.take("\(path).attn.in_proj_bias", [3 * width]))
    attentionOutput = try weights.linear("\(path).attn.out_proj", from: width, to: width)
    perceptronNorm = try weights.layerNorm("\(path).ln_2", width: width)
    expand = try weights.linear("\(path).mlp.c_fc", from: width, to: 4 * width)
    contract = try weights.linear("\(path).mlp.c_proj", from: 4 * width, to: width)
    self.activation = activation
    self.width = width
    self.heads = heads
  }

  /// - Parameters:
  ///   - x: `[B, N, D]`.
  ///   - pattern: which rows each row attends to.
  /// - Returns: `[B, N, D]`.
  func callAsFunction(_ x: Tensor, attending pattern: AttentionPattern) throws -> Tensor {
    let mixed = try queryKeyValue(attentionNorm(x))  // [B, N, 3D]
    let attended = try column(0, of: mixed).attending(
      to: column(1, of: mixed), values: column(2, of: mixed), heads: heads, pattern: pattern)
    return try perceptron(x + attentionOutput(attended))
  }

  /// The block's output at some rows alone, as the last block needs it: every row gives a key and a value, but
  /// only `rows` ask, are projected and go through the perceptron.
  ///
  /// - Parameter rows: `[R]`, integers in `0 ..< N`.
  /// - Returns: `[B, R, D]`.
  func callAsFunction(_ x: Tensor, attending pattern: AttentionPattern, at rows: Tensor) throws -> Tensor {
    let normed = try attentionNorm(x)
    let keysValues = try columns(1..<3).callAsFunction(normed)  // [B, N, 2D]
    let queries = try columns(0..<1).callAsFunction(normed.gathered(rows, axis: 1))  // [B, R, D]
    let attended = try queries.attending(
      to: column(0, of: keysValues), values: column(1, of: keysValues), heads: heads, pattern: pattern)
    return try perceptron(x.gathered(rows, axis: 1) + attentionOutput(attended))
  }

  private func perceptron(_ x: Tensor) throws -> Tensor {
    try x + contract(activation(expand(perceptronNorm(x))))
  }

  /// The part of the fused projection that gives queries (0), keys (1), values (2).
  private func columns(_ range: Range<Int>) throws -> Linear {
    let rows = range.lowerBound * width..<range.upperBound * width
    return try Linear(
      weight: queryKeyValue.weight.sliced(rows, axis: 0), bias: queryKeyValue.bias?.sliced(rows, axis: 0))
  }

  private func column(_ index: Int, of fused: Tensor) throws -> Tensor {
    try fused.sliced(index * width..<(index + 1) * width, axis: 2)
  }
}

/// A stack of residual blocks.
struct Transformer: Sendable {
  private let blocks: [ResidualBlock]

  init(_ weights: inout Weights, _ path: String, width: Int, layers: Int, heads: Int, activation: Activation) throws {
    // Not by `map`, which reserves: a configuration may ask for a billion layers, and the first one is missing.
    var blocks: [ResidualBlock] = []
    for layer in 0..<layers {
      blocks.append(
        try ResidualBlock(
          &weights, "\(path).resblocks.\(layer)", width: width, heads: heads, activation: activation))
    }
    self.blocks = blocks
  }

  /// The output of the last block at `rows` alone; what other rows would give there is never computed.
  ///
  /// - Parameters:
  ///   - x: `[B, N, D]`.
  ///   - pattern: which rows each of the N rows attends to.
  ///   - rows: `[R]`, integers in `0 ..< N`.
  ///   - rowPattern: which of the N rows each of `rows` attends to.
  /// - Returns: `[B, R, D]`.
  func callAsFunction(
    _ x: Tensor, attending pattern: AttentionPattern, at rows: Tensor, attending rowPattern: AttentionPattern
  ) throws -> Tensor {
    guard let last = blocks.last else { return try x.gathered(rows, axis: 1) }
    let hidden = try blocks.dropLast().reduce(x) { hidden, block in try block(hidden, attending: pattern) }
    return try last(hidden, attending: rowPattern, at: rows)
  }
}
