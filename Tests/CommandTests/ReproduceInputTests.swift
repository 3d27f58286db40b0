import Foundation
import TestSupport
import Testing

@Suite("A comparison that cannot write, or finds what it cannot read, says so and takes nothing away")
struct ReproduceInputTests {
  private static func command(_ output: String, epochs: Int = 40) -> [String] {
    [
      "reproduce", "base-to-new", "--datasets", "data/one.csv", "--methods", "zero-shot,cocoop", "--seeds", "1,2",
      "--shots", "2", "--epochs", "\(epochs)", "--image-views", "1", "--threads", "1", "--output", output, "--quiet",
    ]
  }

  @Test("a unit of another version is a mark in the table; it stays, and the others go on")
  func version() throws {
    try withWorkplace { place in
      try SmallComparison.write("one", in: place)
      #expect(try place.cocoop(Self.command("out", epochs: 2)).status == 0)
      let unit = "out/units/one/cocoop-seed2"
      let record = try String(contentsOf: place.file("\(unit)/run.json"), encoding: .utf8)
      let later = record.replacing(#""version" : 1"#, with: #""version" : 9"#)
      try place.write(later, to: "\(unit)/run.json")
      let prompts = try place.bytes("\(unit)/prompts.safetensors")
      let outcome = try place.cocoop(Self.command("out", epochs: 2) + ["--json"])
      let printed: PrintedComparison = try outcome.json()
      #expect(outcome.status == 1)
      #expect(printed.failures.map(\.subject) == ["one, CoCoOp, seed 2"])
      #expect(
        printed.failures.map(\.reason) == [
          "FOLDER/\(unit)/run.json has format version 9, but this program reads version 1."
            + " Use the version of this program that wrote it."
        ])
      #expect(printed.methods.map(\.seeds) == [[1, 2], [1]])
      #expect(try String(contentsOf: place.file("\(unit)/run.json"), encoding: .utf8) == later)
      #expect(try place.bytes("\(unit)/prompts.safetensors") == prompts)
      try place.write(record, to: "\(unit)/run.json")
      #expect(try place.cocoop(Self.command("out", epochs: 2)).status == 0)
    }
  }

  #if os(Linux)
    @Test(
      "a full disk stops it with a line, and the same command goes on once there is room; a disk to read is refused",
      .enabled(if: TemporaryDisk.isAvailable, "mounting a disk needs root"))
    func disks() throws {
      try withWorkplace { place in
        try SmallComparison.write("one", in: place)
        let whole: PrintedComparison = try place.cocoop(Self.command("whole") + ["--json"]).json()
        try TemporaryDisk.mounted(at: place.file("disk"), size: "4m") { disk in
          let call = try place.start(Self.command("disk/out"))
          place.wait(for: "disk/out/units/one/cocoop-seed1/metrics.jsonl", of: call)
          try disk.fill()
          let stopped = try call.outcome()
          #expect(stopped.status == 1 && stopped.output.isEmpty)
          #expect(stopped.errors.contains("No space left on device"), "\(stopped.errors)")
          #expect(stopped.errors.count { $0 == "\n" } == 1)
          disk.empty()
          let mended: PrintedComparison = try place.cocoop(Self.command("disk/out") + ["--json"]).json()
          #expect(mended.methods == whole.methods && mended.averages == whole.averages)
          let before = place.contents
          try disk.makeReadOnly()
          for output in ["disk/out", "disk/other"] {
            let refused = try place.cocoop(Self.command(output))
            #expect(refused.status == 1 && refused.output.isEmpty)
            #expect(refused.errors.contains("Read-only file system"), "\(output): \(refused.errors)")
          }
          #expect(place.contents == before)
        }
      }
    }
  #endif
}
