/// Reads pickles of protocols 0 to 5 as data, without Python and without executing anything in them.
///
/// A pickle is a program for a small stack machine. Here the machine has no instruction with an effect: where Python
/// would import and call, there is a value that describes the call. A file that refers to a name with which it could do
/// harm is refused (``PickleError/dangerous(path:global:)``).
///
/// Time is bounded by the pickle's size and memory by its file's: see ``ValueGraph``.
public struct Unpickler {
  var reader: ByteReader
  var graph: ValueGraph
  let path: String
  private var stack: [ValueGraph.Reference] = []
  private var marks: [Int] = []
  private var memo = Memo()
  /// The positions of `getattr` and its like: they may only be called, with names that do no harm.
  var attributeAccesses: Set<ValueGraph.Reference> = []
  private let fileSize: Int

  /// - Parameters:
  ///   - bytes: must outlive the reader.
  ///   - position: the start of the first pickle.
  ///   - path: the file's path in errors.
  ///   - fileSize: the size in bytes of the file that contains the pickle, such as an archive; otherwise the pickle's
  ///     own size.
  public init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0, path: String, fileSize: Int? = nil) {
    reader = ByteReader(bytes, from: position, path: path)
    self.fileSize = fileSize ?? bytes.count
    graph = ValueGraph(size: 0, fileSize: 0, path: path)
    self.path = path
  }

  /// The start of the next pickle: pickles may follow one another.
  public var position: Int { reader.position }

  /// Reads the pickle at ``position``.
  ///
  /// - Throws: ``PickleError``.
  public mutating func next() throws -> PickleValue {
    (stack, marks, memo, attributeAccesses) = ([], [], Memo(), [])
    graph = ValueGraph(size: reader.bytes.count - position, fileSize: fileSize, path: path)
    while true {
      let start = reader.position
      guard let opcode = try Opcode(rawValue: reader.byte()) else {
        throw PickleError.syntax(path: path, position: start, expected: "an instruction of a pickle")
      }
      if opcode == .stop {
        let result = try pop(start)
        (stack, marks, memo) = ([], [], Memo())
        return try graph.value(of: result)
      }
      try run(opcode, at: start)
    }
  }

  /// Executes one instruction; groups of related instructions have files of their own.
  private mutating func run(_ opcode: Opcode, at start: Int) throws {
    switch opcode {
    case .stop: break
    case .protocolVersion:
      guard try reader.byte() <= 5 else { throw unexpected("a protocol of at most 5", start) }
    case .frame:
      guard try reader.count(8) <= reader.bytes.count - reader.position else {
        throw PickleError.truncated(path: path, position: start)
      }
    case .mark: marks.append(stack.count)
    case .pop: if marks.last == stack.count { marks.removeLast() } else { _ = try pop(start) }
    case .popMark: _ = try sinceMark(start)
    case .duplicate: try push(top(start))
    case .getLine: try push(recalled(index(start), start))
    case .get1: try push(recalled(reader.count(1), start))
    case .get4: try push(recalled(reader.count(4), start))
    case .putLine: try memoize(top(start), as: index(start))
    case .put1: try memoize(top(start), as: reader.count(1))
    case .put4: try memoize(top(start), as: reader.count(4))
    case .memoize: try memoize(top(start), as: memo.count)
    case .global, .stackGlobal, .reduce, .build, .instance, .object, .newObject, .newObjectWithKeywords, .extension1,
      .extension2, .extension4, .persistentLine, .persistent:
      try runCall(opcode, at: start)
    case .emptyTuple, .tuple, .tuple1, .tuple2, .tuple3, .emptyList, .list, .append, .appends, .emptyDictionary,
      .dictionary, .setItem, .setItems, .emptySet, .addItems, .frozenSet:
      try runContainer(opcode, at: start)
    case .nextBuffer, .readOnlyBuffer: throw unexpected("bytes in the file itself, not in a buffer beside it", start)
    default: try push(atom(opcode, at: start))
    }
  }

  // MARK: Stack and memo

  mutating func push(_ reference: ValueGraph.Reference) throws {
    try graph.spend(2 * MemoryLayout<ValueGraph.Reference>.stride)
    stack.append(reference)
  }

  mutating func push(_ node: ValueGraph.Node) throws { try push(graph.add(node)) }

  /// The topmost value above the last mark.
  func top(_ start: Int) throws -> ValueGraph.Reference {
    guard let top = stack.last, stack.count > marks.last ?? 0 else { throw unexpected("a value before it", start) }
    return top
  }

  mutating func pop(_ start: Int) throws -> ValueGraph.Reference {
    let top = try top(start)
    stack.removeLast()
    try checkUse(of: [top])
    return top
  }

  /// Pops a function and its arguments, the only place where an access to attributes is allowed.
  mutating func popCall(_ start: Int) throws -> (function: ValueGraph.Reference, arguments: ValueGraph.Reference) {
    let arguments = try pop(start)
    let function = try top(start)
    stack.removeLast()
    return (function, arguments)
  }

  /// Refuses `getattr` as an ordinary value, since its receiver could call it with any name.
  private func checkUse(of references: [ValueGraph.Reference]) throws {
    guard !attributeAccesses.isEmpty, let access = references.first(where: attributeAccesses.contains) else { return }
    if case .atom(.global(let global)) = graph[access] { throw PickleError.dangerous(path: path, global: global) }
  }

  /// Pops the values since the last mark, and the mark.
  mutating func sinceMark(_ start: Int) throws -> [ValueGraph.Reference] {
    guard let mark = marks.popLast(), mark <= stack.count else { throw unexpected("a mark before it", start) }
    return try take(stack.count - mark)
  }

  /// Pops the topmost values above the last mark.
  mutating func pop(_ count: Int, _ start: Int) throws -> [ValueGraph.Reference] {
    guard stack.count - count >= marks.last ?? 0 else { throw unexpected("\(count) values before it", start) }
    return try take(count)
  }

  private mutating func take(_ count: Int) throws -> [ValueGraph.Reference] {
    let taken = Array(stack.suffix(count))
    stack.removeLast(count)
    try checkUse(of: taken)
    return taken
  }

  private func recalled(_ index: Int, _ start: Int) throws -> ValueGraph.Reference {
    guard let reference = memo[index] else { throw unexpected("an earlier value of number \(index)", start) }
    return reference
  }

  private mutating func memoize(_ reference: ValueGraph.Reference, as index: Int) throws {
    try graph.spend(memo.set(index, to: reference))
  }

  private mutating func index(_ start: Int) throws -> Int {
    guard let index = try Int(String(decoding: reader.line(), as: UTF8.self)), index >= 0 else {
      throw unexpected("a number that is not negative", start)
    }
    return index
  }

  func unexpected(_ expected: String, _ position: Int) -> PickleError {
    .syntax(path: path, position: position, expected: expected)
  }
}

