/// CLIP's byte-pair tokenizer: from a text to the ids of its vocabulary, and back.
///
///     let tokenizer = try Tokenizer()
///     try tokenizer.prompt("a photo of a cat.", limit: 77)  // [49406, 320, 1125, 539, 320, 2368, 269, 49407]
///
/// The ids are those of OpenAI's `simple_tokenizer.py` (clip-anytorch 2.6.0 with ftfy 6.3.1), with two exceptions:
/// repair of a line stops after 100 rounds, and a decimal reference of more than 4,300 digits, for which Python raises
/// an error, is U+FFFD. A value holds its tables (a few megabytes), shares nothing and may be used from any number of
/// threads.
public struct Tokenizer: Sendable {
  /// The number of entries in the vocabulary.
  public let vocabularySize = Vocabulary.count
  /// The id that begins every prompt, 49406.
  public let startOfText = Vocabulary.count - 2
  /// The id that ends every prompt, at which the text feature is read, 49407.
  public let endOfText = Vocabulary.count - 1

  private let cleaning: TextCleaning
  private let splitter: WordSplitter
  private let vocabulary: Vocabulary
  private let merger: BytePairMerger

  /// Reads the tables that come with the package.
  ///
  /// - Throws: ``TokenizationError`` if one of them is missing or damaged.
  public init() throws {
    let tables = try RecordedTables()
    cleaning = try TextCleaning(tables)
    splitter = try WordSplitter(tables)
    vocabulary = try Vocabulary()
    merger = BytePairMerger(merges: vocabulary.merges)
  }

  /// The ids of a text, `0..<vocabularySize`, without start and end.
  ///
  /// - Complexity: O(n log n) in the length of the text, for each round of its repair (at most 100, two as a rule).
  public func encode(_ text: String) -> [Int] {
    splitter.pieces(of: cleaning(text)).flatMap { piece in
      switch piece.special {
      case .startOfText: [startOfText]
      case .endOfText: [endOfText]
      case nil: merger(symbols(of: piece.text))
      }
    }
  }

  /// The ids of a text between start and end, not padded.
  ///
  /// - Parameter limit: the most ids that the model reads, start and end included: 77 for CLIP.
  /// - Throws: ``TokenizationError/tooLong(text:tokens:limit:)``.
  public func prompt(_ text: String, limit: Int) throws -> [Int] {
    let ids = [startOfText] + encode(text) + [endOfText]
    guard ids.count <= limit else { throw TokenizationError.tooLong(text: text, tokens: ids.count, limit: limit) }
    return ids
  }

  /// The text that ids represent: each end of a word becomes a space, and bytes that are not UTF-8 become U+FFFD.
  ///
  /// An id outside the vocabulary also becomes U+FFFD.
  public func decode(_ ids: [Int]) -> String {
    var bytes: [UInt8] = []
    for id in ids {
      guard let spelling = vocabulary.spelling(of: id) else {
        bytes += "\u{FFFD}".utf8
        continue
      }
      bytes += String(decoding: spelling, as: UTF8.self).unicodeScalars.compactMap(ByteAlphabet.byte(of:))
    }
    return String(decoding: bytes.replacing("</w>".utf8, with: " ".utf8), as: UTF8.self)
  }

  /// The vocabulary's spelling of an entry, in GPT-2's alphabet of bytes, such as `cat</w>`; `nil` outside the
  /// vocabulary.
  public func name(of id: Int) -> String? {
    vocabulary.spelling(of: id).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The ids of a word's bytes; the last one is the id of a word's end.
  private func symbols(of word: ArraySlice<UInt32>) -> [Int] {
    let byteIDs = vocabulary.byteIDs
    var ids: [Int] = []
    for scalar in word.lazy.compactMap(Unicode.Scalar.init) {
      for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { ids.append(byteIDs[Int(byte)]) }
    }
    if let last = ids.indices.last { ids[last] += 256 }
    return ids
  }
}
