/// The instructions that push a number, a text or bytes.
extension Unpickler {
  mutating func atom(_ opcode: Opcode, at start: Int) throws -> ValueGraph.Reference {
    switch opcode {
    case .none: graph.noneReference
    case .newTrue: graph.reference(to: true)
    case .newFalse: graph.reference(to: false)
    case .integerLine, .longLine: try integerLine(start)
    case .integer4: try graph.add(integer: reader.integer())
    case .integer1: try graph.add(integer: reader.count(1))
    case .integer2: try graph.add(integer: reader.count(2))
    case .long1: try long(reader.counted(1))
    case .long4: try long(reader.counted(4))
    case .doubleLine:
      if let value = try Double(Self.text(reader.line())) {
        try graph.add(.atom(.double(value)))
      } else {
        throw unexpected("a floating-point number", start)
      }
    case .double:
      try graph.add(.atom(.double(Double(bitPattern: reader.take(8).reduce(0) { $0 << 8 | UInt64($1) }))))
    case .quotedLine: try add(unquoted(reader.line(), start))
    case .unicodeLine: try add(Self.rawUnicode(reader.line()))
    case .string4, .unicode4: try add(reader.counted(4))
    case .string1, .unicode1: try add(reader.counted(1))
    case .unicode8: try add(reader.counted(8))
    case .bytes1: try add(bytes: reader.counted(1))
    case .bytes4: try add(bytes: reader.counted(4))
    case .bytes8, .byteArray8: try add(bytes: reader.counted(8))
    default: throw unexpected("another instruction than 0x\(String(opcode.rawValue, radix: 16))", start)
    }
  }

  // MARK: Texts

  /// Adds a text, or bytes where it is not valid UTF-8: Python 2 wrote both in the same way.
  private mutating func add(_ bytes: some Collection<UInt8>) throws -> ValueGraph.Reference {
    let value = String(validating: bytes, as: UTF8.self).map(PickleValue.string) ?? .bytes(Array(bytes))
    return try graph.add(.atom(value), bytes: 64 + bytes.count)
  }

  private mutating func add(bytes: UnsafeRawBufferPointer) throws -> ValueGraph.Reference {
    try graph.add(.atom(.bytes(Array(bytes))), bytes: 64 + bytes.count)
  }

  static func text(_ line: UnsafeRawBufferPointer) -> String { String(decoding: line, as: UTF8.self) }

  /// The contents of a literal as Python 2's `repr` writes it.
  private func unquoted(_ line: UnsafeRawBufferPointer, _ start: Int) throws -> [UInt8] {
    guard line.count >= 2, let quote = line.first, quote == line.last, quote == 0x22 || quote == 0x27 else {
      throw unexpected("a text in quotes", start)
    }
    var result: [UInt8] = []
    var rest = line.dropFirst().dropLast()
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
        result.append(byte)
        continue
      }
      switch escape {
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "x"):
        guard let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
          throw unexpected("two hexadecimal digits", start)
        }
        rest = rest.dropFirst(2)
        result.append(code)
      default: result.append(escape)  // a quote or a backslash
      }
    }
    return result
  }

  /// The text of a line in Python's `raw-unicode-escape`: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
  private static func rawUnicode(_ line: UnsafeRawBufferPointer) -> [UInt8] {
    var text = ""
    var rest = line[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let kind = rest.first, kind == UInt8(ascii: "u") || kind == UInt8(ascii: "U") {
        let digits = rest.dropFirst().prefix(kind == UInt8(ascii: "u") ? 4 : 8)
        if let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(code) {
          text.unicodeScalars.append(scalar)
          rest = rest.dropFirst(1 + digits.count)
          continue
        }
      }
      text.unicodeScalars.append(Unicode.Scalar(byte))
    }
    return Array(text.utf8)
  }

  // MARK: Numbers

  /// Reads a number in decimal digits, possibly followed by an L; protocol 0 writes booleans as 00 and 01.
  private mutating func integerLine(_ start: Int) throws -> ValueGraph.Reference {
    let line = try Self.text(reader.line())
    if line == "00" || line == "01" { return graph.reference(to: line == "01") }
    let digits = line.hasSuffix("L") ? line.dropLast() : line[...]
    if let value = Int(digits) { return try graph.add(integer: value) }
    let isNumber = !digits.isEmpty && digits.drop { $0 == "-" }.allSatisfy { $0.isASCII && $0.isNumber }
    guard isNumber else { throw unexpected("an integer", start) }
    return try big(.string(String(digits)))
  }

  /// A number in two's complement, little-endian.
  private mutating func long(_ bytes: UnsafeRawBufferPointer) throws -> ValueGraph.Reference {
    guard bytes.count <= 8 else { return try big(.bytes(Array(bytes))) }
    let sign: UInt64 = bytes.last.map { $0 >= 0x80 } == true ? .max : 0
    let value = bytes.reversed().reduce(sign) { $0 << 8 | UInt64($1) }
    return try graph.add(integer: Int(truncatingIfNeeded: value))
  }

  private mutating func big(_ number: PickleValue) throws -> ValueGraph.Reference {
    let arguments = try graph.add(.atom(number), bytes: reader.position)
    return try graph.add(
      .object(type: .init("builtins", "int"), arguments: arguments, state: nil, items: nil))
  }
}
