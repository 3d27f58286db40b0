import CTorch

/// Arithmetic: elementwise operations broadcast as NumPy's do.
extension Tensor {
  public static func + (left: Tensor, right: Tensor) throws -> Tensor { try left.adding(right, scaledBy: 1) }

  public static func - (left: Tensor, right: Tensor) throws -> Tensor { try left.adding(right, scaledBy: -1) }

  public static func * (left: Tensor, right: Tensor) throws -> Tensor {
    try elementwise("multiply", left, right) { ct_multiply(left.storage.handle, right.storage.handle, $0) }
  }

  public static func / (left: Tensor, right: Tensor) throws -> Tensor {
    try elementwise("divide", left, right) { ct_divide(left.storage.handle, right.storage.handle, $0) }
  }

  public static func * (left: Tensor, right: Float) throws -> Tensor {
    try Tensor.result(of: "scale") { ct_affine(left.storage.handle, Double(right), 0, $0) }
  }

  /// `self + scale · other`.
  public func adding(_ other: Tensor, scaledBy scale: Float) throws -> Tensor {
    try Tensor.elementwise("add", self, other) { ct_add(storage.handle, other.storage.handle, Double(scale), $0) }
  }

  /// The matrix product, over the last two axes: `[…, A, K] · […, K, B]` → `[…, A, B]`.
  public func matmul(_ other: Tensor) throws -> Tensor {
    guard let inner = shape.last, shape.count >= 1, other.shape.count >= 2,
      other.shape[other.shape.count - 2] == inner
    else { throw TorchError.shapes(operation: "matmul", left: shape, right: other.shape) }
    return try Tensor.result(of: "matmul of \(shape) and \(other.shape)") {
      ct_matmul(storage.handle, other.storage.handle, $0)
    }
  }

  /// The mean over `axes`, which disappear from the shape.
  public func mean(over axes: [Int]) throws -> Tensor {
    guard !axes.isEmpty else { return self }  // to libtorch, no axis means every axis
    return try Tensor.result(of: "mean over axes \(axes) of \(shape)") {
      ct_mean(storage.handle, axes.map(Int64.init), Int64(axes.count), $0)
    }
  }

  /// Every row of the last axis divided by its Euclidean norm.
  public func unitRows() throws -> Tensor {
    try Tensor.result(of: "unit rows of \(shape)") { ct_unit_rows(storage.handle, $0) }
  }

  /// Softmax over the last axis.
  public func softmax() throws -> Tensor {
    try Tensor.result(of: "softmax of \(shape)") { ct_softmax(storage.handle, $0) }
  }

  /// Mean cross-entropy in nats.
  ///
  /// - Parameter labels: `[B]`, integers in `0 ..< C`, for logits `[B, C]`.
  /// - Returns: a scalar.
  public func crossEntropy(_ labels: Tensor) throws -> Tensor {
    guard shape.count == 2, labels.shape == [shape[0]] else {
      throw TorchError.shapes(operation: "cross-entropy", left: shape, right: labels.shape)
    }
    return try Tensor.result(of: "cross-entropy") { ct_cross_entropy(storage.handle, labels.storage.handle, $0) }
  }

  /// How many rows of logits `[B, C]` are highest at their label.
  ///
  /// - Parameter labels: `[B]`, integers in `0 ..< C`.
  /// - Returns: a scalar.
  public func rightAnswers(_ labels: Tensor) throws -> Tensor {
    guard shape.count == 2, labels.shape == [shape[0]] else {
      throw TorchError.shapes(operation: "right answers", left: shape, right: labels.shape)
    }
    return try Tensor.result(of: "right answers") { ct_right_answers(storage.handle, labels.storage.handle, $0) }
  }

  /// 1 where every element of all tensors is finite, else 0: a scalar on their device, which nobody has waited for.
  ///
  /// - Parameter tensors: at least one.
  package static func allFinite(_ tensors: [Tensor]) throws -> Tensor {
    try Tensor.result(of: "finiteness") { result in
      withHandles(of: tensors) { ct_all_finite($0, Int64($0.count), result) }
    }
  }

  /// Mean cross-entropy in nats with targets that are probabilities.
  ///
  /// - Parameter probabilities: `[B, C]`, rows that sum to 1, for logits `[B, C]`.
  /// - Returns: a scalar.
  public func crossEntropy(probabilities: Tensor) throws -> Tensor {
    guard shape.count == 2, probabilities.shape == shape else {
      throw TorchError.shapes(operation: "cross-entropy", left: shape, right: probabilities.shape)
    }
    return try Tensor.result(of: "cross-entropy") {
      ct_cross_entropy(storage.handle, probabilities.storage.handle, $0)
    }
  }

  /// e to the power of each element.
  public func exponential() throws -> Tensor {
    try Tensor.result(of: "exponential of \(shape)") { ct_exp(storage.handle, $0) }
  }

  /// The absolute value of each element; its derivative at 0 is 0.
  public func absolute() throws -> Tensor {
    try Tensor.result(of: "absolute value of \(shape)") { ct_abs(storage.handle, $0) }
  }

  /// The square root of each element.
  public func squareRoot() throws -> Tensor {
    try Tensor.result(of: "square root of \(shape)") { ct_square_root(storage.handle, $0) }
  }

  /// Whether both tensors have one shape and no two elements differ by more than `tolerance`.
  public func isClose(to other: Tensor, within tolerance: Float) throws -> Bool {
    try shape == other.shape && largestDifference(from: other) <= tolerance
  }

  /// The largest absolute difference of two elements; NaN anywhere gives infinity.
  public func largestDifference(from other: Tensor) throws -> Float {
    guard shape == other.shape else { throw TorchError.shapes(operation: "compare", left: shape, right: other.shape) }
    return try zip(floats(), other.floats()).reduce(0) { largest, pair in
      let difference = abs(pair.0 - pair.1)
      return difference.isNaN ? .infinity : max(largest, difference)
    }
  }

  private static func elementwise(
    _ operation: String, _ left: Tensor, _ right: Tensor, _ call: (UnsafeMutablePointer<ct_tensor>) -> ct_status
  ) throws -> Tensor {
    let fits = zip(left.shape.reversed(), right.shape.reversed()).allSatisfy { $0 == $1 || $0 == 1 || $1 == 1 }
    guard fits else { throw TorchError.shapes(operation: operation, left: left.shape, right: right.shape) }
    return try Tensor.result(of: operation, call)
  }
}
