import Testing
import Tokenization

@Suite("Entries of the vocabulary can be read")
struct VocabularyEntryTests {
  let tokenizer: Tokenizer

  init() throws { tokenizer = try Tokenizer() }

  private func words(_ text: String) -> [String] { tokenizer.encode(text).compactMap { tokenizer.entry($0)?.word } }

  @Test(
    "a word stands as it is, and what only begins one has a hyphen",
    arguments: [
      ("cat", ["cat"]), ("snapdragon", ["snap-", "dragon"]), ("café", ["café"]), ("日", ["日"]), ("!!", ["!!"]),
    ])
  func readable(text: String, expected: [String]) { #expect(words(text) == expected) }

  @Test("what cannot be seen is escaped: a part of a character, and a space")
  func escaped() {
    #expect([162, 162 + 256, 220].map { tokenizer.entry($0)?.word } == ["\\xE6-", "\\xE6", "\\u{20}-"])
  }

  @Test("special entries have their names, and no number outside has an entry")
  func special() {
    #expect(tokenizer.entry(tokenizer.endOfText)?.word == "<|endoftext|>")
    #expect(tokenizer.entry(-1) == nil && tokenizer.entry(tokenizer.vocabularySize) == nil)
  }

  @Test("no entry is empty or holds what cannot be seen")
  func visible() throws {
    for id in 0..<tokenizer.vocabularySize {
      let entry = try #require(tokenizer.entry(id))
      #expect(!entry.text.isEmpty)
      let hidden = entry.text.unicodeScalars.contains {
        $0.properties.isWhitespace || $0.value < 0x20 || (0x7F...0x9F).contains($0.value)
          || $0.properties.generalCategory == .unassigned
      }
      #expect(!hidden, "\(id): \(entry.text)")
    }
  }
}
