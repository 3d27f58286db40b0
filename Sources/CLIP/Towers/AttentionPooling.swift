import Torch

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
