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

  @Option(help: "tiny-clip, ViT-B/16 or ViT-B/32; the last two with random weights.")
  var backbone = "ViT-B/16"

  @Option(help: ArgumentHelp("The first of Caltech101's class names, at most 100.", valueName: "n"))
  var classes = 50

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
    let figures = try SpeedBenchmark(
      backbone: backbone, classNames: Array(CaltechNames.all.prefix(classes)), images: images,
      photo: Embedded.openclipart.appending(path: "images/bird/000.jpg"))
    try printing.print(figures) { Self.text(figures) }
  }

  private static func text(_ figures: SpeedBenchmark) -> String {
    func milliseconds(_ seconds: Double) -> String { String(format: "%8.1f ms", 1000 * seconds) }
    return """
      \(figures.backbone), \(figures.classes) classes, \(figures.images) image(s) a step, \(figures.threads) threads, \
      libtorch \(figures.libtorch)
      prompt trie         \(figures.trieNodes) nodes instead of \(figures.densePositions) positions
      text training step  \(milliseconds(figures.textTrainStepSeconds))
      text forward        \(milliseconds(figures.textForwardSeconds))
      image forward       \(milliseconds(figures.imageForwardSeconds))
      whole step          \(milliseconds(figures.trainStepSeconds))  (a fresh view decoded, encoded, learned from)
      arithmetic          \(String(format: "%.0f", figures.textTrainGFLOPS)) of \
      \(String(format: "%.0f", figures.gemmPeakGFLOPS)) GFLOP/s, \
      \(String(format: "%.0f", 100 * figures.rooflineFraction)) % of this machine's matrix product
      peak memory         \(String(format: "%.0f", figures.peakMemoryMiB)) MiB
      """
  }
}
