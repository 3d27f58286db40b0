import CLIP
import Torch

extension Graph {
  /// CLIP's vision transformer (`VisionTransformer`): `[B, 3, H, W]` → `[B, E]`.
  mutating func visionTransformer(
    _ pixels: Value, _ tower: VisionTransformer.Configuration, _ weights: Weights, embeddingWidth: Int,
    activation: Activation
  ) -> Value {
    let (width, patch, epsilon) = (tower.width, tower.patchSize, tower.normEpsilon)
    let patchesPerEdge = tower.imageSize / patch
    let tokens = 1 + patchesPerEdge * patchesPerEdge
    let patches = convolution(
      pixels, weights["visual.conv1.weight", [width, 3, patch, patch]], bias: nil, stride: patch,
      margins: [0, 0, 0, 0], path: "image/patches")  // [B, width, H/patch, W/patch]
    let embedded = transpose(
      reshape(patches, [0, 0, -1], name: "image/patches/flat"), [0, 2, 1], name: "image/patches/rows")
    // A row of zeros in front, to which the class token is added together with its position.
    let padded = apply(
      "Pad", embedded, integers([0, 1, 0, 0, 0, 0]), name: "image/tokens/room")  // [B, tokens, width]
    let x = apply(
      "Add", padded, constant("image/tokens/positions", positions(weights, tokens: tokens, width: width)),
      name: "image/tokens")
    let normed =
      tower.hasInputNorm
      ? layerNorm(x, weights, "visual.ln_pre", width: width, epsilon: epsilon, path: "image/input_norm") : x
    let rows: [Int]? =
      switch tower.pooling {
      case .classToken: [0]
      case .averageOfPatches: Array(1..<tokens)
      case .averageOfTokens: nil
      }
    let read = transformer(
      normed,
      TransformerPlan(
        tensors: "visual.transformer", path: "image", layers: tower.layers, width: width, heads: tower.heads,
        mlpWidth: tower.mlpWidth, hasLayerScale: tower.hasLayerScale, normEpsilon: epsilon, activation: activation),
      weights, attending: .all, at: rows, attending: .all)  // [B, R, width]
    let pooled =
      tower.normalizesAfterPooling
      ? outputNorm(mean(read, of: rows), weights, tower) : mean(outputNorm(read, weights, tower), of: rows)
    let projection = weights["visual.proj", [width, embeddingWidth]]
    return apply("MatMul", pooled, constant("image/projection/weight", projection), name: "image/projection")
  }

  /// The positional embedding with the class token added to its first row, `[1, tokens, width]`.
  private func positions(_ weights: Weights, tokens: Int, width: Int) -> LazyTensor {
    let positions = weights["visual.positional_embedding", [tokens, width]]
    let token = weights["visual.class_embedding", [width]]
    return LazyTensor([1, tokens, width]) {
      let table = try positions.make()
      let first = try table.sliced(0..<1, axis: 0) + token.make().reshaped([1, width])
      return try Tensor.concatenated([first, table.sliced(1..<tokens, axis: 0)], axis: 0).unsqueezed(at: 0)
    }
  }

  private mutating func outputNorm(
    _ x: Value, _ weights: Weights, _ tower: VisionTransformer.Configuration
  ) -> Value {
    layerNorm(
      x, weights, "visual.ln_post", width: tower.width, epsilon: tower.normEpsilon, path: "image/output_norm")
  }

  /// The mean over the rows that are read: `[B, R, width]` → `[B, width]`.
  private mutating func mean(_ x: Value, of rows: [Int]?) -> Value {
    guard rows?.count != 1 else { return apply("Squeeze", x, integers([1]), name: "image/class_token") }
    return apply("ReduceMean", x, name: "image/mean", .integers("axes", [1]), .integer("keepdims", 0))
  }
}
