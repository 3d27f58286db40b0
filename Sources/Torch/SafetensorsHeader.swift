/// The header of a safetensors file: the location of each tensor.
///
/// A file is the header's length (8 bytes, little-endian), the header (JSON), and the elements of all tensors, one
/// after another without gaps. The header maps each name to its `dtype`, `shape` and `data_offsets`, which count from
/// the header's end; `__metadata__` maps to an object of strings.
struct SafetensorsHeader {
  /// One tensor.
  struct Entry {
    let elementType: String
    let shape: [Int]
    /// Its bytes, counted from the header's end.
    let range: Range<Int>

    var kind: Tensor.Kind? { Tensor.Kind(rawValue: elementType) }
  }

  /// The longest header that is read, which is also the limit of the reference implementation.
  static let longest = 100_000_000
  static let metadataKey = "__metadata__"
  /// The length of the header's own length.
  static let prefix = 8

  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [String: Entry] = [:]
  let dataOffset: Int

  /// Reads the header of a file with these bytes, and checks that its tensors fill the rest of them exactly.
  init(of bytes: UnsafeRawBufferPointer) throws(SafetensorsFault) {
    guard bytes.count >= Self.prefix else { throw .tooShort(bytes: bytes.count) }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= Self.longest, length <= bytes.count - Self.prefix else {
      throw .headerLength(claimed: length, available: bytes.count - Self.prefix)
    }
    dataOffset = Self.prefix + Int(length)
    var scanner = HeaderScanner(UnsafeRawBufferPointer(rebasing: bytes[Self.prefix..<dataOffset]))
    try scanner.object { (name, scanner) throws(SafetensorsFault) in
      if name == Self.metadataKey {
        guard !scanner.takesNull() else { return }  // as Python's `safetensors` reads it
        try scanner.object { (key, scanner) throws(SafetensorsFault) in metadata[key] = try scanner.string() }
      } else {
        entries[name] = try Self.entry(of: name, &scanner)
      }
    }
    try scanner.end()
    try checkThatTensorsFill(bytes.count - dataOffset)
  }

  private static func entry(of name: String, _ scanner: inout HeaderScanner) throws(SafetensorsFault) -> Entry {
    var elementType: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.object { (key, scanner) throws(SafetensorsFault) in
      switch key {
      case "dtype": elementType = try scanner.string()
      case "shape": shape = try scanner.numbers()
      case "data_offsets": offsets = try scanner.numbers()
      default: try scanner.skipValue(deepest: 32)  // as Python's `safetensors` does
      }
    }
    guard let elementType else { throw .missing(name: name, key: "dtype") }
    guard let shape else { throw .missing(name: name, key: "shape") }
    guard let offsets else { throw .missing(name: name, key: "data_offsets") }
    guard offsets.count == 2, offsets[0] <= offsets[1] else { throw .offsets(name: name, found: offsets) }
    let entry = Entry(elementType: elementType, shape: shape, range: offsets[0]..<offsets[1])
    guard let kind = entry.kind else { return entry }
    guard Tensor.product(shape + [kind.bytesPerElement]) == entry.range.count else {
      throw .size(name: name, kind: kind, shape: shape, found: entry.range.count)
    }
    return entry
  }

  /// Whether each tensor begins where the one before it ends, from the first byte to the last.
  private func checkThatTensorsFill(_ count: Int) throws(SafetensorsFault) {
    let ordered = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    var end = 0
    for (name, entry) in ordered {
      guard entry.range.upperBound <= count else {
        throw .outside(name: name, end: entry.range.upperBound, available: count)
      }
      guard entry.range.lowerBound == end else { throw .gap(name: name, start: entry.range.lowerBound, expected: end) }
      end = entry.range.upperBound
    }
    guard end == count else { throw .surplus(bytes: count - end) }
  }
}

/// A reader for the only JSON that a header may hold: objects, strings and lists of numbers.
///
/// A general reader would have to be kept from deep nesting, would take the last of two equal keys, and would read 1e3
/// and 1.0 as lengths. This one follows the header's grammar, so each of these is an error at its position.
struct HeaderScanner {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Reads an object: calls `member` with each key, to read the value; no key may occur twice.
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

