import ArgumentParser
import CLIP
import Datasets
import Foundation
import PromptLearning
import Reproduction
import Runs
import Support

extension EvaluationProtocol: ExpressibleByArgument {}
extension Ablation: ExpressibleByArgument {}

struct Reproduce: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one of the paper's comparisons, on any datasets, and print its table.",
    discussion: """
      What is done is kept under --output, and the same command goes on where an earlier one stopped. Several \
      processes may share an --output: each does what no other is doing, and all print the whole table. On machines \
      whose common file system has no locks, --shard divides the units instead; when all are done, the same command \
      without it prints the table.

      EXAMPLE:
        cocoop reproduce base-to-new --datasets openclipart --epochs 1
      """)

  @Argument(help: "base-to-new, cross-dataset or domain-generalization.")
  var kind: EvaluationProtocol

  @Option(help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
  var model = "tiny-clip"

  @Option(
    help: ArgumentHelp(
      "Datasets with commas between them, as --data takes them (default: the paper's). Of a transfer, what is tested on.",
      valueName: "list"))
  var datasets: CommaList<String>?

  @Option(help: "What a transfer learns from (default: imagenet).")
  var source: String?

  @OptionGroup var benchmarks: RootOption
  @OptionGroup var folders: DataFolderOptions

  @Option(
    help: ArgumentHelp(
      "Methods with commas between them: \(PromptLearning.Method.all.map(\.id).joined(separator: ", ")) "
        + "(default: zero-shot, coop, cocoop, linear-probe).", valueName: "list"))
  var methods: CommaList<String>?

  @Option(
    help: "One of the paper's ablations in place of --methods: context-length, initialisation or context-size.")
  var ablation: Ablation?

  @Option(help: ArgumentHelp("Seeds with commas between them.", valueName: "list"))
  var seeds = CommaList([1, 2, 3])

  @Option(help: ArgumentHelp("Photos of each class.", valueName: "k"))
  var shots = 16

  @OptionGroup var training: TrainingOptions

  @Option(
    help: ArgumentHelp("The folder of the units and their results (default: runs/PROTOCOL).", valueName: "folder"))
  var output: String?

  @OptionGroup var part: ShardOption

  @Flag(help: "Print what there is to do and what it will take, and do nothing.")
  var plan = false

  @Flag(help: "Show 95 % intervals of the means (Student's t) in place of standard deviations.")
  var ci95 = false

  @OptionGroup var photoOptions: PhotoOptions
  @OptionGroup var products: PrecisionOption
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    if ablation != nil, methods != nil { throw ValidationError("--ablation and --methods exclude each other.") }
    _ = try namedMethods
    guard Set(seeds.elements).count == seeds.elements.count else {
      throw ValidationError("--seeds must name each seed once, found \(seeds.defaultValueDescription).")
    }
    guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
    if source != nil, !kind.transfers {
      throw ValidationError("--source is for cross-dataset and domain-generalization: base-to-new has none.")
    }
    if benchmarks.root == nil, datasets == nil {
      throw ValidationError("Give --datasets, or --root for the paper's datasets.")
    }
    if benchmarks.root == nil, kind.transfers, source == nil {
      throw ValidationError("Give --source, or --root for the paper's, which is imagenet.")
    }
  }

  /// - Throws: `ValidationError` with the nearest name.
  private var namedMethods: [PromptLearning.Method] {
    get throws {
      guard let methods else { return PromptLearning.Method.paperTable + [.linearProbe] }
      return try PromptLearning.Method.named(methods.elements)
    }
  }

  func run() throws {
    let device = try compute.apply(quiet: printing.quiet)
    let folder = URL(filePath: output ?? "runs/\(kind.rawValue)")
    try Reproduction.check(output: folder)
    try fetching.fetch(model, quiet: printing.quiet)
    let location = try ModelSource(model)
    let clip = try location.load(precision: products.precision, on: device)
    let identity = try location.identity()
    let variants = try ablation?.variants(for: clip.configuration) ?? namedMethods.map { Variant($0) }
    let comparison = try Comparison(
      kind, model: model, datasets: datasets?.elements, source: source, root: benchmarks.root, variants: variants,
      seeds: seeds.elements, shots: shots, context: training.runContext, options: training.optionValues,
      adjustment: training.adjustment, precision: products.precision, isRecursive: folders.recursive)
    printing.remarkAssumptions(of: clip)
    for notice in comparison.notices { printing.remark("note: \(notice).") }
    var reproduction = try Reproduction(
      comparison, clip: clip, identity: identity, output: folder, within: compute.memoryBudget,
      cacheFolder: cache.folder, limits: photoOptions.limits, shard: part.shard)
    let interruption = Interruption()
    try interruption.guarding(advice: "What is done is kept: go on with the same command") { interruption in
      if plan {
        printing.remark("Measuring a few steps of each method …")
        let plan = try reproduction.plan { try interruption.check() }
        try printing.print(plan) { plan.text }
        return
      }
      let reporter = ReproductionReporter(printing)
      let outcomes = try reproduction { progress in
        reporter.report(progress)
        try interruption.check()
      }
      if let shard = reproduction.shard { return try finish(shard, outcomes) }
      let result = try ComparisonSummary(
        outcomes, of: comparison, model: identity, configuration: clip.configuration)
      let text = ComparisonText(result, showsIntervals: ci95)
      try reproduction.write(result, text)
      try printing.print(result) { text.terminal }
      if !result.isComplete { throw ExitCode.failure }
    }
  }
}

