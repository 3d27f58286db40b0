/// Writes a value as a pickle of protocol 2, which `torch.load` reads with its default settings.
struct Pickler {
  private(set) var bytes: [UInt8] = [Opcode.protocolVersion.rawValue, 2]

  private mutating func put(_ opcode: Opcode) { bytes.append(opcode.rawValue) }

  private mutating func put(_ count: Int, size: Int) {
    bytes += (0..<size).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
  }

  mutating func end() { put(.stop) }

  mutating func write(_ value: PickleValue) {
    switch value {
    case .none: put(.none)
    case .bool(let value): put(value ? .newTrue : .newFalse)
    case .integer(let value): write(value)
    case .double(let value):
      put(.double)
      bytes += withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }
    case .string(let text):
      put(.unicode4)
      put(text.utf8.count, size: 4)
      bytes += text.utf8
    case .bytes(let data):
      write(.global(.init("_codecs", "encode")))
      write(.tuple([.string(String(String.UnicodeScalarView(data.map { Unicode.Scalar($0) }))), .string("latin1")]))
      put(.reduce)
    case .list(let elements):
      put(.emptyList)
      if !elements.isEmpty { write(marked: elements, .appends) }
    case .tuple(let elements): elements.isEmpty ? put(.emptyTuple) : write(marked: elements, .tuple)
    case .dictionary(let entries):
      put(.emptyDictionary)
      if !entries.isEmpty { write(marked: entries.flatMap { [$0.key, $0.value] }, .setItems) }
    case .set(let elements):
      write(.global(.init("__builtin__", "set")))
      write(.tuple([.list(elements)]))
      put(.reduce)
    case .global(let global):
      put(.global)
      bytes += "\(global.module)\n\(global.name)\n".utf8
    case .object(let type, let arguments, let state):
      write(.global(type))
      write(arguments)
      put(.reduce)
      if let state {
        write(state)
        put(.build)
      }
    case .persistent(let id):
      write(id)
      put(.persistent)
    case .cycle: put(.none)
    }
  }

  private mutating func write(_ integer: Int) {
    switch integer {
    case 0...0xFF:
      put(.integer1)
      put(integer, size: 1)
    case Int(Int32.min)...Int(Int32.max):
      put(.integer4)
      put(integer, size: 4)
    default:
      put(.long1)
      put(8, size: 1)
      put(integer, size: 8)
    }
  }

  private mutating func write(marked values: [PickleValue], _ opcode: Opcode) {
    put(.mark)
    for value in values { write(value) }
    put(opcode)
  }
}

extension PickleValue {
  /// The value as a pickle of protocol 2. A ``cycle`` is written as `None`.
  public func pickled() -> [UInt8] {
    var pickler = Pickler()
    pickler.write(self)
    pickler.end()
    return pickler.bytes
  }
}
