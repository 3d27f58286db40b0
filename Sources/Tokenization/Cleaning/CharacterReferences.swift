/// HTML character references: `&eacute;`, `&#233;`, `&#xE9;`.
struct CharacterReferences: Sendable {
  private let entities: NamedEntities
  private let windows1252: ScalarMap  // U+0080…U+009F, as HTML reads numbers in that range

  init(_ tables: RecordedTables) throws {
    entities = try NamedEntities()
    windows1252 = try tables.map("controls")
  }

  /// The text with each reference replaced as HTML 5 prescribes and Python's `html.unescape` does: semicolons may be
  /// missing after old names and after numbers, and the longest known beginning of a name counts.
  func unescaped(_ text: Scalars) -> Scalars {
    replacing(in: text) { body in
      if body.first == .scalar("#") { return number(body.dropFirst()) }
      let name = body.prefix(32) { !Self.endsName.contains($0) }
      guard !name.isEmpty else { return nil }
      let end = name.endIndex
      if end < body.endIndex, body[end] == .scalar(";"), let entity = entities.entity(named: name) {
        return (entity.text, end + 1)
      }
      for length in stride(from: name.count, to: 1, by: -1) {
        if let entity = entities.entity(named: name.prefix(length)), entity.isReadWithoutSemicolon {
          return (entity.text, name.startIndex + length)
        }
      }
      return nil
    }
  }

  /// The text with each unambiguous reference replaced, as ftfy does it: only with a semicolon, and also all-capital
  /// spellings of lower-case names. `&#59;` stays, because ftfy takes the semicolon that it becomes for a leftover.
  func unescapedStrictly(_ text: Scalars) -> Scalars {
    replacing(in: text) { body in
      let isNumber = body.first == .scalar("#")
      let name = body.dropFirst(isNumber ? 1 : 0).prefix(25) { $0.isASCIIDigit || $0.isASCIILetter }
      guard (1...24).contains(name.count), name.endIndex < body.endIndex, body[name.endIndex] == .scalar(";") else {
        return nil
      }
      if isNumber {
        guard let (replacement, end) = number(name), end == name.endIndex, replacement != [.scalar(";")] else {
          return nil
        }
        return (replacement, end + 1)
      }
      if let entity = entities.entity(named: name) { return (entity.text, name.endIndex + 1) }
      guard !name.contains(where: { (0x61...0x7A).contains($0) }) else { return nil }
      let lower = ArraySlice(name.map { $0.isASCIILetter ? $0 | 0x20 : $0 })
      guard let capitals = entities.entity(named: lower)?.textInCapitals else { return nil }
      return (capitals, name.endIndex + 1)
    }
  }

  private static let endsName: Scalars = [
    0x09, 0x0A, 0x0C, 0x20, .scalar("<"), .scalar("&"), .scalar("#"), .scalar(";"),
  ]

  /// - Parameter read: takes the text after an `&`, and returns the replacement and the index after the reference.
  private func replacing(in text: Scalars, _ read: (ArraySlice<UInt32>) -> (Scalars, Int)?) -> Scalars {
    guard var ampersand = text.firstIndex(of: .scalar("&")) else { return text }
    var result: Scalars = []
    var position = 0
    while true {
      result += text[position..<ampersand]
      if let (replacement, end) = read(text[(ampersand + 1)...]) {
        result += replacement
        position = end
      } else {
        result.append(.scalar("&"))
        position = ampersand + 1
      }
      guard let next = text[position...].firstIndex(of: .scalar("&")) else { return result + text[position...] }
      ampersand = next
    }
  }

  /// Reads `233;`, `xE9`, … and returns its text and the index after it.
  private func number(_ body: ArraySlice<UInt32>) -> (Scalars, Int)? {
    let isHexadecimal = body.first.map { $0 | 0x20 == .scalar("x") } ?? false
    let digits = body.dropFirst(isHexadecimal ? 1 : 0).prefix { Self.value(of: $0, isHexadecimal) != nil }
    guard !digits.isEmpty else { return nil }
    let code = digits.reduce(UInt32(0)) { code, digit in
      min(code * (isHexadecimal ? 16 : 10) + (Self.value(of: digit, isHexadecimal) ?? 0), 0x110000)
    }
    let end = digits.endIndex
    return (character(numbered: code), end < body.endIndex && body[end] == .scalar(";") ? end + 1 : end)
  }

  private static func value(of digit: UInt32, _ isHexadecimal: Bool) -> UInt32? {
    if digit.isASCIIDigit { return digit - 0x30 }
    let letter = digit | 0x20
    return isHexadecimal && (0x61...0x66).contains(letter) ? letter - 0x61 + 10 : nil
  }

  /// The character that HTML defines for a number: U+FFFD for no character, nothing for a control character or a
  /// noncharacter.
  private func character(numbered code: UInt32) -> Scalars {
    switch code {
    case 0, 0xD800...0xDFFF, 0x110000...: [0xFFFD]
    case 0x80...0x9F: windows1252[code].map(Array.init) ?? [code]
    case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: []
    case _ where code & 0xFFFE == 0xFFFE: []
    default: [code]
    }
  }
}

extension ArraySlice {
  /// The longest beginning of at most `limit` elements that all satisfy `predicate`.
  fileprivate func prefix(_ limit: Int, while predicate: (Element) -> Bool) -> ArraySlice {
    prefix(limit).prefix(while: predicate)
  }
}

/// HTML's named characters, read from `entities.txt` in place: nothing is parsed before a text has an `&`.
///
/// A line is `eacute* E9 C9`: the name, `*` if HTML also reads it without its semicolon, the text in hexadecimal, and
/// ftfy's text for the name in capitals (`&EACUTE;`) where that is not a name of HTML's own.
struct NamedEntities: Sendable {
  private let lines: [ArraySlice<UInt8>]  // sorted by name

  init() throws { lines = Array(try Resource.lines(of: "entities")) }

  struct Entity {
    let text: Scalars
    let textInCapitals: Scalars?
    let isReadWithoutSemicolon: Bool
  }

  /// - Parameter name: the name without `&` and `;`. Case counts.
  func entity(named name: ArraySlice<UInt32>) -> Entity? {
    var (low, high) = (0, lines.count)
    while low < high {
      let middle = (low + high) / 2
      let spelling = Self.name(of: lines[middle]).lazy.map { UInt32($0) }
      if spelling.elementsEqual(name) { return Self.entity(in: lines[middle]) }
      if spelling.lexicographicallyPrecedes(name) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return nil
  }

  private static func name(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    line.prefix { $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: " ") }
  }

  private static func entity(in line: ArraySlice<UInt8>) -> Entity {
    var fields = HexadecimalReader(bytes: line)
    let name = fields.word()
    let text = fields.text()
    let hasCapitals = fields.skip(UInt8(ascii: " "))
    return Entity(
      text: text, textInCapitals: hasCapitals ? fields.text() : nil, isReadWithoutSemicolon: name.hasSuffix("*"))
  }
}