extension Reproduce {
  /// Says what a shard has done. The table is that of all shards, and is not printed.
  private func finish(_ shard: Shard, _ outcomes: [TrialResult]) throws {
    let failed = outcomes.count { !$0.isComplete }
    let units = "\(outcomes.count) \(outcomes.count == 1 ? "unit" : "units")"
    let result = ReproductionShard(
      shard: shard.number, shards: shard.count, units: outcomes.count - failed, failed: failed)
    try printing.print(result) {
      "shard \(shard): \(units)" + (failed > 0 ? ", of which \(failed) failed" : " done")
    }
    printing.remark("When all shards are done, the same command without --shard prints the table.")
    if failed > 0 { throw ExitCode.failure }
  }

  /// What a call with --shard prints.
  private struct ReproductionShard: Encodable { let shard, shards, units, failed: Int }
}

/// Shows the progress of a comparison.
final class ReproductionReporter {
  private let printing: OutputOptions
  private var unit: Trial?
  private var training: TrainingReporter?
  private var encoding: [String: ProgressLine] = [:]
  private var isWaiting = false
  private var told: Set<TrialResult.Failure> = []

  init(_ printing: OutputOptions) { self.printing = printing }

  func report(_ progress: Reproduction.Progress) {
    switch progress {
    case .encoding(let dataset, let done, let total):
      let line = encoding[dataset] ?? printing.progress("\(dataset), encoding test images")
      encoding[dataset] = line
      line.update(done, of: total, unit: "images")
    case .training(let unit, let step):
      if unit != self.unit {
        self.unit = unit
        training = TrainingReporter(unit.title, epochs: unit.configuration.training?.epochs ?? 0, printing)
      }
      training?.report(step)
    case .finished(let outcome, let number, let count, let isNew):
      isWaiting = false
      for failure in outcome.failures where told.insert(failure).inserted {
        printing.remark("\(failure.subject) failed: \(failure.reason)")
      }
      let figures = outcome.unit.tests.compactMap { test in
        outcome.accuracies[test].map {
          "\(test.classes == .all ? test.dataset : test.classes.rawValue) \(Self.text($0))"
        }
      }
      guard !figures.isEmpty else { return }
      let manner = isNew ? String(format: "%.1f s", outcome.seconds) : "done before"
      printing.remark(
        "[\(number)/\(count)] \(outcome.unit.title): \(figures.joined(separator: ", ")) (\(manner))")
    case .waiting(let units):
      if !isWaiting { printing.remark("Waiting for \(units) units that other processes are doing …") }
      isWaiting = true
    }
  }

  private static func text(_ accuracy: Double) -> String { String(format: "%.1f", accuracy) }
}
