/// The instructions that make and fill lists, tuples, dictionaries and sets.
extension Unpickler {
  mutating func runContainer(_ opcode: Opcode, at start: Int) throws {
    switch opcode {
    case .emptyTuple: try push(graph.emptyTupleReference)
    case .tuple: try push(graph.add(sinceMark(start)) { .tuple($0) })
    case .tuple1: try push(graph.add(pop(1, start)) { .tuple($0) })
    case .tuple2: try push(graph.add(pop(2, start)) { .tuple($0) })
    case .tuple3: try push(graph.add(pop(3, start)) { .tuple($0) })
    case .emptyList: try push(.list([]))
    case .list: try push(graph.add(sinceMark(start)) { .list($0) })
    case .emptyDictionary: try push(.dictionary([]))
    case .dictionary:
      let parts = try pairs(start)
      try push(graph.add(parts) { .dictionary($0) })
    case .emptySet: try push(.set([]))
    case .frozenSet: try push(graph.add(sinceMark(start)) { .set($0) })
    case .append: try fill(.list, with: pop(1, start), start)
    case .appends: try fill(.list, with: sinceMark(start), start)
    case .setItem: try fill(.dictionary, with: pop(2, start), start)
    case .setItems: try fill(.dictionary, with: pairs(start), start)
    default: try fill(.set, with: sinceMark(start), start)
    }
  }

  private mutating func pairs(_ start: Int) throws -> [ValueGraph.Reference] {
    let parts = try sinceMark(start)
    guard parts.count.isMultiple(of: 2) else { throw unexpected("a value for every key", start) }
    return parts
  }

  private mutating func fill(
    _ kind: ValueGraph.Container, with parts: [ValueGraph.Reference], _ start: Int
  ) throws {
    guard try graph.append(parts, to: top(start), kind) else {
      throw unexpected("a \(kind) that takes what follows it", start)
    }
  }
}
