/// CLIP's vocabulary: 256 bytes, the same bytes at the end of a word, one entry for each merge, and two special tokens.
///
/// Entries are spelt in GPT-2's alphabet, which gives each byte a visible character, and end in `</w>` where a word
/// ends. Source: OpenAI's `simple_tokenizer.py`; `merges.txt` holds the merges in rank order.
struct Vocabulary: Sendable {
  /// Id of each byte within a word; 256 more at a word's end.
  let byteIDs: [Int]
  /// `first id << 32 | second id` → id of their merge. A lower id merges first.
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

  /// The entry as the vocabulary spells it, in UTF-8, or `nil` outside it.
  func spelling(of id: Int) -> ArraySlice<UInt8>? {
    (0..<Self.count).contains(id) ? spellings[id] : nil
  }

  private static func merges(in file: [UInt8], onto spellings: inout SpellingTable) throws -> [UInt64: Int] {
    var merges: [UInt64: Int] = [:]
    merges.reserveCapacity(mergeCount)
    var start = (file.firstIndex(of: UInt8(ascii: "\n")) ?? file.endIndex - 1) + 1  // the first line tells the source
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

  /// The index of the space and of the line's end.
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

  /// Bytes by id.
  static let bytes = visible + hidden
  /// Characters by id.
  static let characters =
    visible.map { Unicode.Scalar($0) } + hidden.indices.compactMap { Unicode.Scalar(UInt32(0x100 + $0)) }
  /// Ids by byte.
  static let ids = bytes.enumerated().reduce(into: [Int](repeating: 0, count: 256)) { $0[Int($1.element)] = $1.offset }

  /// The byte that a character stands for.
  static func byte(of character: Unicode.Scalar) -> UInt8? {
    switch character.value {
    case 0x100..<0x100 + UInt32(hidden.count): hidden[Int(character.value) - 0x100]
    case 0..<0x100: UInt8(character.value)
    default: nil
    }
  }
}
