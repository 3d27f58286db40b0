/// Repairs the damage that software does to text, as ftfy 6.3.1's `fix_text` does with its default configuration.
struct TextRepair: Sendable {
  private let references: CharacterReferences
  private let mojibake: MojibakeRepair
  private let substitutions: ScalarMap  // C1 controls, Latin ligatures, character widths, curly quotes, line breaks
  private let digits: ScalarSet
  private let composition: CanonicalComposition

  /// A line is repaired until nothing changes, which takes two or three rounds. Text that is made to take more
  /// (`&amp;amp;amp;…`, one round for each level) is left as it is after this many rounds, where ftfy would continue.
  static let roundLimit = 100
  /// The number of scalars after which ftfy cuts a line.
  static let lineLimit = 1_000_000

  init(_ tables: RecordedTables, references: CharacterReferences) throws {
    self.references = references
    mojibake = try MojibakeRepair(tables)
    substitutions = try tables.map("repairs")
    digits = try tables.set("digits")
    composition = try CanonicalComposition(tables)
  }

  /// Each line is repaired separately. From the first line that has a `<` on, the text is treated as HTML, and its
  /// character references stay.
  func repaired(_ text: Scalars) -> Scalars {
    var result: Scalars = []
    var isMarkup = false
    var start = 0
    while start < text.count {
      let lineEnd = text[start...].firstIndex(of: .scalar("\n")).map { $0 + 1 } ?? text.count
      let end = min(lineEnd, start + Self.lineLimit)
      let line = Scalars(text[start..<end])
      isMarkup = isMarkup || line.contains(.scalar("<"))
      result += repaired(line: line, isMarkup: isMarkup)
      start = end
    }
    return result
  }

  private func repaired(line: Scalars, isMarkup: Bool) -> Scalars {
    var line = line
    for _ in 0..<Self.roundLimit {
      var next = isMarkup ? line : references.unescapedStrictly(line)
      next = mojibake.repaired(next)
      next = substitutions.applied(to: joiningLineBreaks(next))
      next = removingTerminalEscapes(next)
      next.removeAll(where: isControl)
      next = composition(next)
      if next == line { break }
      line = next
    }
    return line
  }

  private func joiningLineBreaks(_ text: Scalars) -> Scalars {
    guard text.contains(.scalar("\r")) else { return text }
    return text.indices.filter { text[$0] != 0x0D || $0 + 1 == text.count || text[$0 + 1] != 0x0A }.map { text[$0] }
  }

  /// Removes terminal escapes such as `ESC [ 1 ; 31 m`.
  private func removingTerminalEscapes(_ text: Scalars) -> Scalars {
    guard text.contains(0x1B) else { return text }
    var result: Scalars = []
    var position = 0
    while position < text.count {
      if text[position] == 0x1B, position + 1 < text.count, text[position + 1] == .scalar("[") {
        let parameters = text[(position + 2)...].prefix { $0 == .scalar(";") || digits.contains($0) }
        if parameters.endIndex < text.count, text[parameters.endIndex].isASCIILetter {
          position = parameters.endIndex + 1
          continue
        }
      }
      result.append(text[position])
      position += 1
    }
    return result
  }

  /// Whether the scalar is a control character without a place in text; white space and C1 controls stay.
  private func isControl(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
    default: false
    }
  }
}
