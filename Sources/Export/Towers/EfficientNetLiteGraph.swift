import CLIP
import Torch

extension Graph {
  /// EfficientNet-Lite (`EfficientNetLite`): `[B, 3, H, W]` → `[B, E]`.
  ///
  /// - Parameter size: H and W, which decide the uneven padding.
  mutating func efficientNetLite(
    _ pixels: Value, _ tower: EfficientNetLite.Configuration, _ weights: Weights, embeddingWidth: Int, size: Int
  ) -> Value {
    let trunk = "visual.trunk"
    let features = EfficientNetLite.featureWidth
    var edge = size
    var x = samePadded(
      pixels, weights, "\(trunk).conv_stem", norm: "\(trunk).bn1", shape: [EfficientNetLite.stemChannels, 3, 3, 3],
      stride: 2, edge: &edge, isRectified: true, path: "image/stem")
    let plans = tower.variant.blockPlans
    for plan in plans {
      let path = "image/" + plan.path.dropFirst("\(trunk).".count).replacing(".", with: "/")
      x = invertedResidual(x, weights, plan, edge: &edge, path: path)
    }
    x = samePadded(
      x, weights, "\(trunk).conv_head", norm: "\(trunk).bn2",
      shape: [features, plans.last?.output ?? EfficientNetLite.stemChannels, 1, 1], edge: &edge, isRectified: true,
      path: "image/head")  // [B, 1280, 7, 7]
    let pooled = apply(
      "ReduceMean", x, name: "image/mean", .integers("axes", [2, 3]), .integer("keepdims", 0))  // [B, 1280]
    switch tower.projection {
    case .linear(let hasBias):
      return linear(
        pooled, weights, "visual.head.proj", from: features, to: embeddingWidth, hasBias: hasBias,
        path: "image/projection")
    case .classifier:
      return linear(
        pooled, weights, "\(trunk).classifier", from: features, to: embeddingWidth, path: "image/projection")
    case .none: return pooled
    }
  }

  /// Expand, filter each channel, contract; added to its input where the shapes agree.
  private mutating func invertedResidual(
    _ x: Value, _ weights: Weights, _ plan: EfficientNetLite.BlockPlan, edge: inout Int, path: String
  ) -> Value {
    let (name, wide) = (plan.path, plan.wide)
    var y = x
    if plan.expands {
      y = samePadded(
        y, weights, "\(name).conv_pw", norm: "\(name).bn1", shape: [wide, plan.input, 1, 1], edge: &edge,
        isRectified: true, path: "\(path)/expand")
    }
    y = samePadded(
      y, weights, "\(name).conv_dw", norm: "\(name).\(plan.names.filterNorm)",
      shape: [wide, 1, plan.kernel, plan.kernel], stride: plan.stride, groups: wide, edge: &edge, isRectified: true,
      path: "\(path)/filter")
    y = samePadded(
      y, weights, "\(name).\(plan.names.contraction)", norm: "\(name).\(plan.names.lastNorm)",
      shape: [plan.output, wide, 1, 1], edge: &edge, isRectified: false, path: "\(path)/contract")
    return plan.isResidual ? apply("Add", x, y, name: "\(path)/residual") : y
  }

  /// A convolution padded as TensorFlow's "same", its batch normalisation, and perhaps ReLU6.
  ///
  /// - Parameter edge: the height and width of `x`, and afterwards of the result.
  private mutating func samePadded(
    _ x: Value, _ weights: Weights, _ name: String, norm: String, shape: [Int], stride: Int = 1, groups: Int = 1,
    edge: inout Int, isRectified: Bool, path: String
  ) -> Value {
    let (before, after) = SamePaddedConvolution.margins(edge, kernel: shape[3], stride: stride)
    edge = (edge + stride - 1) / stride
    let y = normedConvolution(
      x, weights, convolution: name, norm: norm, shape: shape, stride: stride, margins: [before, before, after, after],
      groups: groups, epsilon: SamePaddedConvolution.epsilon, path: path)
    return isRectified ? activation(y, .relu6, path: path) : y
  }
}
