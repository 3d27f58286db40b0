import CTorch

/// A convolution with a weight that never changes, the batch normalisation after it, and an activation, in one pass.
///
/// The normalisation is folded into the weight, in double precision, so that each weight is rounded once. No gradient
/// passes through the layer.
public struct FrozenConvolution: Sendable {
  private let inputChannels: Int
  private let shape: [Int]
  private let storage: Storage

  // Sendable: the layer is constant after `init`.
  private final class Storage: @unchecked Sendable {
    let handle: ct_frozen_convolution
    init(_ handle: ct_frozen_convolution) { self.handle = handle }
    deinit { ct_frozen_convolution_free(handle) }
  }

  /// An activation that may follow in the same pass.
  public enum Activation: Sendable {
    case relu, relu6

    fileprivate var ceiling: Double {
      switch self {
      case .relu: .infinity
      case .relu6: 6
      }
    }
  }

  /// - Parameters:
  ///   - weight: `[out, in / groups, h, w]`.
  ///   - norm: the batch normalisation of the `out` channels.
  ///   - padding: zeros around both axes of the picture.
  /// - Throws: ``TorchError`` where weight, norm, stride, padding or groups make no convolution.
  public init(
    weight: Tensor, norm: BatchNorm, stride: Int = 1, padding: Int = 0, groups: Int = 1, activation: Activation? = nil
  ) throws {
    guard weight.shape.count == 4, norm.weight.shape == [weight.shape[0]] else {
      throw TorchError.shapes(operation: "convolution layer", left: weight.shape, right: norm.weight.shape)
    }
    shape = weight.shape
    inputChannels = weight.shape[1] * groups
    var handle = ct_frozen_convolution()
    try checked(
      "convolution layer",
      ct_frozen_convolution_make(
        weight.storage.handle, norm.values, Int64(stride), Int64(padding), Int64(groups), activation != nil,
        activation?.ceiling ?? 0, &handle))
    storage = Storage(handle)
  }

  /// `[B, in, H, W]` → `[B, out, H', W']`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard x.shape.count == 4, x.shape[1] == inputChannels else {
      throw TorchError.shapes(operation: "convolution", left: x.shape, right: shape)
    }
    return try Tensor.result(of: "convolution of \(x.shape) with \(shape)") {
      ct_frozen_convolution_apply(storage.handle, x.storage.handle, $0)
    }
  }
}

/// A batch normalisation with the statistics of training (Ioffe and Szegedy, 2015): weight, bias, mean and variance of
/// each channel, `[C]`. It is part of the convolution before it, not a layer of its own.
public struct BatchNorm: Sendable {
  let weight: Tensor
  let bias: Tensor
  let mean: Tensor
  let variance: Tensor
  let epsilon: Double

  /// - Throws: ``TorchError`` where the four are not of one length.
  public init(weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: Double) throws {
    for other in [bias, mean, variance] where other.shape != weight.shape || weight.shape.count != 1 {
      throw TorchError.shapes(operation: "batch norm", left: weight.shape, right: other.shape)
    }
    self.weight = weight
    self.bias = bias
    self.mean = mean
    self.variance = variance
    self.epsilon = epsilon
  }

  fileprivate var values: ct_batch_norm_values {
    ct_batch_norm_values(
      weight: weight.storage.handle, bias: bias.storage.handle, mean: mean.storage.handle,
      variance: variance.storage.handle, epsilon: epsilon)
  }
}
