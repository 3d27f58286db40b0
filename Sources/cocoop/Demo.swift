import ArgumentParser
import CLIP
import Foundation
import PromptLearning
import Reproduction
import Runs

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train and compare zero-shot CLIP, CoOp and CoCoOp on the bundled images.",
    discussion: """
      Learns on half of the classes of openclipart and tests on both halves: the base-to-new protocol of the paper, \
      in about a minute. Runs are kept under runs/demo.

      EXAMPLE:
        cocoop demo --seeds 1,2,3
      """)

  @Option(help: ArgumentHelp("Seeds with commas between them.", valueName: "list"))
  var seeds = CommaList([1])

  @Option(
    help: ArgumentHelp(
      "Methods with commas between them; zero-shot-ensemble and linear-probe are the others.", valueName: "list"))
  var methods = CommaList(PromptLearning.Method.paperTable)

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var printing: OutputOptions

  struct Result: Encodable { let methods: [ResultRow] }

  func run() throws {
    let device = try compute.apply(quiet: printing.quiet)
    let comparison = try Comparison(
      .baseToNew, model: "tiny-clip", datasets: ["openclipart"], variants: methods.elements.map { Variant($0) },
      seeds: seeds.elements, adjustment: TrainingAdjustment(views: .stored(8)))
    let model = try ModelSource("tiny-clip")
    let (clip, identity) = try (model.load(on: device), model.identity())
    var experiment = try Reproduction(
      comparison, clip: clip, identity: identity, output: URL(filePath: "runs/demo"), layout: .flat,
      within: compute.budget(on: device), cacheFolder: cache.folder)
    printing.remark(
      "tiny-clip on openclipart: 28 classes, up to 16 photos each to learn from, seeds "
        + seeds.defaultValueDescription)
    let reporter = ReproductionReporter(printing)
    let outcomes = try Interruption().guarding(advice: "Start again with the same command") { interruption in
      try experiment { progress in
        try interruption.check()
        reporter.report(progress)
      }
    }
    let result = try ComparisonSummary(
      outcomes, of: comparison, model: identity, configuration: clip.configuration)
    try printing.print(Result(methods: result.rows)) { "\(BaseToNewTable(result.rows))" }
    guard result.isComplete else { throw ExitCode.failure }
    printing.remark(Self.nextSteps)
  }

  private static let nextSteps = """

    base: classes that were learned. new: classes that were not. H: harmonic mean of the two.

    Next:
      cocoop predict --run runs/demo/cocoop-seed1 Sources/Embedded/Resources/openclipart/images/bird/001.jpg
      cocoop train FOLDER-OF-CLASS-FOLDERS --output runs/mine
      cocoop models download ViT-B/16       a far stronger model than tiny-clip, for --model ViT-B/16
      cocoop help
    """
}
