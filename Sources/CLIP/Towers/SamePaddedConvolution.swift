import Torch

/// A convolution, the batch normalisation after it, and an activation, padded as TensorFlow's "same".
struct SamePaddedConvolution: Sendable {
  /// timm's epsilon for models that come from TensorFlow.
  private static let epsilon = 1e-3

  private let convolution: FrozenConvolution
  private let kernel: Int
  private let stride: Int

  /// - Parameter shape: of the weight, `[out, in / groups, kernel, kernel]`.
  init(
    _ weights: inout some WeightSource, convolution path: String, norm: String, shape: [Int], stride: Int = 1,
    groups: Int = 1,
    activation: FrozenConvolution.Activation?
  ) throws {
    kernel = shape[3]
    self.stride = stride
    convolution = try FrozenConvolution(
      weight: weights.take("\(path).weight", shape),
      norm: weights.batchNorm(norm, channels: shape[0], epsilon: Self.epsilon), stride: stride,
      padding: stride == 1 ? kernel / 2 : 0, groups: groups, activation: activation)
  }

  /// `[B, in, H, W]` → `[B, out, ⌈H / stride⌉, ⌈W / stride⌉]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try convolution(stride == 1 ? x : padded(x)) }

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
