import ArgumentParser
import Embedded
import Experiments
import Foundation

struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure the speed of prompt learning on this machine.",
    discussion: """
      EXAMPLE:
        cocoop benchmark --backbone tiny-clip --classes 10
      """)

  @Option(help: "tiny-clip, or with random weights one of OpenAI's: RN50, RN101, RN50x4, …, ViT-B/16, ViT-L/14.")
  var backbone = "ViT-B/16"

  @Option(help: ArgumentHelp("The first of Caltech101's class names, at most 100.", valueName: "n"))
  var classes = 50

  @Option(help: ArgumentHelp("The classes of a file with one name a line instead.", valueName: "file"))
  var classesFile: String?

  @Option(help: ArgumentHelp("Images a step.", valueName: "n"))
  var images = 1

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard (1...100).contains(classes) else {
      throw ValidationError("--classes must be from 1 to 100, found \(classes).")
    }
    guard (1...256).contains(images) else { throw ValidationError("--images must be from 1 to 256, found \(images).") }
  }

  func run() throws {
    try compute.apply()
    let listed = try ClassNames(list: nil, file: classesFile)?.names
    let figures = try SpeedBenchmark(
      backbone: backbone, classNames: listed ?? Array(CaltechNames.all.prefix(classes)), images: images,
      photo: Embedded.openclipart.appending(path: "images/bird/000.jpg"), within: compute.budget)
    let result = Result(figures: figures, startToPredictionSeconds: try Self.startToPrediction())
    try printing.print(result) { Self.text(result) }
  }

  /// What `benchmark --json` prints.
  struct Result: Encodable {
    let figures: SpeedBenchmark
    /// From the start of a process to its answer for one photo, with tiny-clip.
    let startToPredictionSeconds: Double

    private enum CodingKeys: CodingKey { case startToPredictionSeconds }

    func encode(to encoder: any Encoder) throws {
      try figures.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(startToPredictionSeconds, forKey: .startToPredictionSeconds)
    }
  }

  /// The median of five processes like this one that name one photo.
  private static func startToPrediction() throws -> Double {
    let times = try (0..<5).map { _ in
      let process = Process()
      process.executableURL = Bundle.main.executableURL
      process.arguments = [
        "predict", "--model", "tiny-clip", "--classes", "bird,cat", "--quiet",
        Embedded.openclipart.appending(path: "images/bird/000.jpg").path,
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
    return """
      \(figures.backbone), \(figures.classes) classes, \(figures.images) image(s) a step, \(figures.threads) threads, \
      libtorch \(figures.libtorch)
      prompt trie         \(figures.trieNodes) nodes instead of \(figures.densePositions) positions
      text training step  \(milliseconds(figures.textTrainStepSeconds))
      text forward        \(milliseconds(figures.textForwardSeconds))
      image forward       \(milliseconds(figures.imageForwardSeconds))
      whole step          \(milliseconds(figures.trainStepSeconds))  (a fresh view decoded, encoded, learned from)
      evaluation          \(String(format: "%8.1f", figures.evaluationImagesPerSecond)) images/s, \
      \(String(format: "%.1f", figures.cachedEvaluationImagesPerSecond)) with features at hand
      start to prediction \(milliseconds(result.startToPredictionSeconds))  (a new process, tiny-clip, one photo)
      arithmetic          \(String(format: "%.0f", figures.textTrainGFLOPS)) of \
      \(String(format: "%.0f", figures.gemmPeakGFLOPS)) GFLOP/s, \
      \(String(format: "%.0f", 100 * figures.rooflineFraction)) % of this machine's matrix product
      peak memory         \(String(format: "%.0f", figures.peakMemoryMiB)) MiB, \
      \(String(format: "%.0f", figures.textTrainMemoryMiB)) of them for the text training step
      """
  }
}
