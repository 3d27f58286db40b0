import CTorch

/// A pointwise non-linearity.
public enum Activation: Sendable, Equatable {
  case relu
  /// `min(max(x, 0), 6)`.
  case relu6
  /// `x · Φ(x)`, exact.
  case gelu
  /// `x · σ(1.702 x)`: OpenAI's CLIP.
  case quickGELU
  /// `x · σ(x)`.
  case silu

  var code: ct_activation {
    switch self {
    case .relu: CT_RELU
    case .relu6: CT_RELU6
    case .gelu: CT_GELU
    case .quickGELU: CT_QUICK_GELU
    case .silu: CT_SILU
    }
  }

  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try Tensor.result(of: "activation") { ct_activate(x.storage.handle, code, $0) }
  }
}

/// `x · weightᵀ + bias`.
public struct Linear: Sendable {
  public let weight: Tensor  // [out, in]
  public let bias: Tensor?  // [out]

  /// - Throws: ``TorchError`` where weight is no matrix or bias does not fit it.
  public init(weight: Tensor, bias: Tensor?) throws {
    guard weight.shape.count == 2, bias == nil || bias?.shape == [weight.shape[0]] else {
      throw TorchError.shapes(operation: "linear layer", left: weight.shape, right: bias?.shape ?? [])
    }
    self.weight = weight
    self.bias = bias
  }

  /// `[…, in]` → `[…, out]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard x.shape.last == weight.shape[1] else {
      throw TorchError.shapes(operation: "linear", left: x.shape, right: weight.shape)
    }
    return try Tensor.result(of: "linear") {
      ct_linear(x.storage.handle, weight.storage.handle, bias.handle, $0)
    }
  }
}

/// Layer normalisation over the last axis (Ba, Kiros, Hinton, 2016).
public struct LayerNorm: Sendable {
  let weight: Tensor  // [D]
  let bias: Tensor  // [D]
  let epsilon: Double

  public init(weight: Tensor, bias: Tensor, epsilon: Double = 1e-5) throws {
    guard weight.shape.count == 1, weight.shape == bias.shape else {
      throw TorchError.shapes(operation: "layer norm", left: weight.shape, right: bias.shape)
    }
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }

  /// `[…, D]` → `[…, D]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard x.shape.last == weight.shape[0] else {
      throw TorchError.shapes(operation: "layer norm", left: x.shape, right: weight.shape)
    }
    return try Tensor.result(of: "layer norm") {
      ct_layer_norm(x.storage.handle, weight.storage.handle, bias.storage.handle, epsilon, $0)
    }
  }
}

/// A 2-D convolution with square stride and padding.
public struct Convolution: Sendable {
  public let weight: Tensor  // [out, in / groups, h, w]
  public let bias: Tensor?  // [out]
  let stride: Int
  let padding: Int
  let groups: Int

  public init(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0, groups: Int = 1) throws {
    guard weight.shape.count == 4, bias == nil || bias?.shape == [weight.shape[0]] else {
      throw TorchError.shapes(operation: "convolution layer", left: weight.shape, right: bias?.shape ?? [])
    }
    self.weight = weight
    self.bias = bias
    self.stride = stride
    self.padding = padding
    self.groups = groups
  }

  /// `[B, in, H, W]` → `[B, out, H', W']`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard x.shape.count == 4, x.shape[1] == weight.shape[1] * groups else {
      throw TorchError.shapes(operation: "convolution", left: x.shape, right: weight.shape)
    }
    return try Tensor.result(of: "convolution of \(x.shape) with \(weight.shape)") {
      ct_convolution(
        x.storage.handle, weight.storage.handle, bias.handle, Int64(stride), Int64(padding), Int64(groups), $0)
    }
  }
}

extension Tensor {
  /// The means of squares of `size` × `size` adjacent positions; the remainder at an edge is dropped.
  ///
  /// `[B, C, H, W]` → `[B, C, H / size, W / size]`.
  public func averagePooled(by size: Int) throws -> Tensor {
    if size == 1 { return self }
    guard shape.count == 4, size > 0 else {
      throw TorchError.shape(operation: "average pooling by \(size)", expected: "[B, C, H, W]", found: shape)
    }
    return try Tensor.result(of: "average pooling of \(shape) by \(size)") {
      ct_average_pool(storage.handle, Int64(size), $0)
    }
  }
}

extension Tensor? {
  /// The handle, or the empty handle that the shim reads as "none".
  var handle: ct_tensor { self?.storage.handle ?? ct_tensor() }
}
