import Foundation

/// The character tables that were recorded from the reference, read from `characters.txt`.
///
/// They are pinned instead of taken from the standard library: the reference's Unicode versions (14 in CPython 3.11 for
/// letter case and normalisation, a later one in its `regex` package) don't change with the system that runs this.
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

  /// The lines after the first, which documents the file's source.
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

  /// Reads a text such as `41+300`.
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

/// A text as its Unicode scalar values.
///
/// The tokenizer never compares `Character`s or `String`s: both treat canonically equivalent texts as equal
/// (U+212A KELVIN SIGN and "K"), and the reference, written in Python, tells them apart.
typealias Scalars = [UInt32]

/// A set of scalars, as sorted ranges that don't touch.
struct ScalarSet: Sendable {
  private(set) var lows: Scalars = []
  private(set) var highs: Scalars = []

  /// - Precondition: ranges arrive in ascending order.
  mutating func append(_ range: ClosedRange<UInt32>) {
    lows.append(range.lowerBound)
    highs.append(range.upperBound)
  }

  /// - Complexity: O(log n) in the number of ranges.
  func contains(_ scalar: UInt32) -> Bool {
    let following = lows.firstIndex(above: scalar)
    return following > 0 && scalar <= highs[following - 1]
  }

  /// The number of scalars in the set.
  var count: Int { zip(lows, highs).reduce(0) { $0 + Int($1.1 - $1.0) + 1 } }

  /// Every scalar of the set, ascending.
  var members: some Sequence<UInt32> { zip(lows, highs).lazy.flatMap { $0.0...$0.1 } }
}

/// A table from a scalar to one or more scalars.
struct ScalarMap: Sendable {
  private(set) var keys: Scalars = []
  private var starts: [Int] = [0]
  private var values: Scalars = []

  /// - Precondition: keys arrive in ascending order.
  mutating func append(_ key: UInt32, _ value: Scalars) {
    keys.append(key)
    values += value
    starts.append(values.count)
  }

  /// - Complexity: O(log n) in the number of keys.
  subscript(scalar: UInt32) -> ArraySlice<UInt32>? {
    let following = keys.firstIndex(above: scalar)
    guard following > 0, keys[following - 1] == scalar else { return nil }
    return values[starts[following - 1]..<starts[following]]
  }

  /// The text in which each scalar of the table is replaced.
  func applied(to text: Scalars) -> Scalars {
    guard text.contains(where: { self[$0] != nil }) else { return text }
    return text.reduce(into: []) { result, scalar in
      if let replacement = self[scalar] { result += replacement } else { result.append(scalar) }
    }
  }
}

extension Scalars {
  /// The index of the first element above `scalar` in a sorted array, or `count`.
  fileprivate func firstIndex(above scalar: UInt32) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle] <= scalar { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The text without scalars of `set` at either end.
  func trimmed(of set: ScalarSet) -> ArraySlice<UInt32> {
    guard let first = firstIndex(where: { !set.contains($0) }), let last = lastIndex(where: { !set.contains($0) })
    else { return [] }
    return self[first...last]
  }
}

extension UInt32 {
  /// The scalar of a literal: `.scalar("é")`. (`UInt32("é")` would read it as a number, and fail.)
  static func scalar(_ literal: Unicode.Scalar) -> UInt32 { literal.value }

  /// Whether the scalar is one of `0-9`.
  var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
  /// Whether the scalar is one of `A-Z` or `a-z`.
  var isASCIILetter: Bool { (0x61...0x7A).contains(self | 0x20) }
}
