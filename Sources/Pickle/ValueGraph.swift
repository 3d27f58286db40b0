/// The values of a pickle while it is being read.
///
/// A pickle may fill a list after other values refer to it, and a list may contain itself. So values refer to each
/// other by index in one array, and become a ``PickleValue`` at the end. Nothing here recurses before the depth is
/// known.
struct ValueGraph {
  /// The index of a value.
  typealias Reference = Int32

  enum Node {
    /// A value that contains no other value.
    case atom(PickleValue)
    case list([Reference])
    case tuple([Reference])
    /// Keys and values, alternating.
    case dictionary([Reference])
    case set([Reference])
    case object(type: PickleValue.Global, arguments: Reference, state: Reference?, items: Reference?)
    case persistent(Reference)
  }

  /// Deeper values are refused. Python itself stops writing at about 1000, and files of torch stay below 20.
  static let deepest = 500
  /// The bytes that values may cost beyond ten times the file's size: enough for a small file.
  private static let allowance = 1 << 20

  private var nodes: [Node] = []
  private var budget: Int
  private let fileSize: Int
  /// The most values that a walk may visit.
  private let most: Int
  private let path: String
  private let emptyTuple: Reference
  private let constants: [Reference]

  /// - Parameters:
  ///   - size: the pickle's size in bytes, which limits the number of values.
  ///   - fileSize: the size in bytes of the file that contains it, which limits the cost of the values.
  init(size: Int, fileSize: Int, path: String) {
    self.fileSize = fileSize
    self.path = path
    budget = fileSize.multipliedReportingOverflow(by: 10).partialValue &+ Self.allowance
    most = size.multipliedReportingOverflow(by: 10).partialValue &+ 1000
    nodes = [.tuple([]), .atom(.none), .atom(.bool(false)), .atom(.bool(true))]
    nodes += (0..<256).map { .atom(.integer($0)) }
    emptyTuple = 0
    constants = Array(1..<Reference(nodes.count))
  }

  var noneReference: Reference { constants[0] }
  func reference(to value: Bool) -> Reference { constants[value ? 2 : 1] }
  var emptyTupleReference: Reference { emptyTuple }

  subscript(_ reference: Reference) -> Node { nodes[Int(reference)] }

  // MARK: Building

  /// Accounts for `bytes` of memory.
  mutating func spend(_ bytes: Int) throws {
    budget -= bytes
    guard budget >= 0 else { throw PickleError.tooLarge(path: path, bytes: fileSize) }
  }

  mutating func add(_ node: Node, bytes: Int = 0) throws -> Reference {
    try spend(MemoryLayout<Node>.stride * 2 + bytes)
    nodes.append(node)
    return Reference(nodes.count - 1)
  }

  mutating func add(integer: Int) throws -> Reference {
    (0..<256).contains(integer) ? constants[3 + integer] : try add(.atom(.integer(integer)))
  }

  /// Adds a container or a list of arguments with these parts.
  mutating func add(_ parts: [Reference], _ make: ([Reference]) -> Node) throws -> Reference {
    try spend(32 + Self.partBytes * parts.count)
    return try add(make(parts))
  }

  /// The cost of one part in bytes: here, with room for growth, and in the final value.
  private static let partBytes = 2 * MemoryLayout<Reference>.stride + MemoryLayout<PickleValue>.stride

  mutating func replace(_ reference: Reference, by node: Node) { nodes[Int(reference)] = node }

  /// Appends more parts to a list, dictionary or set, in place.
  ///
  /// - Returns: whether the value is of this kind.
  mutating func append(_ parts: [Reference], to reference: Reference, _ kind: Container) throws -> Bool {
    try spend(Self.partBytes * parts.count)
    let index = Int(reference)
    // The array is taken out while it grows: otherwise it would be copied each time.
    switch (nodes[index], kind) {
    case (.list(var all), .list):
      nodes[index] = .list([])
      all += parts
      nodes[index] = .list(all)
    case (.dictionary(var all), .dictionary):
      nodes[index] = .dictionary([])
      all += parts
      nodes[index] = .dictionary(all)
    case (.set(var all), .set):
      nodes[index] = .set([])
      all += parts
      nodes[index] = .set(all)
    case (.object(let type, let arguments, let state, let items), _):
      if let items { return try append(parts, to: items, kind) }
      let made = try add(kind.node(parts))
      nodes[index] = .object(type: type, arguments: arguments, state: state, items: made)
    default: return false
    }
    return true
  }

  enum Container {
    case list, dictionary, set

    func node(_ parts: [Reference]) -> Node {
      switch self {
      case .list: .list(parts)
      case .dictionary: .dictionary(parts)
      case .set: .set(parts)
      }
    }
  }

  // MARK: The final value

  /// The value at `reference` with everything it contains.
  ///
  /// Shared values stay shared. A walk through the result visits at most ten times as many values as the pickle has
  /// bytes: more is refused, so that a file cannot cost more time than its size explains.
  func value(of reference: Reference) throws -> PickleValue {
    var finisher = Finisher(graph: self)
    return try finisher.finish(reference, depth: 0).value
  }

  private struct Finished {
    let value: PickleValue
    let height: Int
    let count: Int
  }

  private struct Finisher {
    let graph: ValueGraph
    var finished: [Reference: Finished] = [:]
    var open: Set<Reference> = []

    mutating func finish(_ reference: Reference, depth: Int) throws -> Finished {
      if case .atom(let value) = graph[reference] { return Finished(value: value, height: 0, count: 1) }
      if open.contains(reference) { return Finished(value: .cycle, height: 0, count: 1) }
      if let known = finished[reference] {
        try check(depth: depth + known.height)
        return known
      }
      try check(depth: depth)
      open.insert(reference)
      var height = 0
      var count = 1
      func part(_ reference: Reference) throws -> PickleValue {
        let part = try finish(reference, depth: depth + 1)
        height = max(height, part.height + 1)
        count += part.count
        guard count <= graph.most else { throw PickleError.tooLarge(path: graph.path, bytes: graph.fileSize) }
        return part.value
      }
      let value: PickleValue =
        switch graph[reference] {
        case .atom(let value): value
        case .list(let parts): try .list(parts.map(part))
        case .tuple(let parts): try .tuple(parts.map(part))
        case .set(let parts): try .set(parts.map(part))
        case .persistent(let id): try .persistent(part(id))
        case .dictionary(let parts):
          try .dictionary(
            stride(from: 0, to: parts.count, by: 2).map {
              .init(key: try part(parts[$0]), value: try part(parts[$0 + 1]))
            })
        case .object(let type, let arguments, let state, let items):
          try .object(class: type, arguments: part(arguments), state: Self.joined(state.map(part), items.map(part)))
        }
      open.remove(reference)
      let result = Finished(value: value, height: height, count: count)
      finished[reference] = result
      return result
    }

    private func check(depth: Int) throws {
      guard depth <= ValueGraph.deepest else { throw PickleError.tooDeep(path: graph.path, limit: ValueGraph.deepest) }
    }

    private static func joined(_ state: PickleValue?, _ items: PickleValue?) -> PickleValue? {
      guard let state, let items else { return state ?? items }
      return .tuple([state, items])
    }
  }
}
