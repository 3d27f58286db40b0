import ArgumentParser
import CLIP
import CStartup
import Foundation
import PromptLearning
import Runs
import Support
import Torch

struct CheckDevice: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare a device with the CPU, then measure its speed.",
    discussion: """
      Both towers, CoCoOp's logits, gradients and \(DeviceCourse.steps) training steps are computed on the CPU in \
      float32, and twice on the device in every precision. Then training steps, evaluation and memory are measured. \
      The exit status is 1 where the device differs from the CPU by more than is allowed, or does not repeat itself.

      With --device cpu it is a dry run, in which float32 differs by 0.

      EXAMPLE:
        cocoop check-device --device cpu --model tiny-clip
      """)

  @Option(
    help: "Check this model beside tiny-clip, by its name or path (default: ViT-B/16 with random weights).")
  var model: String?

  @Option(
    help: ArgumentHelp(
      "How many class names to measure with, as benchmark takes them; with the first number an evaluation, too.",
      valueName: "list"))
  var classes = CommaList([50, 500])

  @Option(name: .shortAndLong, help: ArgumentHelp("Write the JSON document here, too.", valueName: "file"))
  var output: String?

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    for count in classes.elements where !(1...BenchmarkNames.limit).contains(count) {
      throw ValidationError("--classes must be from 1 to \(BenchmarkNames.limit), found \(count).")
    }
  }

  func run() throws {
    let device = try compute.apply(quiet: printing.quiet)
    let report = try DeviceReport(
      of: backbones(), on: device, classCounts: classes.elements, within: { compute.budget(on: $0) },
      remark: { printing.remark($0) })
    try printing.print(report) { report.text }
    if let output {
      try AtomicFile.write(JSONEncoder.readable.encode(report) + Data("\n".utf8), to: URL(filePath: output))
    }
    if let fault = report.comparisons.lazy.compactMap({ $0.fault(on: device) }).first { throw fault }
  }

  /// tiny-clip and one other; tiny-clip alone where that is the other.
  private func backbones() -> [BenchmarkBackbone] {
    let first = BenchmarkBackbone.checkpoint("tiny-clip")
    guard let model else { return [first, .random(.viTB16)] }
    return model == "tiny-clip" ? [first] : [first, .checkpoint(model)]
  }
}

/// The output of `check-device`.
struct DeviceReport: Encodable {
  let version = COCOOP_VERSION
  let libtorch = Libtorch.version
  /// The device, with its name where it has one.
  let device: String
  let comparisons: [DeviceComparison]
  let figures: [SpeedBenchmark]
  /// What to know of the figures, and what was left out: sentences without their full stops.
  let notes: [String]

  /// - Parameters:
  ///   - classCounts: the numbers of class names with which steps are measured; with the first of them, evaluations too.
  ///   - budget: the memory of a pass on a device, asked for when a model is loaded.
  ///   - remark: told what is computed now.
  /// - Throws: what loading and computing throw.
  init(
    of backbones: [BenchmarkBackbone], on device: Device, classCounts: [Int],
    within budget: (Device) -> MemoryBudget, remark: (String) -> Void
  ) throws {
    var comparisons: [DeviceComparison] = []
    var figures: [SpeedBenchmark] = []
    var notes =
      device.isAccelerator
      ? [] : ["On the CPU the memory of a step is what the process grew by, less where an earlier step had grown it"]
    if let reason = device.recorderFailure { notes.append("Training steps are not recorded: \(reason)") }
    for backbone in backbones {
      let cpu = try backbone.model(precision: .float32, on: .cpu)
      remark("\(cpu.name): computing on the CPU in float32")
      let expected = try DeviceCourse(of: cpu, within: budget(.cpu))
      if backbone.isRandom { notes.append("\(cpu.name) has random weights") }
      for precision in Precision.allCases {
        if let problem = precision.problem(on: device) {
          notes.append("\(cpu.name) in \(precision.rawValue) is left out: \(problem)")
          continue
        }
        let clip = try backbone.model(precision: precision, on: device)
        remark("\(clip.name), \(precision.rawValue): comparing \(device) with the CPU")
        comparisons.append(try DeviceComparison(of: clip, with: expected, within: budget(device)))
        for (index, count) in classCounts.enumerated() {
          remark("\(clip.name), \(precision.rawValue): measuring with \(count) class names")
          figures.append(
            try SpeedBenchmark(
              of: clip, classNames: BenchmarkNames.first(count), images: 1, photo: Benchmark.photo,
              isTextOnly: index > 0, within: budget(device)))
        }
      }
    }
    (self.device, self.comparisons, self.figures, self.notes) = (device.title, comparisons, figures, notes)
  }

  /// Two tables in Markdown.
  var text: String {
    func number(_ value: Double?, _ format: String) -> String { value.map { String(format: format, $0) } ?? "–" }
    func share(_ value: Float, digits: Int) -> String {
      value == 0 ? "0" : String(format: "%.\(digits)e", value).replacing("e-0", with: "e-")
    }
    var lines = [
      "cocoop \(version), libtorch \(libtorch), \(device) beside the CPU in float32", "",
      "| model | precision | stage | difference | allowed | two runs |", "|---|---|---|---:|---:|---|",
    ]
    lines += comparisons.flatMap { comparison in
      comparison.stages.map { row in
        let difference = row.difference.map { share($0, digits: 1) } ?? "no number"
        return "| \(comparison.model) | \(comparison.precision.rawValue) | \(row.stage.rawValue) | \(difference) | "
          + "\(share(row.bound, digits: 0)) | \(row.isRepeatable ? "equal bits" : "other bits") |"
      }
    }
    let recorded = comparisons.compactMap { comparison in
      comparison.isAsUnrecorded.map {
        "\(comparison.model) in \(comparison.precision.rawValue): \($0 ? "equal bits" : "other bits")"
      }
    }
    if !recorded.isEmpty {
      lines += ["", "Recorded training steps beside those that are not: \(recorded.joined(separator: "; "))."]
    }
    lines += [
      "",
      "| model | precision | class names | training step | … not recorded | memory of the step | forward | photos, features at hand |",
      "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += figures.map { figures in
      "| \(figures.backbone) | \(figures.precision.rawValue) | \(figures.classes) | "
        + number(1000 * figures.textTrainStepSeconds, "%.2f ms") + " | "
        + number(figures.unrecordedTextTrainStepSeconds.map { 1000 * $0 }, "%.2f ms") + " | "
        + number(figures.textTrainMemoryMiB, "%.0f MiB") + " | "
        + number(1000 * figures.textForwardSeconds, "%.2f ms") + " | "
        + number(figures.cachedEvaluationImagesPerSecond, "%.0f/s") + " |"
    }
    if !notes.isEmpty { lines += ["", notes.map { "\($0)." }.joined(separator: " ")] }
    return lines.joined(separator: "\n")
  }
}