extension PickleValue {
  /// The value of a pickle that fills all of `bytes`, as `pickle.dump` writes it.
  ///
  /// - Parameters:
  ///   - path: the file's path in errors.
  ///   - fileSize: the size in bytes of the file that contains the pickle, such as an archive.
  /// - Throws: ``PickleError``.
  public init(pickled bytes: UnsafeRawBufferPointer, path: String, fileSize: Int? = nil) throws {
    var unpickler = Unpickler(bytes, path: path, fileSize: fileSize)
    self = try unpickler.next()
  }

  public init(pickled bytes: some Collection<UInt8>, path: String) throws {
    self = try Array(bytes).withUnsafeBytes { try PickleValue(pickled: $0, path: path) }
  }
}

/// The values that a pickle has numbered in order to refer to them again.
///
/// Usual writers count from 0, so the numbers are indices; other writers may use any numbers.
struct Memo {
  /// The bytes that a value costs, with room for growth: with the next number, and with any other number.
  static let (bytesInOrder, bytesElsewhere) = (12, 48)

  private var ordered: [ValueGraph.Reference] = []
  private var others: [Int: ValueGraph.Reference] = [:]

  var count: Int { ordered.count + others.count }

  subscript(_ number: Int) -> ValueGraph.Reference? {
    ordered.indices.contains(number) ? ordered[number] : others[number]
  }

  /// - Returns: the bytes that the value costs.
  mutating func set(_ number: Int, to reference: ValueGraph.Reference) -> Int {
    if ordered.indices.contains(number) {
      ordered[number] = reference
      return 0
    }
    guard number == ordered.count else {
      return others.updateValue(reference, forKey: number) == nil ? Self.bytesElsewhere : 0
    }
    ordered.append(reference)
    others[number] = nil
    return Self.bytesInOrder
  }
}
