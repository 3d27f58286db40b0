import Foundation

/// The character tables that were recorded from the reference, read from `characters.txt`.
///
/// They are pinned rather than asked of the standard library: the reference's Unicode versions (14 in CPython 3.11
/// for letter case and normalisation, a later one in its `regex` package) don't change with the system that runs this.
///
/// A line is `set NAME 41-5A AA …`, `map NAME C0=41+300 …`, or `rule NAME [^] 41-5A AA | 300 …` (one alternative of a
/// pattern, place by place; `^` ties it to the start). Numbers are hexadecimal. Order within a line is ascending.
struct RecordedTables {
  private var sets: [String: ScalarSet] = [:]
  private var maps: [String: ScalarMap] = [:]
  private var rules: [String: [PatternRule]] = [:]
  private let name = "characters"

  init() throws {
    var line = 0
    for fields in try Resource.lines(of: name) {
      line += 1
      var reader = HexadecimalReader(bytes: fields)
      let kind = reader.word()
      let table = reader.word()
      guard !table.isEmpty, read(&reader, kind: kind, into: table), reader.isAtEnd else {
        throw TokenizationError.damagedTable(name: name, line: line + 1, expected: "a set, a map or a rule")
      }
    }
  }

  func set(_ table: String) throws -> ScalarSet { try found(sets[table], table) }
  func map(_ table: String) throws -> ScalarMap { try found(maps[table], table) }
  func pattern(_ table: String) throws -> Pattern { Pattern(rules: try found(rules[table], table)) }

  private func found<Table>(_ table: Table?, _ title: String) throws -> Table {
    guard let table else {
      throw TokenizationError.damagedTable(name: name, line: 1, expected: "a table named \(title)")
    }
    return table
  }

  private mutating func read(_ reader: inout HexadecimalReader, kind: String, into table: String) -> Bool {
    switch kind {
    case "set": sets[table] = reader.set()
    case "map": maps[table] = reader.map()
    case "rule":
      let isAnchored = reader.skip(UInt8(ascii: "^"), and: UInt8(ascii: " "))
      var places = [reader.set()]
      while reader.skip(UInt8(ascii: "|"), and: UInt8(ascii: " ")) { places.append(reader.set()) }
      rules[table, default: []].append(PatternRule(places: places, isAnchored: isAnchored))
    default: return false
    }
    return true
  }
}

/// A text file of this target.
enum Resource {
  static func bytes(of name: String) throws -> [UInt8] {
    guard let url = Bundle.module.url(forResource: name, withExtension: "txt"), let data = try? Data(contentsOf: url)
    else { throw TokenizationError.missingTable(name: name) }
    return [UInt8](data)
  }

  /// The lines after the first, which says where the file comes from.
  static func lines(of name: String) throws -> ArraySlice<ArraySlice<UInt8>> {
    try bytes(of: name).split(separator: UInt8(ascii: "\n")).dropFirst()
  }
}

/// A cursor over one line of a table.
struct HexadecimalReader {
  let bytes: ArraySlice<UInt8>
  private var position: Int

  init(bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }

  mutating func word() -> String {
    let start = position
    while position < bytes.endIndex, bytes[position] != UInt8(ascii: " ") { position += 1 }
    defer { _ = skip(UInt8(ascii: " ")) }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  mutating func skip(_ first: UInt8, and second: UInt8? = nil) -> Bool {
    guard position < bytes.endIndex, bytes[position] == first else { return false }
    position += 1
    if let second { _ = skip(second) }
    return true
  }

  mutating func set() -> ScalarSet {
    var set = ScalarSet()
    while let low = number() {
      let high = skip(UInt8(ascii: "-")) ? number() ?? low : low
      set.append(low...max(low, high))
      _ = skip(UInt8(ascii: " "))
    }
    return set
  }

  mutating func map() -> ScalarMap {
    var map = ScalarMap()
    while let key = number(), skip(UInt8(ascii: "=")) {
      map.append(key, text())
      _ = skip(UInt8(ascii: " "))
    }
    return map
  }

  /// `41+300`.
  mutating func text() -> Scalars {
    var text: Scalars = []
    while let scalar = number() {
      text.append(scalar)
      guard skip(UInt8(ascii: "+")) else { break }
    }
    return text
  }

  private mutating func number() -> UInt32? {
    var value: UInt32?
    while position < bytes.endIndex, let digit = bytes[position].hexadecimalDigit {
      value = (value ?? 0) &* 16 &+ digit
      position += 1
    }
    return value
  }
}

extension UInt8 {
  fileprivate var hexadecimalDigit: UInt32? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(self - UInt8(ascii: "0"))
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(self - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
