import CTorch

/// The same elements, arranged or chosen differently.
extension Tensor {
  /// The same elements, row-major, in another shape. One length may be -1: whatever is left.
  public func reshaped(_ shape: [Int]) throws -> Tensor {
    try Tensor.result(of: "reshape \(self.shape) to \(shape)") {
      ct_reshape(storage.handle, shape.map(Int64.init), Int64(shape.count), $0)
    }
  }

  /// The axes in another order.
  public func permuted(_ axes: [Int]) throws -> Tensor {
    try Tensor.result(of: "permute \(shape) by \(axes)") {
      ct_permute(storage.handle, axes.map(Int64.init), Int64(axes.count), $0)
    }
  }

  /// The transpose of a matrix: `[A, B]` → `[B, A]`.
  public func transposed() throws -> Tensor {
    guard shape.count == 2 else { throw TorchError.shape(operation: "transpose", expected: "a matrix", found: shape) }
    return try permuted([1, 0])
  }

  /// A new axis of length 1 before `axis`.
  public func unsqueezed(at axis: Int) throws -> Tensor {
    var longer = shape
    guard (0...shape.count).contains(axis) else {
      throw TorchError.shape(operation: "unsqueeze at \(axis)", expected: "an axis in 0...\(shape.count)", found: shape)
    }
    longer.insert(1, at: axis)
    return try reshaped(longer)
  }

  /// Axes of length 1 repeated up to `shape`, without copying.
  public func expanded(to shape: [Int]) throws -> Tensor {
    try Tensor.result(of: "expand \(self.shape) to \(shape)") {
      ct_expand(storage.handle, shape.map(Int64.init), Int64(shape.count), $0)
    }
  }

  /// The elements with index in `range` along `axis`.
  public func sliced(_ range: Range<Int>, axis: Int) throws -> Tensor {
    try Tensor.result(of: "slice \(range) of axis \(axis) of \(shape)") {
      ct_slice(storage.handle, Int64(axis), Int64(range.lowerBound), Int64(range.count), $0)
    }
  }

  /// The last axis in `count` equal parts: `[…, count · K]` → `count` of `[…, K]`.
  ///
  /// The gradients of the parts are joined in one step, where those of ``sliced(_:axis:)`` would be padded and added.
  public func split(into count: Int) throws -> [Tensor] {
    var handles = [ct_tensor](repeating: ct_tensor(), count: count)
    try checked("split \(shape) into \(count)", ct_split(storage.handle, Int64(count), &handles))
    return handles.map(Tensor.init(owning:))
  }

  /// The elements with the given indices along `axis`, in the order of `indices`.
  ///
  /// - Parameter indices: `[K]`, integers in `0 ..< shape[axis]`.
  public func gathered(_ indices: Tensor, axis: Int) throws -> Tensor {
    try Tensor.result(of: "gather along axis \(axis) of \(shape)") {
      ct_gather(storage.handle, Int64(axis), indices.storage.handle, $0)
    }
  }

  /// Tensors that differ only in the length of `axis`, one after another.
  public static func concatenated(_ tensors: [Tensor], axis: Int) throws -> Tensor {
    try Tensor.result(of: "concatenate \(tensors.map(\.shape)) along axis \(axis)") { result in
      withHandles(of: tensors) { ct_concatenate($0, Int64($0.count), Int64(axis), result) }
    }
  }

  /// Tensors of one shape along a new first axis.
  public static func stacked(_ tensors: [Tensor]) throws -> Tensor {
    try concatenated(tensors.map { try $0.unsqueezed(at: 0) }, axis: 0)
  }

  /// Zeros around the last two axes.
  public func zeroPadded(left: Int, right: Int, top: Int, bottom: Int) throws -> Tensor {
    try Tensor.result(of: "pad \(shape)") {
      ct_zero_padded(storage.handle, Int64(left), Int64(right), Int64(top), Int64(bottom), $0)
    }
  }

  /// The same values as elements of another kind.
  public func converted(to kind: Kind) throws -> Tensor {
    try Tensor.result(of: "convert to \(kind.rawValue)") { ct_converted(storage.handle, kind.code, $0) }
  }
}
