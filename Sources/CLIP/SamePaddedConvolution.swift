import Explanations
import Torch

/// A convolution, the batch normalisation after it, and an activation, padded as TensorFlow's "same".
struct SamePaddedConvolution: Sendable {
  /// timm's epsilon for models that come from TensorFlow.
  private static let epsilon = 1e-3

  private let convolution: Convolution
  private let activation: Activation?
  private let kernel: Int
  private let stride: Int

  /// - Parameter shape: of the weight, `[out, in / groups, kernel, kernel]`.
  init(
    _ weights: inout Weights, convolution path: String, norm: String, shape: [Int], stride: Int = 1, groups: Int = 1,
    activation: Activation?
  ) throws {
    let channels = [shape[0]]
    let gain = try weights.take("\(norm).weight", channels).floats()
    let shift = try weights.take("\(norm).bias", channels).floats()
    let mean = try weights.take("\(norm).running_mean", channels).floats()
    let variance = try weights.take("\(norm).running_var", channels).floats()
    // norm(w ∗ x) = (s w) ∗ x + (shift − s · mean), with s = gain / √(variance + ε) for each output channel.
    // In double precision, so that folding costs half a bit of each weight and no more.
    let scale = zip(gain, variance).map { Double($0) / (Double($1) + Self.epsilon).squareRoot() }
    let bias = zip(shift, zip(scale, mean)).map { Float(Double($0) - $1.0 * Double($1.1)) }
    let filters = try weights.take("\(path).weight", shape).floats().split(every: shape[1...].reduce(1, *))
    let folded = zip(filters, scale).flatMap { filter, scale in filter.map { Float(Double($0) * scale) } }
    kernel = shape[3]
    self.stride = stride
    self.activation = activation
    convolution = try Convolution(
      weight: Tensor(folded, shape: shape), bias: Tensor(bias, shape: channels), stride: stride, padding: stride == 1 ? kernel / 2 : 0,
      groups: groups)
  }

  /// `[B, in, H, W]` → `[B, out, ⌈H / stride⌉, ⌈W / stride⌉]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try convolution(stride == 1 ? x : padded(x))
    return try activation?(y) ?? y
  }

  private func padded(_ x: Tensor) throws -> Tensor {
    let (top, bottom) = margins(x.shape[2])
    let (left, right) = margins(x.shape[3])
    return try x.zeroPadded(left: left, right: right, top: top, bottom: bottom)
  }

  /// Zeros before and after an edge of `length`, so that the output has ⌈length / stride⌉; the odd one comes after.
  private func margins(_ length: Int) -> (before: Int, after: Int) {
    let outputs = (length + stride - 1) / stride
    let total = max((outputs - 1) * stride + kernel - length, 0)
    return (total / 2, total - total / 2)
  }
}
