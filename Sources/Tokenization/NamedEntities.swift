/// HTML's named characters, read from `entities.txt` where they lie: nothing is parsed before a text has an `&`.
///
/// A line is `eacute* E9 C9`: the name, `*` if HTML also reads it without its semicolon, the text in hexadecimal, and
/// what ftfy makes of the name in capitals (`&EACUTE;`) where that is not a name of HTML's own.
struct NamedEntities: Sendable {
  private let lines: [ArraySlice<UInt8>]  // sorted by name

  init() throws { lines = Array(try Resource.lines(of: "entities")) }

  struct Entity {
    let text: Scalars
    let textInCapitals: Scalars?
    let isReadWithoutSemicolon: Bool
  }

  /// - Parameter name: without `&` and `;`. Case counts.
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
