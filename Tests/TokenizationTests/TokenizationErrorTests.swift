import Support
import Testing
import Tokenization

@Suite("Tokenization errors say what is wrong and what to do")
struct TokenizationErrorTests {
  @Test("a prompt that is too long names itself, its length and the limit")
  func tooLong() throws {
    let text = "a photo of " + String(repeating: "cat ", count: 80)
    let expected = TokenizationError.tooLong(text: text, tokens: 85, limit: 77)
    #expect(throws: expected) { try Tokenizer().prompt(text, limit: 77) }
    #expect(
      expected.explanation == """
        "a photo of cat cat cat cat cat cat cat cat cat cat cat cat c…" is 85 tokens long with its start and its end, \
        and the model reads at most 77. Shorten the name or the words around it.
        """)
  }

  @Test("a prompt of exactly the limit passes, one token more does not")
  func boundary() throws {
    let tokenizer = try Tokenizer()
    let text = String(repeating: "cat ", count: 75)
    #expect(try tokenizer.prompt(text, limit: 77).count == 77)
    #expect(throws: TokenizationError.tooLong(text: text + "cat", tokens: 78, limit: 77)) {
      try tokenizer.prompt(text + "cat", limit: 77)
    }
  }

  @Test("a missing or damaged table names its file and line")
  func tables() {
    #expect(
      TokenizationError.missingTable(name: "merges").explanation
        == "The tokenizer's table merges.txt is missing or unreadable. "
        + "Restore it from the package, or build the package again.")
    #expect(
      TokenizationError.damagedTable(name: "merges", line: 9, expected: "two known entries").explanation
        == "The tokenizer's table merges.txt is damaged: expected two known entries in line 9. "
        + "Restore it from the package, or build the package again.")
  }
}
