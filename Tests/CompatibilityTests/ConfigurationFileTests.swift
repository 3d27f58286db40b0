import Compatibility
import Foundation
import Testing
import TestSupport

@Suite("A damaged or hostile YAML file costs one line")
struct ConfigurationFileTests {
  private static let remedy = ". Indent with spaces, give each key once, and write each value out."

  @Test(
    "what is wrong, and where",
    arguments: [
      ("OPTIM:\n\tLR: 0.1\n", "line 2: a tab indents it"),
      ("OPTIM:\n  LR: 0.1\n  LR: 0.2\n", "line 2: 'LR' is set twice"),
      ("A: &a [x, x]\nB: [*a, *a]\n", "line 2: the alias '*a' is not supported"),
      ("OPTIM: [1, 2\n", "line 2: did not find expected ',' or ']'"),
      ("OPTIM:\n  LR: 'open\n", "line 3: found unexpected end of stream"),
      ("just a text\n", "it does not begin with sections such as 'OPTIM:'"),
      ("- 1\n- 2\n", "it does not begin with sections such as 'OPTIM:'"),
      ("SEED: 1\n---\nSEED: 2\n", "line 2: but found another document"),
      (
        "SEED: !!python/object/apply:os.system ['true']\n",
        "line 1: the tag !!python/object/apply:os.system is not supported"
      ),
      ("SEED: !!python/name:os.system x\n", "line 1: the tag !!python/name:os.system is not supported"),
      ("? [a, b]\n: 1\n", "line 1: a name must be a text"),
      ("INPUT:\n  SIZE: [{a: 1}]\n", "line 2: a list must hold texts and numbers"),
      (String(repeating: "[", count: 5000), "line 1: it is nested too deeply"),
      (String(repeating: "- ", count: 5000), "line 1: it is nested too deeply"),
      ("SEED: \0\n", "it is not UTF-8 text"),
      (String(repeating: "# comment\n", count: 120_000), "it is larger than 1 MB"),
    ].excerptPairs())
  func refusals(text: Excerpt, reason: String) throws {
    try withTemporaryFolder { folder in
      let found = message(in: folder) { try configuration(text.text, in: folder) }
      #expect(
        found
          == "FOLDER/c.yaml cannot be read as a configuration: " + reason + Self.remedy)
    }
  }

  @Test("a short file that stands for billions of values is refused at once")
  func bomb() throws {
    let levels = (1...30).map {
      "a\($0): &a\($0) [\(Array(repeating: "*a\($0 - 1)", count: 9).joined(separator: ", "))]"
    }
    try withTemporaryFolder { folder in
      let text = message(in: folder) { try configuration("a0: &a0 x\n" + levels.joined(separator: "\n"), in: folder) }
      #expect(text.contains("the alias '*a0' is not supported"))
    }
  }

  @Test("bytes that are no text, a folder, and no file at all")
  func noText() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "c.yaml")
      func read() throws { _ = try ReferenceConfiguration(Arguments(["--config-file", file.path])) }
      #expect(message(in: folder, of: read) == "There is no configuration file FOLDER/c.yaml. Check the path.")
      try Data([0xFF, 0xFE, 0x53, 0x00]).write(to: file)  // UTF-16
      let second = message(in: folder, of: read)
      #expect(
        second
          == "FOLDER/c.yaml cannot be read as a configuration: it is not UTF-8 text" + Self.remedy)
      try FileManager.default.removeItem(at: file)
      try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
      let third = message(in: folder, of: read)
      #expect(
        third
          == "FOLDER/c.yaml cannot be read as a configuration: it cannot be read" + Self.remedy)
    }
  }

  @Test("damaged files and pairs are read or refused, and never crash or hang")
  func fuzz() throws {
    let pieces = [
      "\t", "\n", "  ", ": ", "- ", "? ", "[", "]", "{", "}", "&a ", "*a", "!!int ", "!!float ", "!", "|\n", ">\n", "'",
      "\"", "#", "---\n", "...\n", "<<: ", "%YAML 1.1\n", "\u{FEFF}", "1e999", "-", "0x", "~", "\\u0000", "(1,", "1_0",
      "::", "@", "`", "2001-01-01", "1:30", "=", "yes", "\u{2028}",
    ]
    var damage = Mutation(seed: 20_220_601, pieces: pieces)
    let original = Array(Reference.cocoop.utf8)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "c.yaml")
      let report = try Fuzzing("configuration (YAML)", usually: 300, allowance: 1 << 20) { _ in
        let bytes = damage(original)
        try Data(bytes).write(to: file)
        return bytes
      } read: { data in
        _ = try ReferenceConfiguration(Arguments(["--config-file", file.path]))
        let text = String(decoding: data.suffix(40), as: UTF8.self)
        return try ReferenceConfiguration(Arguments(["TRAINER.COCOOP.CTX_INIT", text]))
      }
      #expect(report.problems.isEmpty)
      #expect(report.read > 0 && report.refused > 0)
    }
  }
}
