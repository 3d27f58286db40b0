import Foundation
import Runs
import TestSupport
import Testing
import Torch

@Suite("A run that cannot go on says why, and loses nothing")
struct ResumeInputTests {
  private static let training = SmallTraining(method: "coop", views: "2", epochs: 8, batchSize: 3)
  private static let checkpoint = "run/checkpoint/training.safetensors"
  private static let previous = "run/checkpoint/previous.safetensors"

  /// Makes a run of eight epochs that was killed in its second half.
  private func withKilledRun(_ body: (Workplace) throws -> Void) throws {
    try withWorkplace { place in
      try SmallTraining.prepare(place)
      let call = try place.start(Self.training.options + ["--output", "run", "--checkpoint-every", "1"])
      while call.process.isRunning, (try? place.losses(of: "run").count) ?? 0 < 4 { usleep(200) }
      kill(call.process.processIdentifier, SIGKILL)
      _ = try call.outcome()
      #expect((try RunFolder(existing: place.file("run"))).isResumable)
      try body(place)
    }
  }

  private func resume(_ place: Workplace, _ more: String...) throws -> Outcome {
    try place.cocoop(Self.training.options + ["--output", "run", "--resume"] + more)
  }

  private func wholePrompts(_ place: Workplace) throws -> Data {
    try place.cocoop(Self.training.options + ["--output", "whole"])
    return try place.bytes("whole/prompts.safetensors")
  }

