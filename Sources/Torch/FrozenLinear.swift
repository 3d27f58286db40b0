import CTorch

/// `activation(x · weightᵀ + bias)` with a weight that never changes, laid out once for fast products.
///
/// The layer keeps no other copy of its weight. A gradient passes through it to `x`; the transposed weight that it
/// needs is laid out when the first one does.
public struct FrozenLinear: Sendable {
  public let inputWidth: Int
  public let outputWidth: Int
  private let storage: Storage

  // Sendable: the layer is constant after `init`, except the transposed weight, which the shim makes once under a lock.
  private final class Storage: @unchecked Sendable {
    let handle: ct_frozen_linear
    init(_ handle: ct_frozen_linear) { self.handle = handle }
    deinit { ct_frozen_linear_free(handle) }
  }

  /// - Parameters:
  ///   - weight: `[out, in]`.
  ///   - bias: `[out]`.
  ///   - activation: computed with the product, where no gradient is requested.
  /// - Throws: ``TorchError`` where weight is no matrix, bias does not fit it, or the precision is not available here.
  public init(
    weight: Tensor, bias: Tensor?, activation: Activation? = nil, precision: Precision = .float32
  ) throws {
    guard weight.shape.count == 2, bias == nil || bias?.shape == [weight.shape[0]] else {
      throw TorchError.shapes(operation: "linear layer", left: weight.shape, right: bias?.shape ?? [])
    }
    (outputWidth, inputWidth) = (weight.shape[0], weight.shape[1])
    var handle = ct_frozen_linear()
    try checked(
      "linear layer",
      ct_frozen_linear_make(
        weight.storage.handle, bias.handle, activation?.code ?? CT_IDENTITY, precision.kind, &handle))
    storage = Storage(handle)
  }

  /// `[…, in]` → `[…, out]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard x.shape.last == inputWidth else {
      throw TorchError.shapes(operation: "linear", left: x.shape, right: [outputWidth, inputWidth])
    }
    return try Tensor.result(of: "linear") { ct_frozen_linear_apply(storage.handle, x.storage.handle, $0) }
  }
}
