import ArgumentParser
import CLIP
import ClassificationMetrics
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a run on test images.",
    discussion: """
      An image that cannot be read is named on standard error at the end, the figures are those of the others, and the \
      exit status is 1.

      EXAMPLE:
        cocoop evaluate --run runs/first --classes new

      IN PARTS, ALSO ON SEVERAL MACHINES:
        cocoop evaluate --run runs/first --shard 1/2 --output shards
        cocoop evaluate --run runs/first --shard 2/2 --output shards
        cocoop evaluate --run runs/first --gather --output shards
      """)

  @Argument(help: ArgumentHelp("The same as --data.", valueName: "photos"))
  var photos: String?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp(
      "A folder of 'cocoop train' or 'prompts import', or prompts of the reference (with --model and --data).",
      valueName: "folder"))
  var runFolder: String

  @Option(help: "Another dataset than the run's.")
  var data: String?

  @OptionGroup var benchmarks: RootOption
  @OptionGroup var folders: DataFolderOptions

  @Option(help: "Another model path than the run's; it must hold the same weights.")
  var model: String?

  @OptionGroup var classes: ClassOptions

  @Option(help: "Which images: train, val or test.")
  var split = Split.test

  @OptionGroup var shards: ShardOptions
  @OptionGroup var answers: AnswerOptions
  @OptionGroup var photoOptions: PhotoOptions
  @OptionGroup var upright: OrientationOption
  @OptionGroup var pixels: PhotoDecodingOption
  @OptionGroup var products: PrecisionOption
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    let data = try GivenData.once(photos, option: data)
    let device = try compute.apply(quiet: printing.quiet)
    try fetching.fetch(model, quiet: printing.quiet)
    let loaded = try LoadedRun(
      folder: URL(filePath: runFolder), model: model, precision: products.precision, on: device
    ).answering(with: answers.values)
    printing.remarkAssumptions(of: loaded.clip)
    let choice = try classes.choice
    let dataset = try loaded.dataset(
      named: data, root: benchmarks.root, classes: choice, isRecursive: folders.recursive)
    printing.remark(dataset.notices.filter(\.isOfImages))
    if let leftOut = LeftOutClasses(dataset.otherClasses) { printing.remark("\(leftOut)") }
    let orientation = try upright.orientation ?? loaded.orientation(ofData: data, root: benchmarks.root)
    let reading = PhotoReading(
      limits: photoOptions.limits, orientation: orientation, decoding: pixels.photoDecoding ?? loaded.photoDecoding)
    if let shard = try shards.part.shard { return try measure(shard, of: loaded, on: dataset, reading) }
    let total = dataset.examples(in: split).count
    let (measurement, unreadable) =
      try shards.gather
      ? gathered(of: loaded, on: dataset, reading) : measured(loaded, on: dataset, reading)
    try printing.print(measurement.evaluation) { Self.text(measurement.evaluation) }
    if !unreadable.isEmpty {
      for problem in unreadable { StandardError.write("Error: \(problem)\n") }
      StandardError.write(
        "Error: \(unreadable.count) of \(total) images could not be read. The figures are those of the others, and are "
          + "not kept with the run.\n")
      throw ExitCode.failure
    }
    guard answers.values.isEmpty else {
      printing.remark("note: The evaluation is not kept, since --option says otherwise than the run.")
      return
    }
    do {
      try loaded.keep(measurement, on: dataset, classes: choice, split: split)
    } catch let error as WritingError {
      // The figures are there; a folder that is not writable is no failure.
      printing.remark("note: The evaluation is not kept. \(error.problem).")
    }
  }

  private typealias Measurement = (evaluation: Evaluation, answers: Answers)

  /// - Returns: also a sentence for each image that cannot be read.
  private func measured(
    _ run: LoadedRun, on dataset: Dataset, _ reading: PhotoReading
  ) throws -> (Measurement, unreadable: [String]) {
    let progress = printing.progress("encoding")
    let total = dataset.examples(in: split).count
    let (measurement, unreadable) = try run.measurementOfReadable(
      on: dataset, split: split, within: compute.budget(on: run.clip.device), cacheFolder: cache.folder,
      reading: reading
    ) {
      progress.update($0, of: total, unit: "images")
    }
    return (measurement, unreadable.map(\.error.explanation))
  }

  private func settings(
    of run: LoadedRun, on dataset: Dataset, _ reading: PhotoReading
  ) throws -> [String: String] {
    try run.settings(on: dataset, split: split, reading: reading, options: answers.values)
  }

  private func gathered(
    of run: LoadedRun, on dataset: Dataset, _ reading: PhotoReading
  ) throws -> (Measurement, unreadable: [String]) {
    let folder = try ShardFolder(gathering: shards.folder, of: "evaluate")
    // Nothing is computed here, so that the device is that of the shards.
    var settings = try settings(of: run, on: dataset, reading)
    settings["device"] = folder.job.settings["device"]
    try folder.check(settings)
    return try run.gathered(from: folder, on: dataset, split: split)
  }

  /// Measures one shard, unless that is done.
  private func measure(
    _ shard: Shard, of run: LoadedRun, on dataset: Dataset, _ reading: PhotoReading
  ) throws {
    let job = try ShardFolder.Job(
      command: "evaluate", shards: shard.count, settings: settings(of: run, on: dataset, reading))
    let folder = try ShardFolder(at: shards.folder, for: job)
    var result = ShardResult(shard, in: folder)
    if !folder.isDone(shard) {
      let progress = printing.progress("encoding")
      let total = EvaluationShare.images(
        of: shard, among: dataset.examples(in: split).count, on: run.clip.device
      ).count
      let share = try run.measure(
        shard, into: folder, on: dataset, split: split, within: compute.budget(on: run.clip.device),
        cacheFolder: cache.folder,
        reading: reading
      ) {
        progress.update($0, of: total, unit: "images")
      }
      for photo in share.unreadable { StandardError.write("Error: \(photo.error.explanation)\n") }
      result = ShardResult(shard, in: folder, photos: share.images.count, unreadable: share.unreadable.count)
    }
    try printing.print(result) { result.text }
  }

  private static func text(_ evaluation: Evaluation) -> String {
    let weakest = evaluation.perClass.filter { $0.images > 0 }.sorted { $0.accuracy < $1.accuracy }.prefix(5)
    let figure = { (value: Double) in String(format: "%.2f", value) }
    // Over seeds, the accuracy on new classes varies by several points more: the line states which variation it
    // measures.
    let interval = evaluation.interval95.map {
      "interval  95 % within \(figure($0.lower))–\(figure($0.upper)) %: the chance of these test images alone, not of the"
        + " training's seed\n"
    }
    let confused = evaluation.confused.prefix(3).map { "\($0.class) as \($0.prediction) \($0.images)" }
    let top5 = evaluation.tellsTop5 ? "top-5 \(figure(evaluation.top5)) %, " : ""
    return """
      accuracy  \(figure(evaluation.accuracy)) %  (\(top5)macro F1 \
      \(figure(evaluation.macroF1)) %, ECE \(figure(evaluation.ece)) %)
      \(interval ?? "")images    \(evaluation.images) of \(evaluation.classes) classes, \(String(format: "%.1f", evaluation.seconds)) s
      weakest   \(weakest.map { "\($0.class) \(String(format: "%.0f", $0.accuracy)) %" }.joined(separator: ", "))
      confused  \(confused.isEmpty ? "none" : confused.joined(separator: ", "))
      """
  }
}
