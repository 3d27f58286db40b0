import Foundation
import Support
import Testing
import TestSupport
import Tokenization

@Suite("The tokenizer keeps its laws")
struct TokenizerLawTests {
  let tokenizer: Tokenizer

  init() throws { tokenizer = try Tokenizer() }

  @Test(
    "decoding gives a clean text back, with a space after each word",
    arguments: [
      "a photo of a cat", "crème brûlée", "日本語 москва", "émile 🐈", "2 0 1 2 audi", "snapdragon",
    ])
  func roundTrip(text: String) {
    #expect(tokenizer.decode(tokenizer.encode(text)) == text + " ")
  }

  @Test("decoding what was encoded and encoding it again changes nothing")
  func idempotence() throws {
    for recording in try Recording.all() where recording.suite == "prose" {
      let ids = tokenizer.encode(recording.text)
      #expect(tokenizer.encode(tokenizer.decode(ids)) == ids, "\(recording.text)")
    }
  }

  @Test("every id has a name of its own, and no other number has one")
  func names() {
    let names = (0..<tokenizer.vocabularySize).compactMap { tokenizer.name(of: $0) }
    #expect(Set(names.map { Array($0.utf8) }).count == tokenizer.vocabularySize)
    #expect(names[320] == "a</w>" && names[49407] == "<|endoftext|>" && names[0] == "!")
    #expect(tokenizer.name(of: -1) == nil && tokenizer.name(of: 49408) == nil)
  }

  @Test("bytes that are no UTF-8, and ids outside the vocabulary, decode as U+FFFD")
  func decodingNonsense() {
    #expect(tokenizer.decode([127]).unicodeScalars.elementsEqual(["\u{FFFD}"]))
    #expect(tokenizer.decode([-1, 49408]).unicodeScalars.elementsEqual(["\u{FFFD}", "\u{FFFD}"]))
  }

  @Test("threads that share a tokenizer get what one thread gets")
  func threads() async throws {
    let texts = try Recording.all().prefix(400).map(\.text)
    let expected = texts.map(tokenizer.encode)
    await withTaskGroup(of: [[Int]].self) { group in
      for _ in 0..<4 { group.addTask { texts.map(tokenizer.encode) } }
      for await found in group { #expect(found == expected) }
    }
  }

  @Test("damaged texts give ids of the vocabulary, quickly")
  func damage() throws {
    let fuzzing = Fuzzing("tokenizer input", usually: 2000, allowance: 256 << 10)
    let originals = try Recording.all().filter { !$0.text.isEmpty }.map { Array($0.text.utf8) }
    var mutate = Mutation(
      seed: 8,
      pieces: [
        "&amp;", "&#", "&#x1F408;", "&lt", ";", "Ã©", "â€™", "\u{301}", "Σ", "İ", "ﬁ", "\u{200D}", "\u{FE0F}", "🐈",
        "\0",
        "'s", "<|endoftext|>", "\u{1B}[1m", " ", "\r\n", "２", "ß", "\u{FFFD}",
      ])
    let report = try fuzzing { _ in
      mutate.damaged(originals)
    } read: { data in
      tokenizer.encode(String(decoding: data, as: UTF8.self))
    } check: { ids in
      #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
    }
    #expect(report.problems.isEmpty)
  }

  @Test("random scalars never crash it, and its ids lie in the vocabulary")
  func randomScalars() {
    var generator = SplitMix64(state: 1)
    for _ in 0..<3000 {
      let length = Int.random(in: 0...40, using: &generator)
      let ceiling: UInt32 = [0x80, 0x100, 0x600, 0x3000, 0x110000].randomElement(using: &generator) ?? 0x80
      var text = String.UnicodeScalarView()
      for _ in 0..<length { text.append(Unicode.Scalar(UInt32.random(in: 0..<ceiling, using: &generator)) ?? "&") }
      let ids = tokenizer.encode(String(text))
      #expect(ids.allSatisfy { (0..<tokenizer.vocabularySize).contains($0) })
      #expect(ids == tokenizer.encode(String(text)))
    }
  }
}

@Suite("The tokenizer takes long texts in its stride")
struct LongTextTests {
  /// The time limit: debug builds on a busy machine need a fraction of it; quadratic time would take hours.
  static let patience = Duration.seconds(60)

  @Test(
    "a megabyte of any kind, a word of 100,000 letters, entities in entities",
    arguments: [
      ("words", "a photo of a cat. ", 55_000), ("letters", "abcdefghij", 10_000), ("one letter", "a", 100_000),
      ("marks", "\u{301}\u{323}", 20_000), ("ampersands", "&", 100_000), ("entities", "&amp;", 20_000),
      ("nested entities", "amp;&", 5_000), ("sigmas", "Σ.", 20_000), ("accents", "é", 50_000),
      ("mojibake", "Ã©", 20_000), ("escapes", "\u{1B}[1", 20_000), ("lines", "ü\n", 20_000),
    ])
  func long(kind: String, unit: String, count: Int) throws {
    let tokenizer = try Tokenizer()
    let text = String(repeating: unit, count: count)
    let seconds = ContinuousClock().measure { _ = tokenizer.encode(text) }
    #expect(seconds < Self.patience, "\(kind)")
  }

  @Test("references nested deeper than the repair goes end, and end shorter")
  func nestedReferences() throws {
    let text = "&" + String(repeating: "amp;", count: 400)
    let ids = try Tokenizer().encode(text)
    #expect(!ids.isEmpty && ids.count < 800)
  }
}
