import Foundation
import Runs
import Testing
import TestSupport
import Torch

@Suite("--device says where to compute, and a device that cannot be had is refused in one line")
struct DeviceOptionTests {
  /// Whether this libtorch has no accelerator's library beside it. The messages of others are in `DeviceChoiceTests`.
  private static let isForCPU = ["cuda", "hip", "xpu"].allSatisfy { name in
    ["so", "dylib"].allSatisfy { !FileManager.default.fileExists(atPath: "\(Libtorch.folder)libtorch_\(name).\($0)") }
  }

  @Test(
    "a libtorch for the CPU names itself and the way to another", .enabled(if: isForCPU),
    arguments: [
      "train photos", "evaluate --run r", "predict --model tiny-clip --classes a,b x.jpg", "serve --run r",
      "benchmark --backbone tiny-clip", "check-device",
    ])
  func cpuBuild(line: String) throws {
    try withWorkplace { place in
      let outcome = try place.cocoop("\(line) --device cuda")
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("Error: libtorch \(Libtorch.version) in "), "\(outcome.errors)")
      #expect(
        outcome.errors.hasSuffix(
          "is a build for the CPU alone, and --device cuda was asked for. Install PyTorch \(Libtorch.version) for cuda with"
            + " pip, then LIBTORCH=…/site-packages/torch make build, or compute here with --device cpu.\n"),
        "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1)
      #expect(place.contents.isEmpty)
    }
  }

  @Test("a run records its device, and says so where it goes on elsewhere")
  func record() throws {
    try withWorkplace { place in
      try SmallTraining.prepare(place)
      let training = SmallTraining(method: "coop", views: "2", epochs: 8, batchSize: 3)
      let call = try place.start(training.options + ["--output", "run", "--checkpoint-every", "1", "--device", "cpu"])
      while call.process.isRunning, (try? place.losses(of: "run").count) ?? 0 < 4 { usleep(200) }
      kill(call.process.processIdentifier, SIGKILL)
      _ = try call.outcome()
      let record = try String(decoding: place.bytes("run/run.json"), as: UTF8.self)
      #expect(record.contains("\"device\" : \"cpu\""))
      try place.write(
        record.replacing("\"device\" : \"cpu\"", with: "\"device\" : \"cuda:0 (NVIDIA H200)\""), to: "run/run.json")
      let outcome = try place.cocoop(
        training.options.filter { $0 != "--quiet" } + ["--output", "run", "--resume", "--device", "cpu"])
      #expect(outcome.status == 0)
      #expect(
        outcome.errors.contains(
          "note: CoOp began on cuda:0 (NVIDIA H200) and continues on cpu: what it learns may differ in its last bits from a"
            + " run without a break.\n"), "\(outcome.errors)")
      #expect(try RunFolder(existing: place.file("run")).record().device == "cpu")
    }
  }
}
