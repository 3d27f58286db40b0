import CTorch

/// The keys that each query attends to.
public enum AttentionPattern: Sendable {
  /// Every query attends to every key.
  case full
  /// Query i attends to the listed keys alone.
  case sparse(SparsePattern)
}

/// A list of keys for each query.
public struct SparsePattern: Sendable {
  /// The number of queries.
  public let queryCount: Int
  let offsets: Tensor  // [Q + 1], integers
  let keys: Tensor  // [offsets[Q]], integers

  /// - Parameter keysOfQuery: for each query the keys it attends to, at least one.
  public init(_ keysOfQuery: [[Int]]) throws {
    guard keysOfQuery.allSatisfy({ !$0.isEmpty }), !keysOfQuery.isEmpty else {
      throw TorchError.shape(
        operation: "sparse pattern", expected: "at least one key for each query", found: keysOfQuery.map(\.count))
    }
    queryCount = keysOfQuery.count
    let ends = keysOfQuery.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    offsets = try Tensor(ends, shape: [ends.count])
    let list = keysOfQuery.flatMap { $0 }
    keys = try Tensor(list, shape: [list.count])
  }
}

extension Tensor {
  /// Multi-head attention with these queries (Vaswani et al., 2017), with scale 1/√(D / heads).
  ///
  /// Memory is that of the operands and the result: gradients recompute the attention weights.
  ///
  /// - Parameters:
  ///   - keys, values: `[B, K, D]`, for queries `[B, Q, D]`.
  ///   - heads: divides D.
  /// - Returns: `[B, Q, D]`.
  public func attending(
    to keys: Tensor, values: Tensor, heads: Int, pattern: AttentionPattern
  ) throws -> Tensor {
    guard shape.count == 3, keys.shape == values.shape, keys.shape.count == 3, keys.shape[0] == shape[0],
      keys.shape[2] == shape[2], heads > 0, shape[2] % heads == 0
    else { throw TorchError.shapes(operation: "attention with \(heads) heads", left: shape, right: keys.shape) }
    let (q, k, v) = (storage.handle, keys.storage.handle, values.storage.handle)
    switch pattern {
    case .full:
      return try Tensor.result(of: "attention") { ct_attention(q, k, v, Int64(heads), $0) }
    case .sparse(let pattern):
      return try Tensor.result(of: "sparse attention") {
        ct_sparse_attention(q, k, v, pattern.offsets.storage.handle, pattern.keys.storage.handle, Int64(heads), $0)
      }
    }
  }
}
