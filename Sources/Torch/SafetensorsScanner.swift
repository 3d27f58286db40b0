/// Reads the only JSON that a header may hold: objects, strings and lists of numbers.
///
/// A general reader would have to be kept from deep nesting, would take the last of two equal keys, and would read
/// 1e3 and 1.0 as lengths. This one follows the header's grammar, so each of these is an error where it stands.
struct HeaderScanner {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// An object: calls `member` with each key, to read the value; no key may come twice.
  mutating func object(
    _ member: (String, inout HeaderScanner) throws(SafetensorsFault) -> Void
  ) throws(SafetensorsFault) {
    try expect("{", for: "an object")
    var keys: Set<String> = []
    guard !takes("}") else { return }
    repeat {
      let key = try string()
      guard keys.insert(key).inserted else { throw .duplicate(key: key) }
      try expect(":", for: "a colon")
      try member(key, &self)
    } while takes(",")
    try expect("}", for: "a comma or the end of the object")
  }

  /// A list of integers that an `Int` holds and that are not negative.
  mutating func numbers() throws(SafetensorsFault) -> [Int] {
    var numbers: [Int] = []
    try expect("[", for: "a list of numbers")
    guard !takes("]") else { return numbers }
    repeat { numbers.append(try number()) } while takes(",")
    try expect("]", for: "a comma or the end of the list")
    return numbers
  }

  mutating func string() throws(SafetensorsFault) -> String {
    try expect("\"", for: "a string")
    var units: [UInt8] = []
    while true {
      switch try next(of: "a string") {
      case UInt8(ascii: "\""):
        guard let text = String(validating: units, as: UTF8.self) else { throw unexpected("UTF-8 text") }
        return text
      case UInt8(ascii: "\\"): units += String(try escaped()).utf8
      case 0..<0x20: throw unexpected("no control character in a string")
      case let unit: units.append(unit)
      }
    }
  }

  /// Throws unless only spaces are left.
  mutating func end() throws(SafetensorsFault) {
    skipSpaces()
    guard position == bytes.count else { throw unexpected("nothing after the object") }
  }

  /// Whether `null` stands here, which is then taken.
  mutating func takesNull() -> Bool { takes(word: "null") }

  /// Any value, whatever it is: what a header may hold that nobody reads.
  mutating func skipValue(deepest: Int) throws(SafetensorsFault) {
    skipSpaces()
    guard deepest > 0, position < bytes.count else { throw unexpected("a value of JSON") }
    switch bytes[position] {
    case UInt8(ascii: "{"):
      try object { (_, scanner) throws(SafetensorsFault) in try scanner.skipValue(deepest: deepest - 1) }
    case UInt8(ascii: "["):
      position += 1
      guard !takes("]") else { return }
      repeat { try skipValue(deepest: deepest - 1) } while takes(",")
      try expect("]", for: "a comma or the end of the list")
    case UInt8(ascii: "\""): _ = try string()
    default:
      guard !takes(word: "true"), !takes(word: "false"), !takes(word: "null") else { return }
      let start = position
      while position < bytes.count, "+-.0123456789eE".utf8.contains(bytes[position]) { position += 1 }
      guard Double(String(decoding: bytes[start..<position], as: UTF8.self)) != nil else {
        throw unexpected("a value of JSON")
      }
    }
  }

  // MARK: Parts

  private mutating func takes(word: String) -> Bool {
    skipSpaces()
    guard bytes[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func number() throws(SafetensorsFault) -> Int {
    skipSpaces()
    let start = position
    var value = 0
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = tens.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
      guard !overflows, !overflowsToo else { throw unexpected("a number below 2^63") }
      value = sum
      position += 1
    }
    let isCanonical = position > start && (position == start + 1 || bytes[start] != UInt8(ascii: "0"))
    guard isCanonical else { throw unexpected("a whole number that is not negative") }
    return value
  }

  /// The rest of an escape, after its backslash.
  private mutating func escaped() throws(SafetensorsFault) -> Unicode.Scalar {
    switch try next(of: "an escape") {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      return if let scalar = Unicode.Scalar(unit) { scalar } else { try surrogatePair(leading: unit) }
    default: throw unexpected("an escape of JSON")
    }
  }

  private mutating func surrogatePair(leading: UInt32) throws(SafetensorsFault) -> Unicode.Scalar {
    guard (0xD800..<0xDC00).contains(leading), try next(of: "an escape") == UInt8(ascii: "\\"),
      try next(of: "an escape") == UInt8(ascii: "u"), case let trailing = try hexadecimal(),
      (0xDC00..<0xE000).contains(trailing),
      let scalar = Unicode.Scalar(0x10000 + (leading - 0xD800) << 10 + (trailing - 0xDC00))
    else { throw unexpected("a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimal() throws(SafetensorsFault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let digit = Character(Unicode.Scalar(try next(of: "an escape")))
      guard let nibble = digit.hexDigitValue, digit.isASCII else { throw unexpected("four hexadecimal digits") }
      value = value << 4 | UInt32(nibble)
    }
    return value
  }

  private mutating func next(of what: String) throws(SafetensorsFault) -> UInt8 {
    guard position < bytes.count else { throw unexpected("the rest of \(what)") }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func expect(_ mark: Unicode.Scalar, for what: String) throws(SafetensorsFault) {
    guard takes(mark) else { throw unexpected(what) }
  }

  private mutating func takes(_ mark: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpaces() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  private func unexpected(_ expected: String) -> SafetensorsFault {
    .syntax(expected: expected, position: position)
  }
}
