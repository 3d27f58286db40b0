import Datasets
import Embedded
import Foundation
import NamedModels
import PromptLearning
import Runs
import Support
import Testing

@Suite("Names on the command line stand for one thing, or for nothing")
struct SourceTests {
  @Test("class names become the words of their prompts")
  func classNames() throws {
    #expect(try ClassNames(list: "cat, fire_truck ,dog", file: nil)?.names == ["cat", "fire truck", "dog"])
    #expect(try ClassNames(list: nil, file: nil) == nil)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "classes.txt")
      try Data("cat\r\nfire_truck\r\n\r\n".utf8).write(to: file)
      #expect(try ClassNames(list: nil, file: file.path)?.names == ["cat", "fire truck"])
      try Data().write(to: file)
      let empty = RunError.classList(source: file.path, problem: "it names no class")
      #expect(throws: empty) { try ClassNames(list: nil, file: file.path) }
    }
  }

  @Test(
    "class names that cannot be used",
    arguments: [
      ("", "name 1 is empty"), ("cat,", "name 2 is empty"), ("cat,__,dog", "name 2 is empty"),
      ("cat,dog,cat", "'cat' stands in it twice"), ("a_b,a b", "'a b' stands in it twice"),
    ])
  func badClassNames(list: String, problem: String) {
    #expect(throws: RunError.classList(source: "--classes", problem: problem)) {
      try ClassNames(list: list, file: nil)
    }
  }

  @Test("models and datasets are embedded or paths; a slip of the keyboard gets a suggestion")
  func suggestions() throws {
    #expect(try ModelSource("tiny-clip").location.lastPathComponent == "tiny-clip")
    #expect(try DataSource("openclipart").place == .files(Embedded.openclipart))
    #expect(throws: RunError.unknownModel(name: "tinyclip", nearest: "tiny-clip")) {
      try ModelSource("tinyclip")
    }
    #expect(throws: RunError.unknownModel(name: "vit-b-16", nearest: "ViT-B/16")) { try ModelSource("vit-b-16") }
    #expect(throws: RunError.unknownData(name: "open_clipart", nearest: "openclipart")) {
      try DataSource("open_clipart")
    }
    #expect(throws: RunError.unknownData(name: "", nearest: nil)) { try DataSource("") }
    #expect(
      RunError.unknownModel(name: "x\ny", nearest: nil).explanation
        == #"There is no model 'x\ny': it is neither a known name nor a path."#
        + " Give tiny-clip, the path of a checkpoint, or a name that 'cocoop models list' shows.")
  }

  @Test("each model that the catalogue names has a configuration that loads")
  func catalogue() throws {
    let catalogue = try ModelCatalogue.standard()
    let folder = FileManager.default.temporaryDirectory.appending(path: "catalogue-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for row in catalogue.openClip where row.unsupported == nil {
      try catalogue.configuration(of: row).write(to: folder.appending(path: "open_clip_config.json"))
      #expect(throws: Never.self, "\(row.name)") { try ModelSource.checkConfiguration(in: folder) }
    }
  }

  @Test("a configuration survives its file")
  func configuration() throws {
    let configuration = RunConfiguration(
      model: "tiny-clip", data: "d", method: .coop, classes: .all, shots: nil, seed: 7,
      context: .init(words: nil, length: 3, position: .middle, isClassSpecific: true))
    let data = try JSONEncoder.readable.encode(configuration)
    #expect(try JSONDecoder().decode(RunConfiguration.self, from: data) == configuration)
    #expect(configuration.training == .coop)
    #expect(RunConfiguration(model: "m", data: "d", method: .zeroShot, training: .coop).training == nil)
  }
}

/// Makes a separate folder for one test, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "experiments-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}
