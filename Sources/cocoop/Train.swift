import Images
import ArgumentParser
import Datasets
import Foundation
import PromptLearning
import Runs
import Support
import Torch

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Learn prompts, or a linear probe, and keep them in a run folder.",
    discussion: """
      EXAMPLE:
        cocoop train openclipart --epochs 2 --output runs/first

      WHICH METHOD:
        linear-probe: classes that stay as they are. With tiny-clip and up to 16 photos of a class it was better
          there than prompts on most sets of photos tried, by 5 to 40 points; on one, of ten classes and 89 photos,
          no difference was found. Other CLIPs were not tried. It names no other class.
        cocoop: classes that you name later. With tiny-clip it named them better than zero-shot on one of four sets.
        zero-shot: learns nothing; it is what the others must beat.
        'cocoop compare PHOTOS' tries them on your photos.

      \(PromptLearning.Method.optionsHelp)
      """)

  @Argument(help: ArgumentHelp("The same as --data.", valueName: "photos"))
  var photos: String?

  @Option(help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
  var model = "tiny-clip"

  @Option(help: "\(DataSource.forms).")
  var data: String?

  @OptionGroup var benchmarks: RootOption
  @OptionGroup var folders: DataFolderOptions

  @Option(help: "How to learn; 'cocoop train --help' ends with the options of each method.")
  var method = PromptLearning.Method.standard

  @Option(
    help: ArgumentHelp(
      "A sample drawn elsewhere: the reference's shot_K-seed_S.pkl, or what 'datasets few-shot --json' prints.",
      valueName: "file"))
  var fewShotList: String?

  @Option(
    help: ArgumentHelp(
      "Sentences about each class, for \(PromptLearning.Method.readersOfSentences): JSON with a list of them by the name of"
        + " each class (default: templates with the name).",
      valueName: "file"))
  var sentences: String?

  @OptionGroup var sample: SampleOptions

  @Flag(help: "Train without the photos that cannot be read; run.json counts them.")
  var skipBroken = false

  @OptionGroup var training: TrainingOptions

  @Option(
    help: ArgumentHelp(
      "The run's folder (default: runs/DATA-METHOD-seedN, with the part of the classes after DATA).",
      valueName: "folder"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Write a checkpoint after this many steps, and after every epoch (default: as often as takes 1 % of the time).",
      valueName: "n"))
  var checkpointEvery: Int?

  @Option(
    help: ArgumentHelp(
      "The most memory that decoded photos may take, so that fresh views of them need no decoding, such as 4GiB, or 0 "
        + "(default: a quarter of what is free).", valueName: "bytes"))
  var photoMemory: PhotoMemoryLimit?

  @Flag(help: "Do not measure the run on held-out photos at its end.")
  var noTest = false

  @Flag(help: "Continue an interrupted run from its last checkpoint.")
  var resume = false

  @Flag(help: "Replace the run that is in the folder.")
  var force = false

  @OptionGroup var photoOptions: PhotoOptions
  @OptionGroup var upright: OrientationOption
  @OptionGroup var pixels: PhotoDecodingOption
  @OptionGroup var products: PrecisionOption
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var processing: ProcessOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    if resume, force { throw ValidationError("--resume and --force exclude each other.") }
    if sentences != nil, !method.readsSentences {
      throw ValidationError(
        "--sentences is for \(PromptLearning.Method.readersOfSentences), found --method \(method.id).")
    }
    if let checkpointEvery, checkpointEvery < 1 {
      throw ValidationError("--checkpoint-every must be 1 or more, found \(checkpointEvery).")
    }
  }

  /// The output of `train --json`.
  struct Result: Encodable {
    let run: String
    let method: PromptLearning.Method
    let classes: Int
    /// The other classes of the data.
    let otherClasses: [String]
    let images: Int
    let skippedPhotos: Int
    let seconds: Double
    /// The accuracy on held-out photos, in percent; `nil` where none were evaluated.
    let accuracy: Double?
    let interval95: Evaluation.Interval?
    /// The number of those photos.
    let testImages: Int?
  }

  /// The data, read once the command line is known to be right: a word after an unknown option looks like photos.
  private var givenData: String {
    get throws {
      guard let data = try GivenData.once(photos, option: data) else {
        throw ValidationError("Give the photos to learn from: 'cocoop train PHOTOS', or --data.")
      }
      return data
    }
  }

  func run() throws {
    let (data, process) = try (givenData, processing.launched())
    let sharing = process?.localSize ?? 1  // processes that share this machine's cores and memory
    let device =
      try process == nil
      ? compute.apply(quiet: printing.quiet) : compute.applyOnCPU("train on several processes", sharing: sharing)
    if let process {
      printing.remark("\(process.title.lowercased()), \(Threads.count == 1 ? "1 thread" : "\(Threads.count) threads")")
    }
    let processes = try processing.meet(as: process)
    let isFirst = processes.rank == 0
    // The first process speaks for all.
    let printing = isFirst ? printing : printing.silenced
    let dataSource = try DataSource(data, root: benchmarks.root, isRecursive: folders.recursive)
    let kept =
      fewShotList == nil && !method.isZeroShot ? dataSource.keptSample(shots: sample.shots, seed: sample.seed) : nil
    let (settings, steps) = try (
      MethodOptions(training.optionValues, for: method), training.training(for: method)
    )
    try fetching.fetch(model, quiet: printing.quiet)
    let source = try ModelSource(model)
    let whole = try dataSource.load(divided: sample.division)
    let choice = try sample.classes.choice ?? .all
    let names = try choice(whole).classNames
    if names.count == 1 { throw RunError.oneClass(names[0], of: data, isChosen: whole.classNames.count > 1) }
    let classSentences = try sentences.map { try ClassSentences(contentsOf: URL(filePath: $0)) }
    _ = try classSentences?.lists(for: names)
    let isChosen = if case .chosen = choice { names != whole.classNames } else { false }
    var configuration = RunConfiguration(
      model: model, data: data, root: benchmarks.root, isRecursive: folders.recursive,
      fewShotList: fewShotList ?? kept?.path, method: method, classes: choice.part ?? .all,
      chosenClasses: isChosen ? names : nil, shots: sample.shots, seed: sample.seed,
      divisionSeed: sample.divisionSeed, testsNothing: sample.test == .none, context: training.runContext,
      options: settings, sentences: classSentences.map(RunConfiguration.SentenceFile.init),
      precision: products.precision, training: steps,
      orientation: upright.orientation ?? dataSource.defaultOrientation,
      photoDecoding: pixels.photoDecoding ?? .exact)
    let place = URL(filePath: output ?? defaultOutput(whole, configuration))
    let folder =
      try isFirst
      ? RunFolder(creating: place, existing: resume ? .resume : force ? .replace : .refuse) : RunFolder(ofOthers: place)
    // What was begun goes on as it was; runs of before orientations ignore them.
    let begun = resume ? try BegunTraining(in: folder, toldBy: processes) : nil
    if let begun {
      if upright.orientation == nil { configuration.orientation = begun.orientation }
      if pixels.photoDecoding == nil { configuration.photoDecoding = begun.photoDecoding }
      try begun.check(products.precision, on: device)
    }
    let dataset = try begun?.divided(whole) ?? whole
    let run = try TrainingRun(
      configuration, clip: source.load(precision: products.precision, on: device), identity: source.identity(),
      dataset: dataset, folder: folder, brokenPhotos: skipBroken ? .skipped : .refused,
      within: compute.memoryBudget, cacheFolder: cache.folder, limits: photoOptions.limits,
      sentences: classSentences, sharing: sharing,
      photoMemory: photoMemory?.bytes ?? MemoryBudget.automaticForPhotos / sharing, processes: processes)
    printing.remarkAssumptions(of: run.clip)
    if let kept { printing.remark("note: The sample is the one that the reference kept, \(kept.path).") }
    remark(run, of: dataset, in: dataSource, printing)

    let reporter = TrainingReporter(method.title, epochs: configuration.training?.epochs ?? 0, printing)
    let again = "the same command"
    let interruption = Interruption()
    let (classifier, seconds) = try interruption.guarding(
      advice: folder.isResumable
        ? "\(reporter.standing)Go on with \(again) and --resume" : "Start again with \(again)"
    ) { interruption in
      try run(resuming: resume, checkpoints: checkpointEvery.map(CheckpointInterval.steps) ?? .automatic) { progress in
        reporter.report(progress)
        try interruption.check()
      }
    }
    // The others wait for the first to measure: where that one is lost, all are started again.
    guard isFirst else { return try processes.meet() }
    let path = folder.url.relativePath
    let evaluation = try interruption.guarding(
      advice: "The run is whole: measure it with 'cocoop evaluate --run \(path)'"
    ) { try noTest ? nil : heldOut(run, classifier, $0) }
    try processes.meet()
    let result = Result(
      run: path, method: method, classes: run.dataset.classNames.count, otherClasses: run.dataset.otherClasses,
      images: method.isZeroShot ? 0 : run.dataset.training.count, skippedPhotos: run.skipped.count, seconds: seconds,
      accuracy: evaluation?.accuracy, interval95: evaluation?.interval95, testImages: evaluation?.images)
    try printing.print(result) { Self.text(result) }
    printing.remark("next: cocoop predict --run \(path) photo.jpg")
    if method.learnsContexts {
      let root = benchmarks.root.map { " --root \($0)" } ?? ""
      printing.remark("the linear probe is often better on fixed classes: cocoop compare \(data)\(root)")
    }
    printing.remarkStrongerModel(than: model)
  }

  private func defaultOutput(_ data: Dataset, _ configuration: RunConfiguration) -> String {
    "runs/\(data.name)\(configuration.choice.folderPart)-\(method.id)-seed\(sample.seed)"
  }

  /// Prints how the photos are used, above all those that are not for training.
  ///
  /// - Parameter whole: the data with their splits.
  private func remark(_ run: TrainingRun, of whole: Dataset, in source: DataSource, _ printing: OutputOptions) {
    guard !method.isZeroShot else { return printing.remark(run.dataset.notices.filter(\.isOfImages)) }
    printing.remark(run.dataset.notices)
    if sample.test == .none, !whole.isUntested {
      printing.remark("note: The data has a test part, so that --test none changes nothing.")
    }
    if !run.skipped.isEmpty {
      printing.remark(
        "note: \(run.skipped.count == 1 ? "1 photo" : "\(run.skipped.count) photos") left out, because nothing reads"
          + " \(run.skipped.count == 1 ? "it" : "them"): \(Self.shortList(run.skipped)).")
    }
    // For a benchmark, few of many photos is the protocol.
    guard case .files = source.place else { return }
    let others = Set(run.dataset.otherClasses)
    let available = whole.training.count { !others.contains(whole.classNames[$0.label]) }
    let used = Set((run.dataset.training + run.dataset.validation).map(\.path))
    let left = whole.training.count { !others.contains(whole.classNames[$0.label]) && !used.contains($0.path) }
    let unused = left - run.skipped.count
    if unused > 0 {
      printing.remark("note: \(unused) of \(available) training photos are not learned from: more --shots take more.")
    }
  }

  /// The first of several sentences.
  private static func shortList(_ sentences: [String]) -> String {
    sentences.prefix(5).joined(separator: "; ") + (sentences.count > 5 ? "; …" : "")
  }

  /// The run's figures on the photos that it has not seen; `nil` where they cannot be had, which is said.
  private func heldOut(
    _ run: TrainingRun, _ classifier: any ImageClassifier, _ interruption: Interruption
  ) throws -> Evaluation? {
    let progress = printing.progress("\(method.title), naming held-out photos")
    let total = run.dataset.test.count
    do {
      let measured = try run.measureHeldOut(classifier) {
        progress.update($0, of: total, unit: "images")
        try interruption.check()
      }
      if let broken = measured?.unreadable, !broken.isEmpty {
        printing.remark(
          "note: \(broken.count) of \(total) held-out photos cannot be read. The accuracy is that of the others, and is not"
            + " kept with the run: \(Self.shortList(broken.map(\.error.problem))).")
      }
      return measured?.evaluation
    } catch let error as any UserFacingError {
      // The training is complete: a fault of other photos must not look like its failure.
      printing.remark("note: The run is not measured. \(error.explanation)")
      return nil
    }
  }

  private static func text(_ result: Result) -> String {
    let work =
      result.method.isZeroShot
      ? "is prepared for \(result.classes) classes" : "learned \(result.classes) classes from \(result.images) images"
    let learned =
      "\(result.method.title) \(work) in \(String(format: "%.1f", result.seconds)) s: \(result.run)"
      + (LeftOutClasses(result.otherClasses).map { " (\($0))" } ?? "")
    guard let accuracy = result.accuracy, let images = result.testImages else { return learned }
    let range = result.interval95.map { String(format: " (95 %% within %.1f–%.1f %%)", $0.lower, $0.upper) } ?? ""
    return learned + "\nheld out: \(String(format: "%.1f", accuracy)) % of \(images) photos named rightly\(range)"
  }
}
