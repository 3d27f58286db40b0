import CLIP
import Torch

/// The sizes of a transformer, and where its tensors are.
struct TransformerPlan {
  /// The beginning of its tensors' names, such as `visual.transformer`.
  let tensors: String
  /// The beginning of its nodes' names, such as `image`.
  let path: String
  let layers: Int
  let width: Int  // D
  let heads: Int
  let mlpWidth: Int  // P
  let hasLayerScale: Bool
  let normEpsilon: Double
  let activation: Activation
}

extension Graph {
  /// A stack of residual blocks; of the last one only some rows are read (`Transformer`).
  ///
  /// - Parameters:
  ///   - x: `[B, N, D]`.
  ///   - form: the rows that each of the N rows attends to.
  ///   - rows: R indices of the rows that are read; `nil` reads all.
  ///   - rowForm: the rows that each of `rows` attends to.
  /// - Returns: `[B, R, D]`.
  mutating func transformer(
    _ x: Value, _ plan: TransformerPlan, _ weights: Weights, attending form: AttentionForm, at rows: [Int]?,
    attending rowForm: AttentionForm
  ) -> Value {
    var x = x
    for layer in 0..<plan.layers - 1 { x = block(x, plan, layer: layer, weights, attending: form) }
    return lastBlock(x, plan, weights, at: rows, attending: rowForm)
  }

  private mutating func block(
    _ x: Value, _ plan: TransformerPlan, layer: Int, _ weights: Weights, attending form: AttentionForm
  ) -> Value {
    let (tensors, path, width) = ("\(plan.tensors).resblocks.\(layer)", "\(plan.path)/block\(layer)", plan.width)
    let normed = layerNorm(
      x, weights, "\(tensors).ln_1", width: width, epsilon: plan.normEpsilon, path: "\(path)/attention/norm")
    let mixed = linear(
      normed, weights["\(tensors).attn.in_proj_weight", [3 * width, width]],
      bias: weights["\(tensors).attn.in_proj_bias", [3 * width]], path: "\(path)/attention/query_key_value")
    let parts = split(
      mixed, [("query", width), ("key", width), ("value", width)], path: "\(path)/attention")  // 3 of [B, N, D]
    return rest(x, parts[0], parts[1], parts[2], plan, tensors, weights, attending: form, path: path)
  }

  /// The last block, of which only some rows give queries, are projected and go through the MLP.
  private mutating func lastBlock(
    _ x: Value, _ plan: TransformerPlan, _ weights: Weights, at rows: [Int]?, attending form: AttentionForm
  ) -> Value {
    let layer = plan.layers - 1
    let (tensors, path, width) = ("\(plan.tensors).resblocks.\(layer)", "\(plan.path)/block\(layer)", plan.width)
    let normed = layerNorm(
      x, weights, "\(tensors).ln_1", width: width, epsilon: plan.normEpsilon, path: "\(path)/attention/norm")
    let (weight, bias) = (
      weights["\(tensors).attn.in_proj_weight", [3 * width, width]],
      weights["\(tensors).attn.in_proj_bias", [3 * width]]
    )
    let keyValue = linear(
      normed, weight.rows(width..<3 * width), bias: bias.rows(width..<3 * width),
      path: "\(path)/attention/key_value")
    let parts = split(keyValue, [("key", width), ("value", width)], path: "\(path)/attention")  // 2 of [B, N, D]
    let asking = rows.map { self.rows(normed, $0, name: "\(path)/attention/asking_rows") } ?? normed  // [B, R, D]
    let query = linear(
      asking, weight.rows(0..<width), bias: bias.rows(0..<width), path: "\(path)/attention/query")
    let kept = rows.map { self.rows(x, $0, name: "\(path)/rows") } ?? x  // [B, R, D]
    return rest(kept, query, parts[0], parts[1], plan, tensors, weights, attending: form, path: path)
  }

  /// A block behind its queries, keys and values: attention, its projection, and the MLP, each added to its input.
  private mutating func rest(
    _ x: Value, _ query: Value, _ key: Value, _ value: Value, _ plan: TransformerPlan, _ tensors: String,
    _ weights: Weights, attending form: AttentionForm, path: String
  ) -> Value {
    let (width, inner) = (plan.width, plan.mlpWidth)
    let attended = attention(
      query, key, value, heads: plan.heads, width: width, form, path: "\(path)/attention")
    let projected = linear(
      attended, weights, "\(tensors).attn.out_proj", from: width, to: width, path: "\(path)/attention/output")
    let scaled = layerScale(projected, plan, "\(tensors).ls_1", weights, path: "\(path)/attention")
    let middle = apply("Add", x, scaled, name: "\(path)/attention/residual")

    let normed = layerNorm(
      middle, weights, "\(tensors).ln_2", width: width, epsilon: plan.normEpsilon, path: "\(path)/mlp/norm")
    let expanded = linear(
      normed, weights, "\(tensors).mlp.c_fc", from: width, to: inner, path: "\(path)/mlp/expand")
    let active = activation(expanded, plan.activation, path: "\(path)/mlp")
    let contracted = linear(
      active, weights, "\(tensors).mlp.c_proj", from: inner, to: width, path: "\(path)/mlp/contract")
    let last = layerScale(contracted, plan, "\(tensors).ls_2", weights, path: "\(path)/mlp")
    return apply("Add", middle, last, name: "\(path)/mlp/residual")
  }

  private mutating func layerScale(
    _ x: Value, _ plan: TransformerPlan, _ name: String, _ weights: Weights, path: String
  ) -> Value {
    guard plan.hasLayerScale else { return x }
    let factors = constant("\(path)/layer_scale/factors", weights["\(name).gamma", [plan.width]])
    return apply("Mul", x, factors, name: "\(path)/layer_scale")
  }
}