  @Test("a damaged checkpoint is passed over for the one before; file times and leftovers mean nothing")
  func damaged() throws {
    try withKilledRun { place in
      // A clock that jumps: the older file is from the future, the newer one from the distant past.
      let times: [(String, Double)] = [(Self.previous, 4e9), (Self.checkpoint, 1), ("run/metrics.jsonl", 3e9)]
      for (file, time) in times {
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSince1970: time)], ofItemAtPath: place.file(file).path)
      }
      var bytes = try place.bytes(Self.checkpoint)
      bytes[bytes.count - 2] ^= 0x10
      try place.write(bytes, to: Self.checkpoint)
      try place.write("half a", to: "run/checkpoint/..next.partial.123.partial")
      try place.write("half a", to: "run/.run.json.123.partial")
      try place.write("", to: "run/lock")
      let outcome = try place.cocoop(
        Self.training.options.filter { $0 != "--quiet" } + ["--output", "run", "--resume"])
      #expect(outcome.status == 0)
      #expect(
        outcome.errors.hasPrefix(
          "note: FOLDER/\(Self.checkpoint) cannot be read: going on from the checkpoint before it.\n"),
        "\(outcome.errors)")
      #expect(try place.bytes("run/prompts.safetensors") == wholePrompts(place))
      #expect(place.contents.filter { $0.hasPrefix("run/") && ($0.contains("partial") || $0.contains("lock")) } == [])
    }
  }

  @Test("a run in TF32 goes on in float32 where there is no TF32, says so, and is known for it afterwards")
  func precision() throws {
    try withKilledRun { place in
      let record = try String(decoding: place.bytes("run/run.json"), as: UTF8.self)
      let method = "\"method\" : \"coop\","
      try #require(record.contains(method))
      try place.write(record.replacing(method, with: method + "\"precision\" : \"tf32\","), to: "run/run.json")
      let same = try resume(place, "--precision", "tf32")
      #expect(same.status == 1)
      #expect(
        same.errors
          == "Error: cpu has no TF32, which NVIDIA's GPUs have from the A100 on. Give --precision float32.\n")
      let outcome = try place.cocoop(
        Self.training.options.filter { $0 != "--quiet" } + ["--output", "run", "--resume", "--precision", "float32"])
      #expect(outcome.status == 0)
      #expect(
        outcome.errors.contains(
          "note: CoOp began in tf32 and continues in float32: what it learns may differ from a run without a break.\n"),
        "\(outcome.errors)")
      #expect(try place.bytes("run/prompts.safetensors") == wholePrompts(place))
      #expect(try RunFolder(existing: place.file("run")).record().configuration?.precision == .tf32)
    }
  }

  @Test("where no checkpoint can be read, the error says so, and what is there stays")
  func lost() throws {
    try withKilledRun { place in
      let whole = try place.bytes(Self.checkpoint)
      for file in [Self.checkpoint, Self.previous] { try place.write(whole.prefix(whole.count / 2), to: file) }
      // The temporary files of the killed process may be removed, like its lock.
      func kept() -> [String] { place.contents.filter { !$0.hasSuffix(".partial") && !$0.hasSuffix("lock") } }
      let before = kept()
      let outcome = try resume(place)
      #expect(outcome.status == 1)
      #expect(
        outcome.errors.hasPrefix(
          "Error: The run in FOLDER/run cannot go on: none of its checkpoints can be read. FOLDER/\(Self.checkpoint)"),
        "\(outcome.errors)")
      #expect(outcome.errors.hasSuffix("Start it again with --force.\n"))
      #expect(outcome.errors.count { $0 == "\n" } == 1)
      #expect(kept() == before)
      try FileManager.default.removeItem(at: place.file("run/checkpoint"))
      #expect(
        try resume(place).errors
          == "Error: The run in FOLDER/run has no checkpoint to go on from. Start it again with --force.\n")
    }
  }

  @Test("another version, other settings and other images are refused")
  func others() throws {
    try withKilledRun { place in
      let record = try String(contentsOf: place.file("run/run.json"), encoding: .utf8)
      try place.write(record.replacing(#""version" : 1"#, with: #""version" : 7"#), to: "run/run.json")
      #expect(
        try resume(place).errors == "Error: FOLDER/run/run.json has format version 7, but this program reads version 1."
          + " Use the version of this program that wrote it.\n")
      try place.write(record, to: "run/run.json")
      #expect(
        try resume(place, "--seed", "2").errors == "Error: The run in FOLDER/run was started with the seed 1, not 2."
          + " Resume with the settings it was started with, or choose another --output.\n")
      let split = try String(contentsOf: place.file("data/split_small.json"), encoding: .utf8)
      try FileManager.default.copyItem(
        at: place.file("data/images/bird/001.jpg"), to: place.file("data/images/bird/renamed.jpg"))
      try place.write(split.replacing("bird\\/001", with: "bird\\/renamed"), to: "data/split_small.json")
      #expect(
        try resume(place).errors
          == "Error: The run in FOLDER/run was started on other images than these: 8 as well, but not the same."
          + " Restore the dataset, or start again with --force.\n")
      try place.write(split, to: "data/split_small.json")
      #expect(try resume(place).status == 0)
      #expect(try place.bytes("run/prompts.safetensors") == wholePrompts(place))
    }
  }

  @Test("another number of threads is told in a line; a run of before they were kept goes on without")
  func threads() throws {
    let options = Self.training.options.filter { $0 != "--quiet" } + ["--output", "run", "--resume"]
    try withKilledRun { place in
      #expect(try place.cocoop("runs show run").output.contains("\nthreads  1\n"))
      let outcome = try place.cocoop(options + ["--threads", "2"])
      #expect(outcome.status == 0)
      #expect(
        outcome.errors.hasPrefix(
          "note: CoOp began with 1 and goes on with 2 threads: its last bits may differ from those of a run without a break."
            + " Give --threads 1 for the same.\n"), "\(outcome.errors)")
      #expect(try RunFolder(existing: place.file("run")).record().threads == 1)
    }
    try withKilledRun { place in
      let record = try String(contentsOf: place.file("run/run.json"), encoding: .utf8)
      try place.write(record.replacing(#""threads" : 1,"#, with: ""), to: "run/run.json")
      let outcome = try place.cocoop(options)
      #expect(outcome.status == 0 && !outcome.errors.contains("threads"), "\(outcome.errors)")
      #expect(try place.bytes("run/prompts.safetensors") == wholePrompts(place))
      #expect(try RunFolder(existing: place.file("run")).record().threads == nil)
    }
  }

  @Test("two trainings in one folder: the second is refused at once, and the first goes on")
  func twoProcesses() throws {
    try withWorkplace { place in
      try SmallTraining.prepare(place)
      var training = Self.training
      training.epochs = 2000
      let options = training.options + ["--output", "run"]
      let call = try place.start(options)
      place.wait(for: "run/run.json", of: call)
      let inUse =
        "Error: Another process is at work in FOLDER/run. Wait until it has ended, or choose another --output.\n"
      for more in [[], ["--resume"], ["--force"]] {
        let outcome = try place.cocoop(options + more)
        #expect(outcome.status == 1 && outcome.errors == inUse)
      }
      #expect(
        try place.cocoop("evaluate --run run").errors
          == "Error: The run in FOLDER/run is being trained now. Wait until it has ended.\n")
      #expect(call.process.isRunning)
      call.process.terminate()
      let ended = try call.outcome()
      #expect(ended.status == 143)
      #expect(ended.errors.hasPrefix("\nInterrupted. "))
      #expect(ended.errors.hasSuffix("Go on with the same command and --resume.\n"))
      #expect(!place.exists("run/lock"))
    }
  }

  #if os(Linux)
    @Test(
      "a full disk stops a training with a line, and it goes on once there is room",
      .enabled(if: TemporaryDisk.isAvailable, "mounting a disk needs root"))
    func fullDisk() throws {
      try withWorkplace { place in
        try SmallTraining.prepare(place)
        let whole = try wholePrompts(place)
        try TemporaryDisk.mounted(at: place.file("disk"), size: "4m") { disk in
          var training = Self.training
          training.epochs = 200
          let long = training.options + ["--output", "disk/run", "--checkpoint-every", "1"]
          let full = try place.cocoop(Self.training.options + ["--output", "disk/other"])
          #expect(full.status == 0)
          let call = try place.start(long)
          place.wait(for: "disk/run/metrics.jsonl", of: call)
          try disk.fill()
          let stopped = try call.outcome()
          #expect(stopped.status == 1)
          #expect(stopped.errors.contains("No space left on device. Make room, then go on with"), "\(stopped.errors)")
          #expect(stopped.errors.count { $0 == "\n" } == 1)
          #expect((try RunFolder(existing: place.file("disk/run"))).isResumable)
          try disk.fill()
          // A command that cannot start removes nothing.
          let refused = try place.cocoop(Self.training.options + ["--output", "disk/other", "--force"])
          #expect(refused.status == 1 && refused.errors.contains("No space left on device"), "\(refused.errors)")
          #expect(try place.bytes("disk/other/prompts.safetensors") == whole)
          disk.empty()
          #expect(try place.cocoop(long + ["--resume"]).status == 0)
          try place.cocoop(training.options + ["--output", "long"])
          #expect(try place.bytes("disk/run/prompts.safetensors") == place.bytes("long/prompts.safetensors"))
        }
      }
    }

    @Test(
      "a folder that cannot be written", .enabled(if: TemporaryDisk.isAvailable, "mounting a disk needs root"))
    func readOnly() throws {
      try withWorkplace { place in
        try SmallTraining.prepare(place)
        try TemporaryDisk.mounted(at: place.file("disk"), size: "4m") { disk in
          try place.cocoop(Self.training.options + ["--output", "disk/run"])
          try disk.makeReadOnly()
          let before = place.contents
          for (output, more) in [("disk/run", ["--force"]), ("disk/run", ["--resume"]), ("disk/new", [])] {
            let outcome = try place.cocoop(Self.training.options + ["--output", output] + more)
            #expect(outcome.status == 1)
            #expect(
              outcome.errors.hasSuffix(
                "Read-only file system. Choose a folder that exists, is writable and has room.\n"),
              "\(outcome.errors)")
          }
          #expect(place.contents == before)
          #expect(try place.cocoop("evaluate --run disk/run --quiet").output.hasPrefix("accuracy"))
        }
      }
    }
  #endif
}
