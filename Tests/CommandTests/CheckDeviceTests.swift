import cocoop
import Foundation
import Runs
import Testing
import TestSupport
import Torch

@Suite("A device is held against the CPU and measured by one command, which its dry run on the CPU proves")
struct CheckDeviceTests {
  /// The part of `check-device --json` that the tests read.
  private struct Report: Decodable {
    struct Comparison: Decodable {
      struct Row: Decodable {
        let stage: String
        let difference: Float?
        let bound: Float
        let isRepeatable: Bool
      }
      let model, precision: String
      let stages: [Row]
    }
    struct Figures: Decodable {
      let backbone, precision, device: String
      let classes: Int
      let textTrainStepSeconds: Double
      let textTrainMemoryMiB, cachedEvaluationImagesPerSecond: Double?
    }
    let libtorch, device: String
    let comparisons: [Comparison]
    let figures: [Figures]
  }

  @Test("on the CPU float32 differs by nothing and repeats itself, and every figure is there")
  func dryRun() throws {
    try withWorkplace { place in
      let outcome = try place.cocoop(
        "check-device --device cpu --model tiny-clip --classes 4,6 --output a.json --json --quiet")
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      let report: Report = try outcome.json()
      #expect(report.device == "cpu" && report.libtorch == Libtorch.version)
      let exact = try #require(report.comparisons.first)
      #expect(exact.model == "tiny-clip" && exact.precision == "float32")
      #expect(
        exact.stages.map(\.stage) == [
          "image features", "class features", "logits", "gradients", "losses of the steps", "logits after the steps",
        ])
      #expect(exact.stages.allSatisfy { $0.difference == 0 && $0.bound == 1e-4 && $0.isRepeatable })
      let precisions = Precision.allCases.filter(\.isAvailable).map(\.rawValue)
      #expect(report.comparisons.map(\.precision) == precisions)
      #expect(report.figures.map(\.precision) == precisions.flatMap { [$0, $0] })
      #expect(report.figures.allSatisfy { $0.device == "cpu" && $0.textTrainStepSeconds > 0 })
      #expect(report.figures.prefix(2).map(\.classes) == [4, 6])
      #expect((report.figures.first?.cachedEvaluationImagesPerSecond ?? 0) > 0)
      #expect(report.figures.allSatisfy { $0.textTrainMemoryMiB != nil })
      #expect(try String(decoding: place.bytes("a.json"), as: UTF8.self) == outcome.output)
    }
  }

  @Test("there are as many names to measure with as half of ImageNet's, each once")
  func names() throws {
    let names = try BenchmarkNames.first(BenchmarkNames.limit)
    #expect(names.count == 500 && Set(names.map { $0.lowercased() }).count == 500)
    #expect(try names.prefix(3) == ["face", "leopard", "motorbike"] && BenchmarkNames.first(2) == ["face", "leopard"])
  }

  @Test("benchmark takes a device too, and more names than Caltech101 has")
  func benchmark() throws {
    try withWorkplace { place in
      let outcome = try place.cocoop(
        "benchmark --backbone tiny-clip --classes 101 --text-only --device cpu --json --quiet")
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      struct Figures: Decodable {
        let device: String
        let classes: Int
      }
      let figures: Figures = try outcome.json()
      #expect(figures.device == "cpu" && figures.classes == 101)
    }
  }
}

@Suite("The kit for a machine with a GPU, and PyTorch with CUDA, are refused or fetched in one line")
struct DeviceKitTests {
  private static let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
    .standardizedFileURL

  /// The launcher of the kit, with the built tool, before a libtorch.
  private func start(_ arguments: [String], libtorch: String?, built: String, in place: Workplace) throws -> Outcome {
    try place.write(built + "\n", to: "lib/cocoop/libtorch")
    let script = """
      mkdir -p bin lib/cocoop/bin; cp "$0" bin/cocoop; ln -sf "$1" lib/cocoop/bin/cocoop; shift; exec bin/cocoop "$@"
      """
    return try place.start(
      arguments, under: ["sh", "-c", script, Self.package.appending(path: "Deploy/launcher").path],
      environment: ["LIBTORCH": libtorch ?? ""]
    ).outcome()
  }

  private static let libtorch = URL(filePath: Libtorch.folder).deletingLastPathComponent().path
  private static let minor = Libtorch.version.split(separator: ".").prefix(2).joined(separator: ".")

