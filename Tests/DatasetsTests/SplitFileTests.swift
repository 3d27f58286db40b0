import Datasets
import Foundation
import Testing
import TestSupport

private let publishedForm = #" A split file reads {"train": [[path, label, name], …], "val": […], "test": […]}."#
private let relativePaths = " Write paths relative to the image folder, without '..'."
private let imagesNeeded = " Every class needs at least one training and one test image."

@Suite("A faulty split file is refused with one line that names the fault")
struct SplitFileTests {
  @Test(
    "form",
    arguments: [
      ("", "FOLDER/split_pets.json is empty. Write or unpack it again."),
      ("[]", "FOLDER/split_pets.json: expected an object with train, val and test." + publishedForm),
      (
        #"{"train": [], "test": []}"#,
        "FOLDER/split_pets.json has no list 'val'. It must have the lists 'train', 'val' and 'test'; 'val' may be empty."
      ),
      (
        #"{"train": {}, "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train: expected a list of images." + publishedForm
      ),
      (
        #"{"train": null, "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train: expected a list of images." + publishedForm
      ),
      (
        #"{"train": [["a", 0, "x"], "b"], "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train[1]: expected an image as [path, label, name]." + publishedForm
      ),
      (
        #"{"train": [], "val": [["a", 0]], "test": []}"#,
        "FOLDER/split_pets.json, val[0]: expected an image as [path, label, name]." + publishedForm
      ),
      (
        #"{"train": [["a", "0", "x"]], "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train[0]: expected a whole number as label." + publishedForm
      ),
      (
        #"{"train": [["a", 1e99, "x"]], "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train[0]: expected a whole number as label." + publishedForm
      ),
      (
        #"{"train": [["a", true, "x"]], "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train[0]: expected a whole number as label." + publishedForm
      ),
      (
        #"{"train": [["a", 0, null]], "val": [], "test": []}"#,
        "FOLDER/split_pets.json, train[0]: expected a text as path and as name." + publishedForm
      ),
    ])
  func form(text: String, expected: String) throws { try check(text, expected) }

  @Test(
    "text that is not JSON",
    arguments: ["{", "{\"train\"", "nonsense", "\u{0}", String(repeating: "[", count: 100_000)].excerpts)
  func notJSON(text: Excerpt) throws {
    try withTemporaryFolder { folder in
      let file = try folder.write(text.text, to: "split_pets.json")
      let line = explanation(in: folder) { try Dataset(splitFile: file) }
      #expect(line.hasPrefix("FOLDER/split_pets.json is not JSON"))
      #expect(line.hasSuffix(publishedForm))
    }
  }

  @Test(
    "meaning",
    arguments: [
      (#"["", 0, "x"]"#, ", train[0]: the path is empty." + relativePaths),
      (#"["/a", 0, "x"]"#, ", train[0]: the path '/a' leaves the image folder." + relativePaths),
      (#"["a/../../b", 0, "x"]"#, ", train[0]: the path 'a/../../b' leaves the image folder." + relativePaths),
      (#"["a/../\u0301b", 0, "x"]"#, ", train[0]: the path 'a/../\u{301}b' leaves the image folder." + relativePaths),
      (#"["a\u0000b", 0, "x"]"#, ", train[0]: the path 'a\\0b' leaves the image folder." + relativePaths),
      (#"["a", -1, "x"]"#, ", train[0]: the label -1 is negative. Number the classes from 0."),
      (
        #"["a", 9, "x"]"#,
        ": labels must run from 0 without gaps, but there is a label 9 and no label 2. Number the classes from 0."
      ),
      (#"["a", 2, " _ "]"#, ", train[0]: the class name is empty. Give each label one name."),
      (
        #"["a", 2, "x"], ["b", 2, "y"]"#,
        ", train[1]: label 2 is called 'y' here and 'x' before. Give each label one name."
      ),
      (
        #"["a", 2, "cat"]"#,
        ": two classes are called 'cat'. Give each class a name of its own; case, '_' and spaces don't tell names apart."
      ),
      (
        #"["a", 2, "wild_Dog"]"#,
        ": the classes 'wild dog' and 'wild_Dog' give the same prompt."
          + " Give each class a name of its own; case, '_' and spaces don't tell names apart."
      ),
      (#"["a", 2, "x"]"#, ": class 'x' has no test images." + imagesNeeded),
    ])
  func meaning(entries: String, expected: String) throws {
    let both = #"["1", 0, "cat"], ["2", 1, "wild dog"]"#
    try check(
      #"{"train": [\#(entries), \#(both)], "val": [], "test": [\#(both)]}"#, "FOLDER/split_pets.json" + expected)
  }

  @Test("the place of a fault in the JSON itself is told")
  func place() throws {
    try check(
      #"{"train": [1,,2]}"#,
      "FOLDER/split_pets.json is not JSON: Invalid value around character 13." + publishedForm)
  }

  @Test("no images at all")
  func emptyParts() throws {
    try check(#"{"train": [], "val": [], "test": []}"#, "FOLDER/split_pets.json has no training images." + imagesNeeded)
    try check(
      #"{"train": [["a", 0, "x"]], "val": [], "test": []}"#, "FOLDER/split_pets.json has no test images." + imagesNeeded
    )
  }

  func check(_ text: String, _ expected: String) throws {
    try withTemporaryFolder { folder in
      let file = try folder.write(text, to: "split_pets.json")
      #expect(explanation(in: folder) { try Dataset(splitFile: file) } == expected)
    }
  }

  @Test("ImageNet's published list calls two classes alike, which a notice tells")
  func equalNames() throws {
    try withTemporaryFolder { folder in
      let both = #"["1", 0, "missile"], ["2", 1, "missile"]"#
      let text = #"{"train": [\#(both)], "val": [], "test": [\#(both)]}"#
      let dataset = try Dataset(splitFile: folder.write(text, to: "split_zhou_ImageNet.json"))
      #expect(dataset.classNames == ["missile", "missile"])
      #expect(dataset.notices.first == .equalNames("missile"))
    }
  }
}
