import Foundation

/// CLIP's vocabulary: 256 bytes, the same bytes at the end of a word, one entry for each merge, and two special tokens.
///
/// Entries are spelled in GPT-2's alphabet, which gives each byte a visible character, and end in `</w>` where a word
/// ends. Source: OpenAI's `simple_tokenizer.py`; `merges.txt` holds the merges in rank order.
struct Vocabulary: Sendable {
  /// The id of each byte within a word; 256 more at a word's end.
  let byteIDs: [Int]
  /// The id of each merge, by `first id << 32 | second id`. A lower id merges first.
  let merges: [UInt64: Int]
  private let spellings: SpellingTable

  static let mergeCount = 48_894
  static let count = 512 + mergeCount + 2

  /// - Throws: ``TokenizationError`` if `merges.txt` is missing, or a line of it is not a pair of earlier entries.
  init() throws {
    byteIDs = ByteAlphabet.ids
    var spellings = SpellingTable(capacity: Self.count)
    for ending in ["", "</w>"] {
      for character in ByteAlphabet.characters { spellings.append((String(character) + ending).utf8) }
    }
    merges = try Self.merges(in: try Resource.bytes(of: "merges"), onto: &spellings)
    for special in WordSplitter.Special.allCases { spellings.append(special.rawValue.utf8) }
    self.spellings = spellings
  }

  /// The vocabulary's spelling of an entry, in UTF-8, or `nil` outside it.
  func spelling(of id: Int) -> ArraySlice<UInt8>? {
    (0..<Self.count).contains(id) ? spellings[id] : nil
  }

  private static func merges(in file: [UInt8], onto spellings: inout SpellingTable) throws -> [UInt64: Int] {
    var merges: [UInt64: Int] = [:]
    merges.reserveCapacity(mergeCount)
    var start = (file.firstIndex(of: UInt8(ascii: "\n")) ?? file.endIndex - 1) + 1  // the first line is the source
    for rank in 0..<mergeCount {
      guard let (middle, end) = fields(of: file, at: start),
        let first = spellings.id(of: file[start..<middle]), let second = spellings.id(of: file[(middle + 1)..<end])
      else {
        throw TokenizationError.damagedTable(name: "merges", line: rank + 2, expected: "two known entries")
      }
      merges[UInt64(first) << 32 | UInt64(second)] = spellings.append(file[start..<middle], file[(middle + 1)..<end])
      start = end + 1
    }
    guard start == file.count else {
      throw TokenizationError.damagedTable(name: "merges", line: mergeCount + 2, expected: "the end")
    }
    return merges
  }

  /// The indices of the space and of the line's end.
  private static func fields(of file: [UInt8], at start: Int) -> (middle: Int, end: Int)? {
    var middle: Int?
    var position = start
    while position < file.count, file[position] != UInt8(ascii: "\n") {
      if file[position] == UInt8(ascii: " ") { middle = position }
      position += 1
    }
    guard let middle, position < file.count else { return nil }
    return (middle, position)
  }
}

/// GPT-2's visible character for each byte: itself where it is visible in Latin-1, else one from U+0100 on.
enum ByteAlphabet {
  private static let visible = [UInt8](0x21...0x7E) + [UInt8](0xA1...0xAC) + [UInt8](0xAE...0xFF)
  private static let hidden = (UInt8.min...UInt8.max).filter { !visible.contains($0) }

  /// The bytes, by id.
  static let bytes = visible + hidden
  /// The characters, by id.
  static let characters =
    visible.map { Unicode.Scalar($0) } + hidden.indices.compactMap { Unicode.Scalar(UInt32(0x100 + $0)) }
  /// The ids, by byte.
  static let ids = bytes.enumerated().reduce(into: [Int](repeating: 0, count: 256)) { $0[Int($1.element)] = $1.offset }

  /// The byte that a character represents.
  static func byte(of character: Unicode.Scalar) -> UInt8? {
    switch character.value {
    case 0x100..<0x100 + UInt32(hidden.count): hidden[Int(character.value) - 0x100]
    case 0..<0x100: UInt8(character.value)
    default: nil
    }
  }
}

/// One entry of CLIP's vocabulary, for people to read.
public struct VocabularyEntry: Sendable, Hashable {
  /// The id, in `0..<vocabularySize`.
  public let id: Int
  /// The characters that the entry's bytes spell. Invisible parts are written as escapes: `\xE2` for a byte that is
  /// only a part of a character, `\u{200D}` for a character without a glyph of its own.
  public let text: String
  /// Whether a word ends here; the other entries are beginnings and middles of words.
  public let endsWord: Bool

  /// The text, with a hyphen after the beginning or middle of a word.
  public var word: String { endsWord ? text : text + "-" }
}

extension Tokenizer {
  /// The entry of an id, or `nil` outside the vocabulary.
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
  /// Whether the character has a glyph of its own: a combining mark has none.
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

/// CLIP's vocabulary in the files that `transformers.CLIPTokenizer` reads.
package enum VocabularyFiles {
  package static let names: Set = ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"]

  /// - Parameter tokenLimit: the most tokens of a prompt.
  /// - Throws: ``TokenizationError`` where the package's own table is damaged.
  package static func contents(tokenLimit: Int) throws -> [String: Data] {
    let (start, end) = (WordSplitter.Special.startOfText.rawValue, WordSplitter.Special.endOfText.rawValue)
    let special: [String: Any] = ["bos_token": start, "eos_token": end, "unk_token": end, "pad_token": end]
    let configuration: [String: Any] = [
      "tokenizer_class": "CLIPTokenizer", "model_max_length": tokenLimit, "do_lower_case": true, "errors": "replace",
    ]
    return [
      "vocab.json": try vocabulary(), "merges.txt": try merges(),
      "tokenizer_config.json": try json(configuration.merging(special) { $1 }),
      "special_tokens_map.json": try json(special),
    ]
  }

  /// Each entry with its id.
  private static func vocabulary() throws -> Data {
    let vocabulary = try Vocabulary()
    let entries = (0..<Vocabulary.count).compactMap { id in
      vocabulary.spelling(of: id).map { (String(decoding: $0, as: UTF8.self), id) }
    }
    return try json(Dictionary(uniqueKeysWithValues: entries))
  }

  /// The merges in rank order; readers skip the first line.
  private static func merges() throws -> Data {
    let lines = String(decoding: try Resource.bytes(of: "merges"), as: UTF8.self)
    return Data("#version: 0.2\n".utf8) + Data(lines.drop { $0 != "\n" }.dropFirst().utf8)
  }

  private static func json(_ object: [String: Any]) throws -> Data {
    try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
  }
}
