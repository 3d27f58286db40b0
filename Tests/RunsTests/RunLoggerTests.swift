import Foundation
import Images
import PromptLearning
import Runs
import Testing
import TestSupport

@Suite("What a run writes for its readers is whole, and has each step once")
struct RunRecorderTests {
  private func text(_ name: String, in folder: URL) throws -> String {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  private func steps(in folder: URL) throws -> [StepLine] {
    try text("steps.jsonl", in: folder).split(separator: "\n").map {
      try JSONDecoder().decode(StepLine.self, from: Data($0.utf8))
    }
  }

  private static let schedule = LearningRateSchedule(peak: 0.5, warmUp: .none, epochs: 4)

  private func record(_ steps: ClosedRange<Int>, of count: Int, by recorder: RunLogger) throws {
    for step in steps {
      try recorder.record(
        .step(
          TrainingStep(
            epoch: (step - 1) / count + 1, number: (step - 1) % count + 1, of: count, images: 2, loss: Float(step),
            right: step % 3)))
    }
  }

  @Test("a line for each step, and one for people after each epoch")
  func lines() throws {
    try withTemporaryFolder { folder in
      let recorder = try RunLogger(in: folder, schedule: Self.schedule, totalSteps: 4)
      try recorder.note("begun\nin two lines")
      try recorder.record(.views(encoded: 2, of: 2))
      try record(1...4, of: 2, by: recorder)
      let report = #"{"epoch":2,"loss":0.25,"learningRate":0.5,"images":4,"seconds":1.5}"#
      try recorder.record(JSONDecoder().decode(EpochReport.self, from: Data(report.utf8)))
      let lines = try steps(in: folder)
      #expect(lines.map(\.step) == [1, 2, 3, 4] && lines.map(\.epoch) == [1, 1, 2, 2])
      #expect(lines.map(\.loss) == [1, 2, 3, 4] && lines.map(\.accuracy) == [50, 100, 0, 50])
      #expect(lines.map(\.learningRate) == [1, 1, 2, 2].map { Self.schedule(epoch: $0) })
      #expect(lines.allSatisfy { $0.imagesPerSecond > 0 })
      let log = try text("log.txt", in: folder).split(separator: "\n").map { $0.drop { $0 != " " }.dropFirst() }
      #expect(log == ["begun\\nin two lines", "epoch 2: loss 0.2500, 4 images in 1.5 s"])
    }
  }

  @Test("a training of many steps leaves at most 2,000 lines, each the mean of its steps")
  func thinned() throws {
    try withTemporaryFolder { folder in
      let recorder = try RunLogger(in: folder, totalSteps: 5_000)
      try record(1...5_000, of: 100, by: recorder)
      let lines = try steps(in: folder)
      #expect(lines.map(\.step) == Array(stride(from: 3, through: 4_998, by: 3)))
      #expect(lines.first?.loss == 2 && lines.first?.accuracy == 50)
    }
  }

  @Test("a training that goes on drops what came after its checkpoint, and a line that was never finished")
  func resumed() throws {
    try withTemporaryFolder { folder in
      let first = try RunLogger(in: folder)
      try record(1...7, of: 5, by: first)
      let file = folder.appending(path: "steps.jsonl")
      try Data((try text("steps.jsonl", in: folder) + #"{"step":8,"ep"#).utf8).write(to: file)
      try first.note("first")
      let second = try RunLogger(in: folder, after: 5)
      try record(6...10, of: 5, by: second)
      try second.note("second")
      #expect(try steps(in: folder).map(\.step) == Array(1...10))
      #expect(try text("log.txt", in: folder).split(separator: "\n").count == 2)
      let events = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("tfevents") }
      #expect(events.count == 2)
    }
  }

  @Test("a folder that cannot be written to is an error that names the file")
  func readOnly() throws {
    #expect(
      message { try RunLogger(in: URL(filePath: "/proc/nowhere")) }
        == "Cannot write /proc/nowhere/log.txt: No such file or directory. "
        + "Choose a folder that exists, is writable and has room.")
  }

  @Test("a picture becomes a PNG that decodes to its pixels")
  func png() throws {
    let pixels = (0..<3 * 7 * 5).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let image = try Image(width: 7, height: 5, pixels: pixels)
    let data = try image.png()
    #expect(try Image(decoding: data, named: "written") == image)
  }
}
