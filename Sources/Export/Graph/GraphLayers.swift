import CLIP
import Torch

/// The weights of a model as constants of a graph, read from its checkpoint when the graph is written.
package struct Weights {
  private let source: any WeightSource

  package init(_ source: some WeightSource) { self.source = source }

  /// The tensor of this name, by open_clip's names.
  subscript(_ name: String, _ shape: [Int]) -> LazyTensor {
    LazyTensor(shape) { [source] in
      var source = source
      return try source.take(name, shape)
    }
  }
}

/// Layers that all towers share. Each takes the path of its nodes' names first or last.
extension Graph {
  /// `x · weightᵀ + bias`: `[…, in]` → `[…, out]`.
  ///
  /// - Parameter weight: `[out, in]`.
  package mutating func linear(
    _ x: Value, _ weight: LazyTensor, bias: LazyTensor?, path: String
  ) -> Value {
    let matrix = constant("\(path)/weight", weight.transposed, element: x.element)
    let product = apply("MatMul", x, matrix, name: "\(path)/product")
    guard let bias else { return product }
    return apply("Add", product, constant("\(path)/bias", bias, element: x.element), name: "\(path)/sum")
  }

  /// The same with a checkpoint's `name.weight` and `name.bias`.
  mutating func linear(
    _ x: Value, _ weights: Weights, _ name: String, from input: Int, to output: Int, hasBias: Bool = true, path: String
  ) -> Value {
    linear(
      x, weights["\(name).weight", [output, input]], bias: hasBias ? weights["\(name).bias", [output]] : nil,
      path: path)
  }

  /// Layer normalisation over the last axis, in 32 bits whatever the graph's precision.
  mutating func layerNorm(
    _ x: Value, _ weights: Weights, _ name: String, width: Int, epsilon: Double, path: String
  ) -> Value {
    let full = cast(x, to: .float32, name: "\(path)/in")
    let scale = constant("\(path)/weight", weights["\(name).weight", [width]], element: .float32)
    let shift = constant("\(path)/bias", weights["\(name).bias", [width]], element: .float32)
    let normed = apply(
      "LayerNormalization", full, scale, shift, name: path, .integer("axis", -1), .number("epsilon", Float(epsilon)))
    return cast(normed, to: x.element, name: "\(path)/out")
  }

  mutating func activation(_ x: Value, _ activation: Activation, path: String) -> Value {
    switch activation {
    case .relu: return apply("Relu", x, name: "\(path)/relu")
    case .relu6:
      return apply("Clip", x, number(0, like: x), number(6, like: x), name: "\(path)/relu6")
    case .quickGELU:
      let slope = apply("Mul", x, number(1.702, like: x), name: "\(path)/slope")
      return apply("Mul", x, apply("Sigmoid", slope, name: "\(path)/sigmoid"), name: "\(path)/quick_gelu")
    case .silu: return apply("Mul", x, apply("Sigmoid", x, name: "\(path)/sigmoid"), name: "\(path)/silu")
    case .gelu:
      let scaled = apply("Div", x, number(Float(2).squareRoot(), like: x), name: "\(path)/scaled")
      let error = apply("Erf", scaled, name: "\(path)/erf")
      let doubled = apply(
        "Mul", x, apply("Add", error, number(1, like: x), name: "\(path)/raised"), name: "\(path)/twice")
      return apply("Mul", doubled, number(0.5, like: x), name: "\(path)/gelu")
    }
  }

  /// Every row of the last axis divided by its Euclidean norm.
  mutating func unitRows(_ x: Value, path: String) -> Value {
    let length = apply(
      "ReduceL2", x, name: "\(path)/length", .integers("axes", [-1]), .integer("keepdims", 1))
    return apply("Div", x, length, name: "\(path)/unit")
  }

  /// Softmax over an axis, in 32 bits whatever the graph's precision.
  mutating func softmax(_ x: Value, axis: Int = -1, path: String) -> Value {
    apply("Softmax", x, name: "\(path)/softmax", .integer("axis", axis))
  }

  /// `x` as elements of another type; `x` itself where it has that type.
  package mutating func cast(_ x: Value, to element: ElementType, name: String) -> Value {
    guard x.element != element else { return x }
    return apply("Cast", x, name: "\(name)/cast", element: element, .integer("to", element.rawValue))
  }

  /// The same elements in another shape; 0 keeps an axis, -1 takes what is left.
  mutating func reshape(_ x: Value, _ shape: [Int], name: String) -> Value {
    apply("Reshape", x, integers(shape), name: name)
  }

  package mutating func transpose(_ x: Value, _ axes: [Int], name: String) -> Value {
    apply("Transpose", x, name: name, .integers("perm", axes))
  }

  /// The rows of axis 1 with these indices.
  mutating func rows(_ x: Value, _ indices: [Int], name: String) -> Value {
    apply("Gather", x, integers(indices), name: name, .integer("axis", 1))
  }

  /// A convolution with a bias for each channel.
  ///
  /// - Parameter margins: zeros above, left, below and right.
  mutating func convolution(
    _ x: Value, _ weight: LazyTensor, bias: LazyTensor?, stride: Int, margins: [Int], groups: Int = 1, path: String
  ) -> Value {
    var inputs = [x, constant("\(path)/weight", weight)]
    if let bias { inputs.append(constant("\(path)/bias", bias)) }
    return apply(
      "Conv", to: inputs, name: path,
      [
        .integers("kernel_shape", Array(weight.shape.suffix(2))), .integers("strides", [stride, stride]),
        .integers("pads", margins), .integer("group", groups),
      ])
  }

  /// A convolution and the batch normalisation after it, which becomes part of its weight and bias in double precision.
  ///
  /// - Parameters:
  ///   - convolution: the name of the convolution, which has no bias of its own.
  ///   - shape: `[out, in / groups, height, width]`.
  mutating func normedConvolution(
    _ x: Value, _ weights: Weights, convolution: String, norm: String, shape: [Int], stride: Int, margins: [Int],
    groups: Int = 1, epsilon: Double, path: String
  ) -> Value {
    let folded = FoldedNorm(weights, norm, channels: shape[0], epsilon: epsilon)
    let weight = weights["\(convolution).weight", shape]
    let scaled = LazyTensor(shape) {
      let factors = try Tensor(doubles: folded.factors(), shape: [shape[0], 1, 1, 1])
      return try (weight.make().converted(to: .float64) * factors).converted(to: .float32)
    }
    let bias = LazyTensor([shape[0]]) {
      try Tensor(doubles: folded.shifts(), shape: [shape[0]]).converted(to: .float32)
    }
    return self.convolution(x, scaled, bias: bias, stride: stride, margins: margins, groups: groups, path: path)
  }
}

/// A batch normalisation as a factor and a summand of each channel.
private struct FoldedNorm {
  let weight, bias, mean, variance: LazyTensor
  let epsilon: Double

  init(_ weights: Weights, _ name: String, channels: Int, epsilon: Double) {
    weight = weights["\(name).weight", [channels]]
    bias = weights["\(name).bias", [channels]]
    mean = weights["\(name).running_mean", [channels]]
    variance = weights["\(name).running_var", [channels]]
    self.epsilon = epsilon
  }

  func factors() throws -> [Double] {
    try zip(weight.make().doubles(), variance.make().doubles()).map { $0 / ($1 + epsilon).squareRoot() }
  }

  func shifts() throws -> [Double] {
    let (biases, means) = (try bias.make().doubles(), try mean.make().doubles())
    return try factors().enumerated().map { biases[$0] - means[$0] * $1 }
  }
}
