import CTorch
import Synchronization

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
  /// The same lists as paths, which devices other than the CPU attend along; made when they are first needed.
  let paths: PathTables

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
    paths = PathTables(keysOfQuery)
  }
}

/// Lists of keys as rows of equal length in which each place attends to itself and to what stands before it, so that
/// attention needs no mask and no kernel of ours.
///
/// A list that another one begins with is a place within that one's row. What stands behind a row's end is later than
/// all that is read, so it makes no difference what it is. Any lists can be laid out in this way; those of a trie make as
/// many rows as it has leaves.
final class PathTables: Sendable {
  struct Tables: Sendable {
    let count: Int  // of rows, P
    let queries: Indices  // [P · length], into the queries
    let keys: Indices  // [P · length], into the keys
    let read: Indices  // [Q], into P · length
  }

  private let lists: [[Int]]
  private let made = Mutex<Tables?>(nil)

  init(_ lists: [[Int]]) { self.lists = lists }

  var tables: Tables {
    get throws {
      try made.withLock { made in
        if let made { return made }
        let tables = try Self.tables(of: lists)
        made = tables
        return tables
      }
    }
  }

  private static func tables(of lists: [[Int]]) throws -> Tables {
    var (rows, taken, places): ([[Int]], [[Int?]], [(row: Int, place: Int)?]) = (
      [], [], Array(repeating: nil, count: lists.count)
    )
    // By length, the longest first: a list's row is then there before the lists that it begins with.
    var rowOfBeginning: [ArraySlice<Int>: Int] = [:]
    for query in lists.indices.sorted(by: { (lists[$1].count, $0) < (lists[$0].count, $1) }) {
      let list = lists[query]
      if let row = rowOfBeginning[list[...]], taken[row][list.count - 1] == nil {
        taken[row][list.count - 1] = query
        places[query] = (row, list.count - 1)
        continue
      }
      places[query] = (rows.count, list.count - 1)
      for end in 1...list.count where rowOfBeginning[list[..<end]] == nil { rowOfBeginning[list[..<end]] = rows.count }
      rows.append(list)
      taken.append(Array(repeating: nil, count: list.count - 1) + [query])
    }
    let length = lists.map(\.count).max() ?? 0
    return Tables(
      count: rows.count,
      queries: try Indices(taken.flatMap { $0.map { $0 ?? 0 } + Array(repeating: 0, count: length - $0.count) }),
      keys: try Indices(rows.flatMap { $0 + Array(repeating: 0, count: length - $0.count) }),
      read: try Indices(places.map { place in place.map { $0.row * length + $0.place } ?? 0 }))
  }
}

extension Tensor {
  /// Multi-head attention with these queries (Vaswani et al., 2017), with scale 1/√(D / heads).
  ///
  /// On the CPU memory is that of the operands and the result: gradients recompute the attention weights.
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
    case .sparse(let pattern) where device.isAccelerator:
      return try attendingAlongPaths(to: keys, values: values, heads: heads, pattern: pattern)
    case .sparse(let pattern):
      return try Tensor.result(of: "sparse attention") {
        ct_sparse_attention(q, k, v, pattern.offsets.storage.handle, pattern.keys.storage.handle, Int64(heads), $0)
      }
    }
  }

  /// Sparse attention by operations that every device has: one gather, causal attention, one gather.
  package func attendingAlongPaths(
    to keys: Tensor, values: Tensor, heads: Int, pattern: SparsePattern
  ) throws -> Tensor {
    guard pattern.queryCount == shape[1] else {
      throw TorchError.shape(
        operation: "sparse attention", expected: "\(pattern.queryCount) queries", found: shape)
    }
    let tables = try pattern.paths.tables
    let (queryRows, keyRows) = (try tables.queries.on(device), try tables.keys.on(device))
    let read = try tables.read.on(device)
    return try Tensor.result(of: "attention along paths") {
      ct_path_attention(
        storage.handle, keys.storage.handle, values.storage.handle, queryRows.storage.handle, keyRows.storage.handle,
        read.storage.handle, Int64(tables.count), Int64(heads), $0)
    }
  }
}
