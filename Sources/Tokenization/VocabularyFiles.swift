import Foundation

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

  /// The merges in rank order; the first line is one that readers skip.
  private static func merges() throws -> Data {
    let lines = String(decoding: try Resource.bytes(of: "merges"), as: UTF8.self)
    return Data("#version: 0.2\n".utf8) + Data(lines.drop { $0 != "\n" }.dropFirst().utf8)
  }

  private static func json(_ object: [String: Any]) throws -> Data {
    try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
  }
}
