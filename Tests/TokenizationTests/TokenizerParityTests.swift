import Foundation
import Testing
import Tokenization

@Suite("The tokenizer agrees with clip-anytorch")
struct TokenizerParityTests {
  let tokenizer: Tokenizer

  init() throws { tokenizer = try Tokenizer() }

  @Test("more than 20,000 generated strings give the recorded ids")
  func generatedStrings() throws {
    let recordings = try Recording.all()
    #expect(recordings.count >= 20_000)
    let wrong = recordings.filter { !$0.agrees(with: tokenizer.encode($0.text)) }
    #expect(wrong.isEmpty, "\(wrong.prefix(5).map { "\($0.suite): \($0.text.debugDescription)" })")
  }

  @Test("every kind of string is among them")
  func kinds() throws {
    let kinds = Set(try Recording.all().map(\.suite))
    let expected = [
      "prose", "scripts", "anything", "emoji", "controls", "entities", "marks", "widths", "oddities", "long",
      "mojibake",
      "lookalikes",
    ]
    #expect(kinds == Set(expected))
  }

  @Test(
    "texts that clean into something else",
    arguments: [
      ("a photo of a cat.", [320, 1125, 539, 320, 2368, 269]),
      ("A  PHOTO\tof\u{A0}a\ncat.", [320, 1125, 539, 320, 2368, 269]),
      ("a photo of a&nbsp;cat&period;", [320, 1125, 539, 320, 2368, 269]),
      ("ａ ｐｈｏｔｏ ｏｆ ａ ｃａｔ．", [320, 1125, 539, 320, 2368, 269]),
      ("<|startoftext|>cat<|endoftext|>", [49406, 2368, 49407]),
      ("", []), (" \n\t", []), ("\u{0}\u{1}\u{7F}", []),
    ])
  func cleaning(text: String, ids: [Int]) {
    #expect(tokenizer.encode(text) == ids)
  }

  @Test("a prompt is the ids between start and end")
  func prompt() throws {
    #expect(try tokenizer.prompt("a cat", limit: 77) == [49406, 320, 2368, 49407])
    #expect((tokenizer.vocabularySize, tokenizer.startOfText, tokenizer.endOfText) == (49408, 49406, 49407))
  }

  @Test(
    "the published class names give the recorded ids", .enabled(if: PublishedSplits.exist, "needs ../shared/splits"))
  func classNames() throws {
    let recorded = try JSONDecoder().decode(PublishedSplits.self, from: Recording.fixture("class-names.json"))
    for (name, file) in recorded.files {
      let texts = try PublishedSplits.classNames(in: PublishedSplits.folder.appending(path: name))
      #expect(texts.count == file.names, "\(name)")
      let ids = texts.flatMap { tokenizer.encode($0) + [tokenizer.endOfText] }
      #expect(Recording.fingerprint(of: ids) == file.ids, "\(name)")
    }
  }
}

/// The split files and name lists next to the package, which may not be committed.
private struct PublishedSplits: Decodable {
  struct File: Decodable {
    let names: Int
    let ids: String
  }
  let files: [String: File]

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/splits").standardizedFileURL
  static var exist: Bool { FileManager.default.fileExists(atPath: folder.path) }

  /// The names in a file: a text file has one name a line; the names of a JSON file are sorted by scalars, as in
  /// Python.
  static func classNames(in file: URL) throws -> [String] {
    let data = try Data(contentsOf: file)
    guard file.pathExtension == "json" else {
      return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    let content = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    guard content["train"] != nil else { return try #require(content as? [String: String]).values.sortedByScalars }
    let items = ["train", "val", "test"].compactMap { content[$0] as? [[Any]] }.joined()
    return Set(items.compactMap { $0.last as? String }).sortedByScalars
  }
}

extension Collection<String> {
  fileprivate var sortedByScalars: [String] {
    sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
  }
}
