import Foundation
import Runs
import Testing
import TestSupport

@Suite("A list of classes in JSON is read as JSON")
struct ClassNamesInJSONTests {
  @Test(
    "each form that is met gives its names in their order",
    arguments: [
      ("[\"tench\",\n \"goldfish\"]", ["tench", "goldfish"]),
      (#"{"classes": ["a_b", "c, d"], "version": 2}"#, ["a b", "c, d"]),
      (#"{"1": "dog", "0": "cat", "10": "ten", "9": "nine"}"#, ["cat", "dog", "nine", "ten"]),
      (#"{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}"#, ["tench", "goldfish"]),
      (#"[["n01440764", "tench"]]"#, ["tench"]),
      (#"{"dog": 1, "cat": 0}"#, ["cat", "dog"]),
      (#"{"architectures": ["X"], "id2label": {"0": "cat", "1": "dog"}}"#, ["cat", "dog"]),
      (#"{"categories": [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}]}"#, ["car", "person"]),
    ])
  func forms(text: String, names: [String]) throws {
    #expect(try ClassNames(list: text, file: nil)?.names == names)
    try withTemporaryFolder { folder in
      for data in [Data(text.utf8), Data("\u{FEFF} \r\n\(text)\n".utf8), try #require(text.data(using: .utf16))] {
        let file = try folder.write(data, to: "labels.txt")
        #expect(try ClassNames(list: nil, file: file.path)?.names == names)
      }
    }
  }

  @Test(
    "what cannot be used is told by its entry",
    arguments: [
      (#"["cat", 3]"#, "entry 2 is a number, where a name was expected"),
      (#"["cat", ["dog", "hound"]]"#, "entry 2 is a list, where a name was expected"),
      (#"["cat", ""]"#, "name 2 is empty"), ("[]", "it names no class"), ("{}", "it names no class"),
      (#"{"0": null}"#, "entry '0' is null, where a name was expected"),
      (#"{"a": "cat"}"#, #"the key 'a' is no number of a class, as in {"0": "cat", "1": "dog"}"#),
      (#"{"1": "a", "01": "b"}"#, "the entries '01' and '1' have one number, 1"),
      (#"{"cat": 0, "dog": 0}"#, "the entries 'cat' and 'dog' have one number, 0"),
      (#"["cat", "cat"]"#, "'cat' stands in it twice"),
    ])
  func faults(text: String, problem: String) {
    #expect(throws: RunError.classList(source: "--classes", problem: problem)) {
      try ClassNames(list: text, file: nil)
    }
  }

  @Test("a text that is cut short says so, and names that hold a bracket elsewhere are names")
  func broken() throws {
    #expect(message { try ClassNames(list: #"["cat", "#, file: nil) }.contains("it begins as JSON and is none"))
    #expect(try ClassNames(list: "cat [tabby],dog", file: nil)?.names == ["cat [tabby]", "dog"])
  }

  @Test("a table of classes is read as spreadsheets export it, and its faults are told by line")
  func tables() throws {
    try withTemporaryFolder { folder in
      let file = try folder.write("sep=;\r\nClass;;\r\ncat;;\r\n;;\r\n fire_truck ;x;\r\ncat\r\n", to: "c.csv")
      #expect(try ClassNames(list: nil, file: file.path)?.names == ["cat", "fire truck"])
      try folder.write("path,class\na.jpg,cat\nb.jpg,\n", to: "c.csv")
      #expect(throws: RunError.classList(source: file.path, problem: "line 3: the class is missing")) {
        try ClassNames(list: nil, file: file.path)
      }
    }
  }
}
