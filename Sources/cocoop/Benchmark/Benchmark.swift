import ArgumentParser
import Embedded
import Foundation
import PromptLearning
import Runs
import Torch

struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure the speed of prompt learning on this machine.",
    discussion: """
      EXAMPLE:
        cocoop benchmark --backbone tiny-clip --classes 10
      """)

  @Option(help: "tiny-clip, or with random weights one of OpenAI's: RN50, RN101, RN50x4, …, ViT-B/16, ViT-L/14.")
  var backbone = "ViT-B/16"

  @Option(
    help: ArgumentHelp(
      "How many class names: the first of Caltech101's, above 100 those of other published split files too, at most "
        + "\(BenchmarkNames.limit).", valueName: "n"))
  var classes = 50

  @Option(help: ArgumentHelp("The classes of a file with one name a line instead.", valueName: "file"))
  var classesFile: String?

  @Option(help: ArgumentHelp("Images a step (default: 1, or the method's).", valueName: "n"))
  var images: Int?

  @Option(help: "Measure a training step of this method instead, such as maple.")
  var method: PromptLearning.Method?

  @OptionGroup var products: PrecisionOption

  @Flag(help: "Measure the fast mode too, which expands all classes first.")
  var fast = false

  @Flag(help: "Measure the text side alone.")
  var textOnly = false

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard (1...BenchmarkNames.limit).contains(classes) else {
      throw ValidationError("--classes must be from 1 to \(BenchmarkNames.limit), found \(classes).")
    }
    if let images, !(1...256).contains(images) {
      throw ValidationError("--images must be from 1 to 256, found \(images).")
    }
    guard method == nil || !(fast || textOnly) else {
      throw ValidationError("--method measures one step, without --fast and --text-only.")
    }
  }

  func run() throws {
    let backbone = try BenchmarkBackbone(named: backbone)
    let device = try compute.apply(quiet: printing.quiet)
    let listed = try ClassNames(list: nil, file: classesFile)?.names
    let names = try listed ?? BenchmarkNames.first(classes)
    let clip = try backbone.model(precision: products.precision, on: device)
    let budget = compute.budget(on: device)
    if let method {
      let figures = try MethodBenchmark(
        method, of: clip, classNames: names, images: images, photo: Self.photo, within: budget)
      return try printing.print(figures) { figures.text }
    }
    let figures = try SpeedBenchmark(
      of: clip, classNames: names, images: images ?? 1, photo: Self.photo, isTextOnly: textOnly, measuresFastMode: fast,
      within: budget)
    let result = Result(
      figures: figures, startToPredictionSeconds: textOnly ? nil : try Self.startToPrediction(on: device))
    try printing.print(result) { Self.text(result) }
  }

  /// The output of `benchmark --json`.
  struct Result: Encodable {
    let figures: SpeedBenchmark
    /// The seconds from the start of a process to its answer for one photo, with tiny-clip.
    let startToPredictionSeconds: Double?

    private enum CodingKeys: CodingKey { case startToPredictionSeconds }

    func encode(to encoder: any Encoder) throws {
      try figures.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(startToPredictionSeconds, forKey: .startToPredictionSeconds)
    }
  }

  /// The photo that is decoded and named.
  static let photo = Embedded.openclipart.appending(path: "images/bird/000.jpg")

  /// The median of five processes like this one that predict one photo.
  private static func startToPrediction(on device: Device) throws -> Double {
    let times = try (0..<5).map { _ in
      let process = Process()
      process.executableURL = Bundle.main.executableURL
      process.arguments = [
        "predict", "--model", "tiny-clip", "--classes", "bird,cat", "--quiet", "--device", "\(device)",
        photo.path,
      ]
      process.standardOutput = FileHandle.nullDevice
      let start = ContinuousClock.now
      try process.run()
      process.waitUntilExit()
      return (ContinuousClock.now - start).seconds
    }
    return times.sorted()[times.count / 2]
  }

  private static func text(_ result: Result) -> String {
    let figures = result.figures
    func milliseconds(_ seconds: Double) -> String { String(format: "%8.1f ms", 1000 * seconds) }
    func number(_ value: Double, _ digits: Int = 0) -> String { String(format: "%.\(digits)f", value) }
    var lines = [
      "\(figures.backbone), \(figures.classes) classes, \(figures.images) image(s) a step, "
        + "\(SpeedBenchmark.place(figures.device, threads: figures.threads)), libtorch \(figures.libtorch), "
        + figures.precision.rawValue,
      "prompt trie         \(figures.trieNodes) nodes instead of \(figures.densePositions) positions",
      "text training step  \(milliseconds(figures.textTrainStepSeconds))",
      "text forward        \(milliseconds(figures.textForwardSeconds))",
    ]
    if let fast = figures.fastMode {
      lines.append(
        "an image of 16      \(milliseconds(fast.exactSecondsPerImage)) exact, "
          + "\(milliseconds(fast.fastSecondsPerImage)) fast; alone \(milliseconds(fast.fastSecondsOfOneImage)) fast, "
          + "after \(number(fast.expansionSeconds, 1)) s for the expansion")
    }
    if let image = figures.imageForwardSeconds, let step = figures.trainStepSeconds {
      lines.append("image forward       \(milliseconds(image))")
      lines.append("whole step          \(milliseconds(step))  (a fresh view decoded, encoded, learned from)")
    }
    if let rate = figures.evaluationImagesPerSecond, let cached = figures.cachedEvaluationImagesPerSecond {
      lines.append("evaluation          \(number(rate, 1)) images/s, \(number(cached, 1)) with features at hand")
    }
    if let seconds = result.startToPredictionSeconds {
      lines.append("start to prediction \(milliseconds(seconds))  (a new process, tiny-clip, one photo)")
    }
    lines.append(
      "arithmetic          \(number(figures.textTrainGFLOPS)) of \(number(figures.gemmPeakGFLOPS)) GFLOP/s, "
        + "\(number(100 * figures.rooflineFraction)) % of the fastest matrix product")
    if let peak = figures.peakMemoryMiB, let step = figures.textTrainMemoryMiB {
      lines.append("peak memory         \(number(peak)) MiB, \(number(step)) of them for the text training step")
    }
    if let others = figures.coresOfOthers, others > SpeedBenchmark.quiet {
      lines.append(
        "not a quiet machine: other processes used \(number(others, 1)) cores meanwhile, so these figures are too slow")
    }
    return lines.joined(separator: "\n")
  }
}
