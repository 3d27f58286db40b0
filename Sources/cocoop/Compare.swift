import ArgumentParser
import Datasets
import Foundation
import Images
import PromptLearning
import Reproduction
import Runs

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find out which method is best on your photos, for fixed and for new classes.",
    discussion: """
      Fixed classes: every method learns all classes and names held-out photos of them. New classes: every method that \
      can name others learns the first half of the classes and names photos of the second half. The winner of each is \
      held against every other method on the same photos by McNemar's test.

      Runs are kept under --output; the same command goes on where an earlier one stopped, and more seeds or methods \
      add to what is there.

      EXAMPLE:
        cocoop compare openclipart --methods zero-shot,linear-probe,cocoop --seeds 1 --epochs 2
      """)

  @Argument(help: ArgumentHelp("\(DataSource.forms).", valueName: "photos"))
  var photos: String

  @Option(help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
  var model = "tiny-clip"

  @OptionGroup var benchmarks: RootOption
  @OptionGroup var folders: DataFolderOptions

  @Option(help: ArgumentHelp("Methods with commas between them.", valueName: "list"))
  var methods = CommaList(["zero-shot", "linear-probe", "coop", "cocoop"])

  @Option(help: ArgumentHelp("Seeds with commas between them.", valueName: "list"))
  var seeds = CommaList([1, 2, 3])

  @Option(help: ArgumentHelp("Photos of each class to learn from.", valueName: "k"))
  var shots = 16

  @Option(help: ArgumentHelp("Passes over the photos (default: each method's own).", valueName: "n"))
  var epochs: Int?

  @Option(
    help: ArgumentHelp(
      "Random views of a photo: a number that is encoded once for all methods, or fresh at each use.",
      valueName: "fresh|n"))
  var imageViews = ImageViews.stored(8)

  @Option(help: ArgumentHelp("The folder of the runs and results (default: runs/compare-PHOTOS).", valueName: "folder"))
  var output: String?

  @OptionGroup var photoOptions: PhotoOptions
  @OptionGroup var pixels: PhotoDecodingOption
  @OptionGroup var products: PrecisionOption
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    _ = try PromptLearning.Method.named(methods.elements)
    guard Set(seeds.elements).count == seeds.elements.count else {
      throw ValidationError("--seeds must name each seed once, found \(seeds.defaultValueDescription).")
    }
    guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
  }

  func run() throws {
    let device = try compute.apply(quiet: printing.quiet)
    let photos = try MethodComparison.photos(photos, root: benchmarks.root, isRecursive: folders.recursive)
    let folder = URL(filePath: output ?? "runs/compare-\(photos.name)")
    try MethodComparison.check(output: folder)
    try fetching.fetch(model, quiet: printing.quiet)
    let source = try ModelSource(model)
    let clip = try source.load(precision: products.precision, on: device)
    var comparison = try MethodComparison(
      PromptLearning.Method.named(methods.elements), on: photos, data: self.photos, root: benchmarks.root,
      isRecursive: folders.recursive, model: model, seeds: seeds.elements, shots: shots,
      adjustment: TrainingAdjustment(epochs: epochs, views: imageViews), precision: products.precision,
      photoDecoding: pixels.photoDecoding ?? .exact, clip: clip, identity: source.identity(), output: folder,
      within: compute.memoryBudget, cacheFolder: cache.folder,
      limits: photoOptions.limits)
    printing.remarkAssumptions(of: clip)
    printing.remark(photos.notices)
    let interruption = Interruption()
    let result = try interruption.guarding(advice: "What is done is kept: go on with the same command") {
      interruption in
      var reporters: [MethodComparison.Question: ReproductionReporter] = [:]
      let questions = comparison
      let result = try comparison { question, progress in
        if reporters[question] == nil {
          printing.remark(questions.explanation(of: question))
          reporters[question] = ReproductionReporter(printing)
        }
        reporters[question]?.report(progress)
        try interruption.check()
      }
      try comparison.write(result)
      return result
    }
    try printing.print(result) { result.text }
    printing.remarkStrongerModel(than: model)
    if !result.isComplete { throw ExitCode.failure }
  }
}