  /// Reads a list of non-negative integers that an `Int` holds.
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

  /// Consumes `null` where it comes next, and returns whether it did.
  mutating func takesNull() -> Bool { takes(word: "null") }

  /// Skips any value: a header may hold values that nobody reads.
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

  /// Reads the rest of an escape, after its backslash.
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

/// A fault of a safetensors file or of a request to it: the facts of ``TorchError/safetensors(path:_:)``.
public enum SafetensorsFault: Error, Equatable {
  /// The system would not open it as a file.
  case unreadable(reason: String)
  case tooShort(bytes: Int)
  /// The header's length exceeds the file, or 100 MB.
  case headerLength(claimed: UInt64, available: Int)
  /// The header is not the expected JSON; `position` counts bytes from the header's start.
  case syntax(expected: String, position: Int)
  case duplicate(key: String)
  case missing(name: String, key: String)
  /// The offsets of a tensor are not two numbers in ascending order.
  case offsets(name: String, found: [Int])
  /// The shape and the offsets of a tensor disagree.
  case size(name: String, kind: Tensor.Kind, shape: [Int], found: Int)
  case outside(name: String, end: Int, available: Int)
  /// A tensor that does not begin where the one before it ends.
  case gap(name: String, start: Int, expected: Int)
  case surplus(bytes: Int)
  case noTensor(name: String, nearest: String?)
  case elementType(name: String, found: String)
  /// A tensor cannot be written under the name that is reserved for metadata.
  case reservedName

  /// The problem, to be read after the file's path.
  var problem: String {
    switch self {
    case .unreadable(let reason): reason
    case .tooShort(let bytes): "expected a safetensors file, found \(bytes) bytes, too few for one"
    case .headerLength(let claimed, let available):
      claimed > SafetensorsHeader.longest
        ? "expected a safetensors file, found a header that claims \(claimed) bytes, above the limit of 100 MB"
        : "the header claims \(claimed) bytes, but only \(available) follow"
    case .syntax(let expected, let position): "expected \(expected) at byte \(position) of the header"
    case .duplicate(let key): "the header holds \(quoted(key)) twice"
    case .missing(let name, let key): "tensor \(quoted(name)) has no \(key)"
    case .offsets(let name, let found):
      "tensor \(quoted(name)): expected two data_offsets in ascending order, found \(abridged(found))"
    case .size(let name, let kind, let shape, let found):
      "tensor \(quoted(name)): \(kind.rawValue) of shape \(abridged(shape)) does not fill \(found) bytes"
    case .outside(let name, let end, let available):
      "tensor \(quoted(name)) ends at byte \(end), but the file holds \(available) bytes of tensors"
    case .gap(let name, let start, let expected):
      "tensor \(quoted(name)) begins at byte \(start), but the one before it ends at byte \(expected)"
    case .surplus(let bytes): "\(bytes) bytes belong to no tensor"
    case .noTensor(let name, _): "there is no tensor \(quoted(name))"
    case .elementType(let name, let found):
      "tensor \(quoted(name)): expected \(readable) elements, found \(quoted(found))"
    case .reservedName: "a tensor cannot be named \(quoted(SafetensorsHeader.metadataKey))"
    }
  }

  var remedy: String? {
    switch self {
    case .unreadable: "Give a safetensors file that exists and is readable"
    case .noTensor(_, let nearest): nearest.map { "Did you mean \(quoted($0))?" }
    case .elementType: "Convert the tensor to one of these"
    case .reservedName: "Choose another name"
    default: "Fetch or write the file again: it is damaged, or not a safetensors file"
    }
  }

  private var readable: String { Tensor.Kind.allCases.map(\.rawValue).joined(separator: ", ") }

  /// A name from the file, shortened so that the message stays readable.
  private func quoted(_ name: String) -> String { "“\(name.count > 100 ? name.prefix(100) + "…" : name[...])”" }

  private func abridged(_ numbers: [Int]) -> String {
    numbers.count > 8 ? "\(numbers.count) numbers" : "\(numbers)"
  }
}
