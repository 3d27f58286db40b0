/// One entry of CLIP's vocabulary, for people to read.
public struct VocabularyEntry: Sendable, Hashable {
  /// In `0..<vocabularySize`.
  public let id: Int
  /// The characters that the entry's bytes spell. What can't be seen is written as an escape: `\xE2` for a byte that is
  /// only a part of a character, `\u{200D}` for a character without a shape of its own.
  public let text: String
  /// Whether a word ends here; the other entries are beginnings and middles of words.
  public let endsWord: Bool

  /// The text, with a hyphen after what only begins a word.
  public var word: String { endsWord ? text : text + "-" }
}

extension Tokenizer {
  /// What an id stands for, or `nil` outside the vocabulary.
  public func entry(_ id: Int) -> VocabularyEntry? {
    guard let name = name(of: id) else { return nil }
    guard id < startOfText else { return VocabularyEntry(id: id, text: name, endsWord: true) }
    let ending = "</w>"
    let endsWord = name.hasSuffix(ending)
    let bytes = name.dropLast(endsWord ? ending.count : 0).unicodeScalars.compactMap(ByteAlphabet.byte(of:))
    return VocabularyEntry(id: id, text: Self.readable(bytes), endsWord: endsWord)
  }

  private static func readable(_ bytes: [UInt8]) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return bytes.map { (0x21...0x7E).contains($0) ? String(Unicode.Scalar($0)) : String(hex: $0) }.joined()
    }
    return text.map { $0.isVisible ? String($0) : $0.unicodeScalars.map { "\\u{\(hex($0.value))}" }.joined() }.joined()
  }

  private static func hex(_ value: UInt32) -> String { String(value, radix: 16, uppercase: true) }
}

extension Character {
  /// Whether the character has a shape of its own: a mark that would sit on another character has none.
  fileprivate var isVisible: Bool {
    guard let first = unicodeScalars.first else { return false }
    switch first.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator,
      .nonspacingMark, .enclosingMark, .spacingMark:
      return false
    default: return true
    }
  }
}

extension String {
  fileprivate init(hex byte: UInt8) {
    let digits = String(byte, radix: 16, uppercase: true)
    self = "\\x" + (digits.count == 1 ? "0" : "") + digits
  }
}
