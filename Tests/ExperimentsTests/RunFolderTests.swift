import Datasets
import Experiments
import Explanations
import Foundation
import PromptLearning
import Testing
import Torch

@Suite("A run folder changes only when a run has something to keep")
struct RunFolderTests {
  @Test("asking for a folder leaves the disk as it was")
  func asking() throws {
    try withTemporaryFolder { place in
      let output = place.appending(path: "a/b/run")
      _ = try RunFolder(creating: output, existing: .refuse)
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.path).isEmpty)
      try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
      _ = try RunFolder(creating: output, existing: .replace)
      #expect(FileManager.default.fileExists(atPath: output.path))
    }
  }

  @Test("a run is refused, replaced or resumed as asked; a foreign folder is refused always")
  func existing() throws {
    try withTemporaryFolder { place in
      let run = place.appending(path: "run")
      #expect(throws: ExperimentError.notARun(path: run.path, reason: "there is nothing at this path")) {
        try RunFolder(creating: run, existing: .resume)
      }
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      #expect(throws: ExperimentError.notARun(path: run.path, reason: "it has no run.json")) {
        try RunFolder(existing: run)
      }
      try Data().write(to: run.appending(path: "notes.txt"))
      for existing in [RunFolder.Existing.refuse, .replace] {
        #expect(throws: ExperimentError.foreignFolder(path: run.path)) {
          try RunFolder(creating: run, existing: existing)
        }
      }
      try Data("{}".utf8).write(to: run.appending(path: "run.json"))
      #expect(throws: ExperimentError.runExists(path: run.path)) { try RunFolder(creating: run, existing: .refuse) }
      let folder = try RunFolder(creating: run, existing: .replace)
      #expect(throws: ExperimentError.notARun(path: run.path, reason: "its run.json cannot be read")) {
        try folder.record()
      }
      #expect(throws: ExperimentError.unfinished(path: run.path)) { try folder.prompts() }
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path).sorted() == ["notes.txt", "run.json"])
    }
  }

  @Test("a training that stops in its first epoch leaves nothing, and a later one can be resumed")
  func stopping() throws {
    struct Stop: Error {}
    // The tests of the tool run beside this one: two threads that wait for each other would take turns with them.
    try Threads.use(1)
    try withTemporaryFolder { place in
      let url = place.appending(path: "run")
      let source = try ModelSource("tiny-clip")
      let training = try TrainingConfiguration(epochs: 3, batchSize: 14, views: .stored(1))
      let configuration = RunConfiguration(
        model: "tiny-clip", data: "openclipart", method: .coop, shots: 1, training: training)
      let dataset = try DataSource("openclipart").load()
      let (clip, identity) = (try source.load(), try source.identity())
      func run(_ existing: RunFolder.Existing, stoppingIn last: Int) throws -> Double {
        let folder = try RunFolder(creating: url, existing: existing)
        let run = try TrainingRun(configuration, clip: clip, identity: identity, dataset: dataset, folder: folder)
        return try run(resuming: existing == .resume) { progress in
          if case .step(let epoch, _, _, _, _, _) = progress, epoch == last { throw Stop() }
        }.seconds
      }
      #expect(throws: Stop.self) { try run(.refuse, stoppingIn: 1) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.path).isEmpty)
      #expect(throws: Stop.self) { try run(.refuse, stoppingIn: 3) }
      let folder = try RunFolder(existing: url)
      #expect(try folder.record().trainingSeconds == nil)
      #expect(throws: ExperimentError.unfinished(path: url.path)) { try folder.prompts() }
      let seconds = try run(.resume, stoppingIn: 0)
      #expect(try folder.record().trainingSeconds == seconds)
      let prompts = try Data(contentsOf: folder.promptsURL)
      #expect(throws: Stop.self) { try run(.replace, stoppingIn: 1) }
      #expect(try Data(contentsOf: folder.promptsURL) == prompts)
      // Resuming what is finished changes nothing.
      #expect(try run(.resume, stoppingIn: 0) > 0)
      #expect(try Data(contentsOf: folder.promptsURL) == prompts)
    }
  }
}
