import Torch

/// The rows that each row attends to, as a graph computes it.
enum AttentionForm {
  /// Every row attends to all.
  case all
  /// Every row attends to those where the mask `[1, 1, Q, N]` is 0; elsewhere it is very negative.
  ///
  /// All products are computed: 4 · Q · N · D operations, and Q · N numbers a head in memory.
  case masked(Value)
  /// Row i attends to `indices[i]`, `[Q, A]`, where the mask `[1, Q, A, 1]` is 0.
  ///
  /// Q · A · D numbers are gathered and multiplied one by one: less for large Q, but slower than products for small.
  case gathered(indices: Value, mask: Value, length: Int)

  /// Up to here all pairs are faster than gathering. On one core with 8 heads of 64: 1.1 ms for 173 rows of at most 10
  /// ancestors (gathered 1.9), 982 ms for 4,008 rows of at most 14 (gathered 248).
  static let mostMasked = 1024
  /// What is added where nothing is to be seen: e to that power is 0 in 32 bits, and it is finite, which every runtime
  /// handles.
  private static let hidden: Float = -1e9

  /// - Parameters:
  ///   - paths: for each querying row, the rows that it attends to; at least one.
  ///   - count: N, how many rows there are.
  init(_ paths: [[Int]], of count: Int, in graph: inout Graph, name: String) {
    let length = paths.map(\.count).max() ?? 0
    if count <= Self.mostMasked {
      let mask = LazyTensor([1, 1, paths.count, count]) {
        var elements = [Float](repeating: Self.hidden, count: paths.count * count)
        for (row, path) in paths.enumerated() { for other in path { elements[row * count + other] = 0 } }
        return try Tensor(elements, shape: [1, 1, paths.count, count])
      }
      self = .masked(graph.constant("\(name)/mask", mask, element: .float32))
    } else {
      let indices = paths.flatMap { $0 + [Int](repeating: $0[0], count: length - $0.count) }
      let mask = LazyTensor([1, paths.count, length, 1]) {
        let elements = paths.flatMap { path in (0..<length).map { $0 < path.count ? 0 : Self.hidden } }
        return try Tensor(elements, shape: [1, paths.count, length, 1])
      }
      self = .gathered(
        indices: graph.indices("\(name)/indices", indices, shape: [paths.count, length]),
        mask: graph.constant("\(name)/mask", mask, element: .float32), length: length)
    }
  }
}

extension Graph {
  /// Scaled dot-product attention with several heads.
  ///
  /// - Parameters:
  ///   - query: `[B, Q, D]`.
  ///   - key: `[B, N, D]`, and so is `value`.
  /// - Returns: `[B, Q, D]`.
  mutating func attention(
    _ query: Value, _ key: Value, _ value: Value, heads: Int, width: Int, _ form: AttentionForm, path: String
  ) -> Value {
    let scale = 1 / Float(width / heads).squareRoot()
    let scaled = apply("Mul", query, number(scale, like: query), name: "\(path)/scaled_query")
    let read: Value
    switch form {
    case .all: read = products(scaled, key, value, heads: heads, width: width, mask: nil, path: path)
    case .masked(let mask):
      read = products(scaled, key, value, heads: heads, width: width, mask: mask, path: path)
    case .gathered(let indices, let mask, let length):
      read = gathered(
        scaled, key, value, heads: heads, width: width, indices: indices, mask: mask, length: length, path: path)
    }
    return reshape(read, [0, 0, width], name: "\(path)/joined")
  }

  /// - Returns: `[B, Q, H, D / H]`.
  private mutating func products(
    _ query: Value, _ key: Value, _ value: Value, heads: Int, width: Int, mask: Value?, path: String
  ) -> Value {
    let shape = [0, 0, heads, width / heads]
    let queries = transpose(
      reshape(query, shape, name: "\(path)/query_heads"), [0, 2, 1, 3], name: "\(path)/queries")  // [B, H, Q, D/H]
    let keys = transpose(
      reshape(key, shape, name: "\(path)/key_heads"), [0, 2, 3, 1], name: "\(path)/keys")  // [B, H, D/H, N]
    let values = transpose(
      reshape(value, shape, name: "\(path)/value_heads"), [0, 2, 1, 3], name: "\(path)/values")  // [B, H, N, D/H]
    var scores = cast(
      apply("MatMul", queries, keys, name: "\(path)/scores"), to: .float32, name: "\(path)/scores")  // [B, H, Q, N]
    if let mask { scores = apply("Add", scores, mask, name: "\(path)/masked_scores") }
    let weights = cast(softmax(scores, path: path), to: query.element, name: "\(path)/weights")
    let read = apply("MatMul", weights, values, name: "\(path)/read")  // [B, H, Q, D/H]
    return transpose(read, [0, 2, 1, 3], name: "\(path)/by_row")
  }

  /// - Returns: `[B, Q, H, D / H]`.
  private mutating func gathered(
    _ query: Value, _ key: Value, _ value: Value, heads: Int, width: Int, indices: Value, mask: Value, length: Int,
    path: String
  ) -> Value {
    let shape = [0, 0, length, heads, width / heads]
    let queries = reshape(query, [0, 0, 1, heads, width / heads], name: "\(path)/query_heads")  // [B, Q, 1, H, D/H]
    let keys = reshape(
      apply("Gather", key, indices, name: "\(path)/ancestor_keys", .integer("axis", 1)), shape,
      name: "\(path)/key_heads")  // [B, Q, A, H, D/H]
    let values = reshape(
      apply("Gather", value, indices, name: "\(path)/ancestor_values", .integer("axis", 1)), shape,
      name: "\(path)/value_heads")  // [B, Q, A, H, D/H]
    let products = cast(
      apply("Mul", queries, keys, name: "\(path)/products"), to: .float32, name: "\(path)/products")
    let scores = apply(
      "ReduceSum", products, integers([-1]), name: "\(path)/scores", .integer("keepdims", 0))  // [B, Q, A, H]
    let seen = apply("Add", scores, mask, name: "\(path)/masked_scores")
    let weights = cast(softmax(seen, axis: 2, path: path), to: query.element, name: "\(path)/weights")
    let spread = apply("Unsqueeze", weights, integers([-1]), name: "\(path)/spread")  // [B, Q, A, H, 1]
    let weighed = apply("Mul", spread, values, name: "\(path)/weighed")
    return apply("ReduceSum", weighed, integers([2]), name: "\(path)/read", .integer("keepdims", 0))
  }
}