  @Test("the kit starts with the libtorch that LIBTORCH names")
  func launcher() throws {
    try withWorkplace { place in
      let outcome = try start(["--version"], libtorch: Self.libtorch, built: Self.minor, in: place)
      #expect(try outcome.status == 0 && outcome.output == place.cocoop("--version").output, "\(outcome.errors)")
    }
  }

  @Test("a libtorch that is missing, is none or is of another version is refused in one line")
  func refusals() throws {
    try withWorkplace { place in
      let remedy = "Install it ('pip install torch==9.1.0') and name its folder: LIBTORCH=…/site-packages/torch.\n"
      let none = try start([], libtorch: nil, built: "9.1", in: place)
      #expect(none.status == 1 && none.output.isEmpty)
      #expect(
        none.errors == "Error: LIBTORCH is not set, and this cocoop uses the libraries of a PyTorch 9.1. " + remedy)
      let empty = try start([], libtorch: place.url.path, built: "9.1", in: place)
      #expect(empty.status == 1)
      #expect(empty.errors == "Error: LIBTORCH=FOLDER has no lib/libtorch_cpu.so. " + remedy)
      let other = try start([], libtorch: Self.libtorch, built: "9.1", in: place)
      #expect(other.status == 1)
      #expect(
        other.errors
          == "Error: LIBTORCH=\(Self.libtorch) is PyTorch \(Libtorch.version), and this cocoop was built for 9.1. "
          + remedy)
    }
  }

  /// A copy of the setup script in a folder of its own, with programs that stand for the system's.
  private func setup(
    _ arguments: [String], programs: [String: String], in place: Workplace
  ) throws -> Outcome {
    for (name, text) in programs {
      let file = try place.write("#!/bin/sh\n\(text)\n", to: "bin/\(name)")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    }
    for name in ["setup", "cuda.txt"] {
      try place.write(Data(contentsOf: Self.package.appending(path: "Scripts/\(name)")), to: "Scripts/\(name)")
    }
    // The tool's path comes before the arguments, and is the script's name.
    let script = "PATH=$PWD/bin:$PATH exec bash Scripts/setup \"$@\""
    return try place.start(arguments, under: ["sh", "-c", script], environment: ["LIBTORCH": ""]).outcome()
  }

  private static let system = ["uname": "case $1 in -sm) echo Linux x86_64 ;; *) echo Linux ;; esac"]

  @Test("setup --cuda asks for room first", .enabled(if: isLinux, "the script's messages for Linux"))
  func room() throws {
    try withWorkplace { place in
      let programs = Self.system.merging(["df": "echo title; echo disk 1 1 3000000 1 /"]) { $1 }
      let outcome = try setup(["--cuda"], programs: programs, in: place)
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(
        outcome.errors.hasPrefix("setup: FOLDER has 3 GB free, and PyTorch with CUDA needs "), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1 && !place.exists(".libtorch-cuda"))
    }
  }

  @Test("setup --cuda that cannot fetch says why in one line, and builds don't take what is incomplete")
  func unfetched() throws {
    try withWorkplace { place in
      // Makes an environment whose pip finds nothing.
      let python = """
        [ "$1 $2" = "-m venv" ] || exit 0
        mkdir -p "$3/bin" "$3/lib/python3.11/site-packages/torch"
        printf '#!/bin/sh\\necho "ERROR: No matching distribution found for torch===2.13.0"\\nexit 1\\n' >"$3/bin/python"
        chmod +x "$3/bin/python"
        """
      let programs = Self.system.merging(["python3": python, "df": "echo title; echo disk 1 1 90000000 1 /"]) { $1 }
      let outcome = try setup(["--cuda"], programs: programs, in: place)
      #expect(outcome.status == 1)
      #expect(
        outcome.errors
          == "setup: pip could not install PyTorch 2.13.0 with CUDA: ERROR: No matching distribution found for"
          + " torch===2.13.0\n")
      #expect(outcome.output.hasPrefix("setup: downloading PyTorch 2.13.0 with CUDA: "))
      #expect(!place.exists(".libtorch-cuda/requirements.txt") && !place.exists(".libtorch/libtorch.pc"))
      let other = try setup(["--gpu"], programs: programs, in: place)
      #expect(other.errors == "setup: there is no option '--gpu'. Usage: Scripts/setup [--cuda]\n")
    }
  }

  #if os(Linux)
    private static let isLinux = true
  #else
    private static let isLinux = false
  #endif
}
