import CTorch

// Gradients are a function of values: nothing is marked, nothing is zeroed, and a tensor that a function merely
// captures, such as a frozen weight, costs nothing.

/// The value of `function` at `parameters`, and its derivative with respect to each of them.
///
/// - Parameter function: computes a scalar from at least one of the parameters.
/// - Returns: the scalar, and one gradient of each parameter's shape; zeros where the value does not depend on it.
/// - Throws: ``TorchError`` where the value is no scalar, or depends on none of the parameters.
public func valueWithGradient(
  at parameters: [Tensor], of function: ([Tensor]) throws -> Tensor
) throws -> (value: Tensor, gradients: [Tensor]) {
  let (values, gradients) = try valuesWithGradients(at: parameters) { [try function($0)] }
  return (values[0], gradients[0])
}

/// The values of several scalars that are computed together, and the gradient of each: one forward pass, and a backward
/// pass for each scalar.
///
/// - Parameter function: computes scalars, each from at least one of the parameters.
/// - Returns: the K scalars, and for each of them one gradient of each parameter's shape.
/// - Throws: ``TorchError`` where a value is no scalar, or depends on none of the parameters.
public func valuesWithGradients(
  at parameters: [Tensor], of function: ([Tensor]) throws -> [Tensor]
) throws -> (values: [Tensor], gradients: [[Tensor]]) {
  let variables = try parameters.map { try $0.asVariable }
  let values = try function(variables)
  for value in values where !value.shape.isEmpty {
    throw TorchError.shape(operation: "gradient", expected: "the value to be a scalar", found: value.shape)
  }
  let gradients = try values.enumerated().map { number, value in
    try value.gradients(at: variables, along: nil, keepingGraph: number + 1 < values.count)
  }
  return (try values.map { try $0.detached }, gradients)
}

/// Cotangents of a tensor pulled back to the parameters that it is computed from: vᵀ · ∂function / ∂parameters.
///
/// - Parameters:
///   - cotangents: K tensors of the shape of the function's value; each is pulled back alone.
///   - function: computes a tensor from at least one of the parameters; it is called once.
/// - Returns: for each cotangent, one gradient of each parameter's shape.
/// - Throws: ``TorchError`` where the shapes differ, or the value depends on none of the parameters.
public func pullback(
  at parameters: [Tensor], along cotangents: [Tensor], of function: ([Tensor]) throws -> Tensor
) throws -> [[Tensor]] {
  try Linearization(at: parameters, of: function).pulledBack(along: cotangents)
}

/// A function's value at some parameters, with all that its derivative there needs: what is pulled back can be decided
/// after the value is known.
public struct Linearization: Sendable {
  /// The function's value, without its history.
  public let value: Tensor
  private let variables: [Tensor]
  private let graph: Tensor

  /// - Parameter function: computes a tensor from at least one of the parameters; it is called once.
  public init(at parameters: [Tensor], of function: ([Tensor]) throws -> Tensor) throws {
    variables = try parameters.map { try $0.asVariable }
    graph = try function(variables)
    value = try graph.detached
  }

  /// Pulls cotangents back; the history is given up with the last one, so this is asked once.
  ///
  /// - Parameter cotangents: K tensors of the shape of ``value``; each is pulled back alone.
  /// - Returns: for each cotangent, one gradient of each parameter's shape.
  /// - Throws: ``TorchError`` where the shapes differ, or the value depends on none of the parameters.
  public func pulledBack(along cotangents: [Tensor]) throws -> [[Tensor]] {
    try cotangents.enumerated().map { number, cotangent in
      guard cotangent.shape == value.shape else {
        throw TorchError.shapes(operation: "pullback", left: value.shape, right: cotangent.shape)
      }
      return try graph.gradients(at: variables, along: cotangent, keepingGraph: number + 1 < cotangents.count)
    }
  }
}

extension Tensor {
  fileprivate var asVariable: Tensor {
    get throws { try Tensor.result(of: "variable") { ct_with_gradient(storage.handle, $0) } }
  }

  fileprivate var detached: Tensor {
    get throws { try Tensor.result(of: "value") { ct_without_gradient(storage.handle, $0) } }
  }

  fileprivate func gradients(
    at variables: [Tensor], along cotangent: Tensor?, keepingGraph: Bool
  ) throws -> [Tensor] {
    var handles = [ct_tensor](repeating: ct_tensor(), count: variables.count)
    try checked(
      "gradient",
      withHandles(of: variables) {
        ct_gradients(
          storage.handle, cotangent?.storage.handle ?? ct_tensor(), $0, Int64($0.count), keepingGraph, &handles)
      })
    return handles.map(Tensor.init(owning:))
  }
}
