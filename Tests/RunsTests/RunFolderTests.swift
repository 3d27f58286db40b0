import Datasets
import Foundation
import PromptLearning
import Runs
import Support
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
      #expect(throws: RunError.noRunToResume(path: run.path)) {
        try RunFolder(creating: run, existing: .resume)
      }
      #expect(throws: RunError.notARun(path: run.path, reason: "there is nothing at this path")) {
        try RunFolder(existing: run)
      }
      try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
      #expect(throws: RunError.notARun(path: run.path, reason: "it has no run.json")) {
        try RunFolder(existing: run)
      }
      try Data().write(to: run.appending(path: "notes.txt"))
      for existing in [RunFolder.Existing.refuse, .replace] {
        #expect(throws: RunError.foreignFolder(path: run.path)) {
          try RunFolder(creating: run, existing: existing)
        }
      }
      try Data("{}".utf8).write(to: run.appending(path: "run.json"))
      #expect(throws: RunError.runExists(path: run.path)) { try RunFolder(creating: run, existing: .refuse) }
      let folder = try RunFolder(creating: run, existing: .replace)
      #expect(throws: RunError.notARun(path: run.path, reason: "its run.json cannot be read")) {
        try folder.record()
      }
      #expect(throws: RunError.unfinished(path: run.path, epoch: nil, of: nil)) { try folder.artifact() }
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path).sorted() == ["notes.txt", "run.json"])
    }
  }

  @Test("what cannot be trained leaves nothing, and what was begun can be resumed, from its first step on")
  func stopping() throws {
    struct Stop: Error {}
    // The tests of the tool run in parallel: two threads that wait for each other would alternate with them.
    try Threads.use(1)
    try withTemporaryFolder { place in
      let url = place.appending(path: "run")
      let source = try ModelSource("tiny-clip")
      let training = try TrainingConfiguration(epochs: 3, batchSize: 14, views: .stored(1))
      var configuration = RunConfiguration(
        model: "tiny-clip", data: "openclipart", method: .coop, shots: 1, training: training)
      let dataset = try DataSource("openclipart").load()
      let (clip, identity) = (try source.load(), try source.identity())
      func run(_ existing: RunFolder.Existing, stoppingIn last: Int) throws -> Double {
        let folder = try RunFolder(creating: url, existing: existing)
        let run = try TrainingRun(configuration, clip: clip, identity: identity, dataset: dataset, folder: folder)
        return try run(resuming: existing == .resume) { progress in
          if case .step(let step) = progress, step.epoch == last { throw Stop() }
        }.seconds
      }
      configuration.context.words = String(repeating: "word ", count: 99)
      #expect(throws: LearningError.self) { try run(.refuse, stoppingIn: 1) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.path).isEmpty)
      configuration.context.words = "a photo of a"

      #expect(throws: Stop.self) { try run(.refuse, stoppingIn: 1) }
      let folder = try RunFolder(existing: url)
      #expect(folder.isResumable && !folder.isFinished)
      #expect(throws: RunError.runExists(path: url.path)) { try run(.refuse, stoppingIn: 1) }
      #expect(throws: Stop.self) { try run(.resume, stoppingIn: 3) }
      #expect(try folder.record().trainingSeconds == nil)
      #expect(throws: RunError.unfinished(path: url.path, epoch: 3, of: 3)) { try folder.artifact() }
      let seconds = try run(.resume, stoppingIn: 0)
      #expect(folder.isFinished && !folder.isResumable)
      #expect(try folder.record().trainingSeconds == seconds)
      let prompts = try Data(contentsOf: folder.artifactURL)
      configuration.context.words = String(repeating: "word ", count: 99)
      #expect(throws: LearningError.self) { try run(.replace, stoppingIn: 1) }
      #expect(try Data(contentsOf: folder.artifactURL) == prompts)
      configuration.context.words = "a photo of a"
      // Resuming a finished run changes nothing.
      #expect(try run(.resume, stoppingIn: 0) == seconds)
      #expect(try Data(contentsOf: folder.artifactURL) == prompts)

      #expect(throws: Stop.self) { try run(.replace, stoppingIn: 1) }
      #expect(folder.isResumable && !FileManager.default.fileExists(atPath: folder.artifactURL.path))
      _ = try run(.resume, stoppingIn: 0)
      #expect(try Data(contentsOf: folder.artifactURL) == prompts)
    }
  }

  @Test("a run that was killed while it took another's place is that run, and goes to its place with the next claim")
  func settling() throws {
    try withTemporaryFolder { place in
      let files = ["checkpoint/training.safetensors", "split.json", "run.json"]
      /// A folder with an old run in it, and a new one whose first `moved` files are in their places.
      func folder(_ name: String, arrivingIn arrival: String, moved: Int) throws -> URL {
        let run = place.appending(path: name)
        func write(_ text: String, _ path: String) throws {
          let url = run.appending(path: path)
          try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
          try Data(text.utf8).write(to: url)
        }
        if arrival == ".beginning" {
          for file in files + ["prompts.safetensors", "evaluations/a/predictions.csv", "log.txt"] {
            try write("old", file)
          }
        }
        try write("mine", "notes.txt")
        for (index, file) in files.enumerated() { try write("new", index < moved ? file : "\(arrival)/\(file)") }
        return run
      }
      for (arrival, moved) in [(".beginning", 0), (".settling", 0), (".settling", 1), (".settling", 2)] {
        let url = try folder("\(arrival)-\(moved)", arrivingIn: arrival, moved: moved)
        #expect(RunFolder.isRun(url))
        let run = try RunFolder(creating: url, existing: .resume)
        #expect(!run.isFinished && run.isResumable)
        try run.claim().release()
        let contents = try FileManager.default.subpathsOfDirectory(atPath: url.path).sorted()
        #expect(contents == (files + ["checkpoint", "notes.txt"]).sorted())
        for file in files { #expect(try Data(contentsOf: url.appending(path: file)) == Data("new".utf8)) }
      }
    }
  }

  @Test("checkpoints take a hundredth of the time")
  func intervals() {
    func isDue(_ interval: CheckpointInterval, after step: Int?, _ elapsed: Duration, cost: Duration) -> Bool {
      interval.isDue(after: step, elapsed: elapsed, cost: cost)
    }
    #expect(!isDue(.automatic, after: 5, .seconds(9), cost: .zero))
    #expect(isDue(.automatic, after: 5, .seconds(10), cost: .milliseconds(100)))
    #expect(!isDue(.automatic, after: 5, .seconds(10), cost: .milliseconds(101)))
    #expect(isDue(.automatic, after: nil, .seconds(1), cost: .milliseconds(10)))
    #expect(!isDue(.automatic, after: nil, .seconds(1), cost: .milliseconds(11)))
    #expect((1...6).filter { isDue(.steps(3), after: $0, .zero, cost: .seconds(1)) } == [3, 6])
    #expect(isDue(.steps(3), after: nil, .zero, cost: .seconds(1)))
  }
}
