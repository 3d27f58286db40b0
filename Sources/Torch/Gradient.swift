import CTorch

/// The value of `function` at `parameters`, and its derivative with respect to each of them.
///
/// Gradients are a function of values: nothing is marked, nothing is zeroed, and a tensor that `function` merely
/// captures, such as a frozen weight, costs nothing.
///
/// - Parameter function: computes a scalar from at least one of the parameters.
/// - Returns: the scalar, and one gradient of each parameter's shape; zeros where the value does not depend on it.
/// - Throws: ``TorchError`` where the value is no scalar, or depends on none of the parameters.
public func valueWithGradient(
  at parameters: [Tensor], of function: ([Tensor]) throws -> Tensor
) throws -> (value: Tensor, gradients: [Tensor]) {
  let variables = try parameters.map { parameter in
    try Tensor.result(of: "variable") { ct_with_gradient(parameter.storage.handle, $0) }
  }
  let value = try function(variables)
  guard value.shape.isEmpty else {
    throw TorchError.shape(operation: "gradient", expected: "the value to be a scalar", found: value.shape)
  }
  var handles = [ct_tensor](repeating: ct_tensor(), count: variables.count)
  try checked(
    "gradient", withHandles(of: variables) { ct_gradients(value.storage.handle, $0, Int64($0.count), &handles) })
  let detached = try Tensor.result(of: "value") { ct_without_gradient(value.storage.handle, $0) }
  return (detached, handles.map(Tensor.init(owning:)))
}
