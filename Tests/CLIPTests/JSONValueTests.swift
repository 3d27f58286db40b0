import Foundation
import Support
import Testing

@Suite("A JSON value is what the text says")
struct JSONValueTests {
  private func value(_ text: String) throws -> JSONValue { try JSONValue(parsing: Data(text.utf8)) }

  @Test("flags are no numbers, and numbers are no flags")
  func flags() throws {
    #expect(try value("[true, 1, 0, false, 1.0, 1.5, -7]") == [true, 1, 0, false, 1, 1.5, -7])
    #expect(try value("true").integer == nil && value("true").double == nil)
    #expect(try value("1").bool == nil && value("1").double == 1)
  }

  @Test("texts, objects, lists and null")
  func forms() throws {
    let read = try value(#"{"a": {"b": [null, "true", "é"]}, "c": {}, "d": []}"#)
    #expect(read == ["a": ["b": [nil, "true", "é"]], "c": [:], "d": []])
    #expect(read["a"]?["b"]?.array?[2].string == "é" && read["z"] == nil && read["d"]?.array == [])
    #expect(read["c"]?.isNull == false)
  }

  @Test("large and small numbers keep their value")
  func numbers() throws {
    #expect(try value("9223372036854775807") == 9_223_372_036_854_775_807)
    #expect(try value("18446744073709551616") == .number(18_446_744_073_709_551_616))
    #expect(try value("0.48145466") == 0.48145466)
  }

  @Test("what is written is read as the same")
  func roundTrip() throws {
    let whole: JSONValue = ["a/b": [true, 1, 0.1, "x", nil], "c": ["d": 1e-5]]
    #expect(try JSONValue(parsing: whole.document()) == whole)
    #expect(try String(decoding: JSONValue.object(["a/b": 1]).document(), as: UTF8.self) == "{\n  \"a/b\" : 1\n}")
    #expect(throws: (any Error).self) { try JSONValue.number(.nan).document() }
  }

  @Test("a message shows a value in few words")
  func descriptions() {
    let values: [JSONValue] = [nil, true, 3, 0.5, "gelu", [1, "a"], ["b": 1, "a": 2]]
    #expect(values.map(\.description) == ["null", "true", "3", "0.5", "gelu", "[1, \"a\"]", "{a, b}"])
  }

  @Test("deep nesting is read or refused, and never crashes", arguments: [400, 600, 100_000])
  func depth(levels: Int) {
    let text = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    let read = try? value(text)
    #expect((read != nil) == (levels <= 512))
  }

  @Test("what is no JSON is refused", arguments: ["", "{", "nul", "[1", "{\"a\" 1}", "NaN"])
  func refused(text: String) {
    #expect(throws: (any Error).self) { try value(text) }
  }
}
