import ArgumentParser
import Experiments
import Foundation
import PromptLearning

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

  @Option(help: ArgumentHelp("Methods with commas between them; zero-shot-ensemble and linear-probe are the others.", valueName: "list"))
  var methods = CommaList<PromptLearning.Method>([.zeroShot, .coop, .cocoop])

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var printing: OutputOptions

  struct Result: Encodable { let methods: [MethodResult] }

  func run() throws {
    try compute.apply()
    let output = URL(filePath: "runs/demo")
    for method in methods.elements {
      for seed in seeds.elements {
        _ = try BaseToNew.folder(of: method, seed: seed, under: output, existing: .replace)
      }
    }
    let model = try ModelSource("tiny-clip")
    let dataset = try DataSource("openclipart").load()
    printing.remark(
      "tiny-clip on openclipart: \(dataset.classNames.count) classes, up to 16 photos each to learn from, seeds "
        + seeds.defaultValueDescription)
    let encoding = printing.progress("encoding test images")
    let results = try Interruption().guarding(advice: "Start again with the same command") { interruption in
      let experiment = try BaseToNew(
        on: dataset, clip: model.load(), identity: model.identity(), output: output,
        within: compute.budget, cacheFolder: compute.cacheFolder
      ) { progress in
        try interruption.check()
        if case .encoding(let done, let total) = progress { encoding.update(done, of: total, unit: "images") }
      }
      return try methods.elements.map { method in
        let rows = try seeds.elements.map { seed in
          try result(of: method, seed: seed, in: experiment, interruption: interruption)
        }
        return MethodResult(rows, method: method, dataset: dataset.name)
      }
    }
    try printing.print(Result(methods: results)) { "\(BaseToNewTable(results))" }
    printing.remark(Self.nextSteps)
  }

  private func result(
    of method: PromptLearning.Method, seed: Int, in experiment: BaseToNew, interruption: Interruption
  ) throws -> SeedResult {
    var training = method.defaultTraining
    training?.views = .stored(8)
    let configuration = RunConfiguration(
      model: "tiny-clip", data: "openclipart", method: method, seed: seed, training: training)
    let reporter = TrainingReporter("\(method.title), seed \(seed)", epochs: training?.epochs ?? 0, printing)
    return try experiment.result(of: configuration, existing: .replace) { progress in
      try interruption.check()
      if case .training(_, _, let step) = progress { reporter.report(step) }
    }
  }

  private static let nextSteps = """

    base: classes that were learned. new: classes that were not. H: harmonic mean of the two.

    Next:
      cocoop predict --run runs/demo/cocoop-seed1 Sources/Embedded/Resources/openclipart/images/bird/001.jpg
      cocoop train --data FOLDER-OF-CLASS-FOLDERS --classes all --output runs/mine
      cocoop help
    """
}
