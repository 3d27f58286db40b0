import CLIP
import Torch

extension Graph {
  /// CLIP's residual network (`ModifiedResNet`): `[B, 3, H, W]` → `[B, E]`.
  mutating func modifiedResNet(
    _ pixels: Value, _ tower: ModifiedResNet.Configuration, _ weights: Weights, embeddingWidth: Int
  ) -> Value {
    let width = tower.width
    let channels = [3, width / 2, width / 2, width]
    var x = pixels
    for index in 1...3 {
      x = rectified(
        resNetConvolution(
          x, weights, "visual.conv\(index)", norm: "visual.bn\(index)",
          shape: [channels[index], channels[index - 1], 3, 3], stride: index == 1 ? 2 : 1,
          path: "image/stem\(index)"),
        path: "image/stem\(index)")
    }
    x = averagePool(x, by: 2, path: "image/stem")  // [B, width, H/4, W/4]
    var input = width
    for (stage, count) in tower.blocks.enumerated() {
      let inner = width << stage
      for block in 0..<count {
        x = bottleneck(
          x, weights, "visual.layer\(stage + 1).\(block)", from: input, inner: inner,
          pool: stage > 0 && block == 0 ? 2 : 1, path: "image/stage\(stage + 1)/block\(block)")
        input = 4 * inner
      }
    }
    return attentionPooling(
      x, weights, "visual.attnpool", from: input, to: embeddingWidth, edge: tower.imageSize / 32, heads: tower.heads)
  }

  /// Narrow, filter, pool, widen; added to its input, which is pooled and widened where the shapes differ.
  private mutating func bottleneck(
    _ x: Value, _ weights: Weights, _ name: String, from input: Int, inner: Int, pool: Int, path: String
  ) -> Value {
    let output = 4 * inner
    let narrow = rectified(
      resNetConvolution(
        x, weights, "\(name).conv1", norm: "\(name).bn1", shape: [inner, input, 1, 1], path: "\(path)/narrow"),
      path: "\(path)/narrow")
    let filtered = rectified(
      resNetConvolution(
        narrow, weights, "\(name).conv2", norm: "\(name).bn2", shape: [inner, inner, 3, 3], path: "\(path)/filter"),
      path: "\(path)/filter")
    let wide = resNetConvolution(
      averagePool(filtered, by: pool, path: path), weights, "\(name).conv3", norm: "\(name).bn3",
      shape: [output, inner, 1, 1], path: "\(path)/widen")
    let identity =
      pool == 1 && input == output
      ? x
      : resNetConvolution(
        averagePool(x, by: pool, path: "\(path)/shortcut"), weights, "\(name).downsample.0",
        norm: "\(name).downsample.1", shape: [output, input, 1, 1], path: "\(path)/shortcut")
    return rectified(apply("Add", wide, identity, name: "\(path)/residual"), path: path)
  }

  private mutating func rectified(_ x: Value, path: String) -> Value { activation(x, .relu, path: path) }

  private mutating func resNetConvolution(
    _ x: Value, _ weights: Weights, _ name: String, norm: String, shape: [Int], stride: Int = 1, path: String
  ) -> Value {
    normedConvolution(
      x, weights, convolution: name, norm: norm, shape: shape, stride: stride,
      margins: [Int](repeating: shape[3] / 2, count: 4), epsilon: 1e-5, path: path)
  }

  private mutating func averagePool(_ x: Value, by size: Int, path: String) -> Value {
    guard size > 1 else { return x }
    return apply(
      "AveragePool", x, name: "\(path)/pool", .integers("kernel_shape", [size, size]),
      .integers("strides", [size, size]))
  }

  /// Attention with one query, the mean of all positions (`AttentionPooling`): `[B, C, H, W]` → `[B, E]`.
  private mutating func attentionPooling(
    _ x: Value, _ weights: Weights, _ name: String, from channels: Int, to width: Int, edge: Int, heads: Int
  ) -> Value {
    let path = "image/attention_pool"
    let positions = transpose(
      reshape(x, [0, 0, -1], name: "\(path)/flat"), [0, 2, 1], name: "\(path)/rows")  // [B, H·W, C]
    let mean = apply(
      "ReduceMean", positions, name: "\(path)/mean", .integers("axes", [1]), .integer("keepdims", 1))  // [B, 1, C]
    let tokens = apply("Concat", mean, positions, name: "\(path)/tokens", .integer("axis", 1))
    let table = weights["\(name).positional_embedding", [1 + edge * edge, channels]]
    let placed = apply(
      "Add", tokens, constant("\(path)/positions", table.reshaped([1] + table.shape)), name: "\(path)/placed_tokens")
    let query = linear(
      rows(placed, [0], name: "\(path)/mean_row"), weights, "\(name).q_proj", from: channels, to: channels,
      path: "\(path)/query")  // [B, 1, C]
    let key = linear(placed, weights, "\(name).k_proj", from: channels, to: channels, path: "\(path)/key")
    let value = linear(placed, weights, "\(name).v_proj", from: channels, to: channels, path: "\(path)/value")
    let attended = attention(query, key, value, heads: heads, width: channels, .all, path: path)  // [B, 1, C]
    let pooled = apply("Squeeze", attended, integers([1]), name: "\(path)/pooled")
    return linear(pooled, weights, "\(name).c_proj", from: channels, to: width, path: "image/projection")
  }
}
