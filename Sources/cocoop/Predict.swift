import ArgumentParser
import Datasets
import Foundation
import Images
import Prediction
import PromptLearning
import Runs
import Support
import Torch

extension PredictionFormat: ExpressibleByArgument {}

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Name what is in photos, by a run or by zero-shot CLIP.",
    discussion: """
      Results come in the order given, each as soon as its batch is computed. A photo that cannot be read is named on \
      standard error, the others go on, and the exit status is 1.

      EXAMPLE:
        cocoop predict --model tiny-clip --classes "dog,cat,bicycle" photo.jpg

      MORE:
        cocoop predict --run runs/mine --format csv "photos/**/*.jpg"
        find . -name "*.png" -print0 | cocoop predict --run runs/mine --format jsonl --null -
        echo '{"images": ["photo.jpg"], "top": 1}' | cocoop predict --run runs/mine --stream

      TARS OF WEBDATASET, IN PARTS, ALSO ON SEVERAL MACHINES:
        cocoop predict --run runs/mine --shard 3/64 --output answers "shards/{00000..00999}.tar"
        cocoop predict --gather --output answers --format csv
      """)

  @OptionGroup var classifier: ClassifierOptions

  @Option(help: ArgumentHelp("How many classes to print for each photo.", valueName: "n"))
  var top = 5

  @Option(help: "table, csv, json (one document) or jsonl (a line each); --json is --format json.")
  var format: PredictionFormat?

  @Option(help: ArgumentHelp("Photos that go through the model together.", valueName: "n"))
  var batchSize = 32

  @Flag(name: .shortAndLong, help: "Take the photos in the folders of a folder too.")
  var recursive = false

  @Flag(name: [.customShort("0"), .long], help: "Paths on standard input end in NUL, not in a line break.")
  var null = false

  @Flag(help: "Read one image from standard input.")
  var stdinImage = false

  @Flag(help: "Stay open: answer each line of JSON on standard input by one on standard output (docs/json.md).")
  var stream = false

  @Argument(
    help: """
      Photos, folders of photos, tars of photos, patterns such as \"*.jpg\" or "{000..099}.tar", or - for paths on \
      standard input.
      """)
  var images: [String] = []

  @Flag(help: "Answer for CoCoOp near the cost of zero-shot CLIP: the best classes exactly, the others nearly.")
  var fast = false

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

  func validate() throws {
    if shards.gather { return try validateFormat() }
    try classifier.requireSource()
    if !stream { try classifier.requireClasses() }
    guard classifier.runFolder != nil || !fast else { throw ValidationError("--fast is for a run: give --run.") }
    guard classifier.runFolder != nil || answers.values.isEmpty else {
      throw ValidationError("--option is for a run: give --run.")
    }
    guard top >= 1 else { throw ValidationError("--top must be 1 or more, found \(top).") }
    guard (1...1024).contains(batchSize) else {
      throw ValidationError("--batch-size must be from 1 to 1024, found \(batchSize).")
    }
    try validateFormat()
    if shards.part.text != nil { try validateShard() }
    guard !stream || (format == nil && !printing.json && !stdinImage && images.isEmpty && !recursive) else {
      throw ValidationError(
        "--stream takes its images and gives its answers line by line: leave out images and formats.")
    }
    guard !null || images.contains("-") else { throw ValidationError("--null is for paths on standard input: give -.") }
    guard images.filter({ $0 == "-" }).count <= 1 else { throw ValidationError("Give - once.") }
    guard images.isEmpty == (stdinImage || stream) else {
      throw ValidationError(
        stdinImage
          ? "--stdin-image reads one image and excludes others."
          : "Give a photo, a folder of photos, a pattern, or - for paths on standard input.")
    }
  }

  private func validateFormat() throws {
    guard !printing.json || format == nil || format == .json else {
      throw ValidationError("--json and --format \(format?.rawValue ?? "") exclude each other.")
    }
  }

  private func validateShard() throws {
    guard !stream, !stdinImage else {
      throw ValidationError("--shard divides a list of photos: leave out --stream and --stdin-image.")
    }
    guard format == nil || format == .jsonl else {
      throw ValidationError("--shard writes JSON lines: give --format \(format?.rawValue ?? "") with --gather.")
    }
  }

  func run() throws {
    if shards.gather { return try putTogether() }
    let device = try compute.apply(quiet: printing.quiet)
    try fetching.fetch(classifier.model, quiet: printing.quiet)
    if stream { return try converse(on: device) }
    let names = try classifier.names
    let photos =
      try stdinImage
      ? PhotoList.imageOnStandardInput : PhotoList(images, isRecursive: recursive, separator: null ? "\0" : "\n")
    if let shard = try shards.part.shard { return try predict(shard, of: photos, names, on: device) }
    var output = try PredictionOutput(format ?? (printing.json ? .json : .table))
    try Interruption().guarding(advice: "What was printed is not everything") { interruption in
      let (predictor, model) = try predictor(for: names, on: device)
      let stream = PredictionStream(
        predictor, batchSize: batchSize, top: top, reading: reading(for: predictor),
        cache: try cacheFolder(for: photos).map { FeatureCache(folder: $0, model: try model()) })
      // Where results run over the terminal, they are the progress; and what scripts read has errors alone.
      let isShown = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0
      let progress = isShown ? photos.count.map { (line: printing.progress("predicting"), total: $0) } : nil
      var done = 0
      progress?.line.update(0, of: progress?.total ?? 0, unit: "photos")
      if !photos.leftOut.isEmpty { printing.remark("note: \(photos.leftOut.sentence()).") }
      let found = try stream.run(photos, checking: interruption.check) {
        if progress != nil, $0.error != nil { StandardError.write("\r\u{1B}[K") }
        try output.write($0)
        done += 1
        if let (line, total) = progress { line.update(done, of: total, unit: "photos") }
      }
      remark(otherSpellings: found)
    }
    try output.finish()
    if isatty(STDOUT_FILENO) == 1, let model = classifier.model { printing.remarkStrongerModel(than: model) }
  }

  func remark(otherSpellings found: [String]) {
    guard let first = found.first else { return }
    let notice = Notice.otherSpelling(count: found.count, difference: .unicodeForm, first: first)
    printing.remark("note: \(notice).")
  }

  /// Answers requests from standard input until it ends.
  private func converse(on device: Device) throws {
    try StandardOutput.check()
    let given = try classifier.names
    let makePredictor = try predictors(on: device).make
    // What is wrong with the model or the classes given is told at once, and the process ends.
    if classifier.runFolder != nil || given != nil { _ = try makePredictor(given) }
    var dialogue = PredictionDialogue(batchSize: batchSize, top: top, reading: reading(for:)) { classes in
      let names = try classes.map { try ClassNames($0, source: "'classes'") } ?? given
      guard classifier.runFolder != nil || names != nil else {
        throw PredictionError.request("The request has no 'classes', and no run has any")
      }
      return try makePredictor(names)
    }
    try dialogue.run()
  }

  func reading(for predictor: Predictor) -> PhotoReading {
    PhotoReading(
      limits: photoOptions.limits, orientation: upright.orientation ?? .exif,
      decoding: pixels.photoDecoding ?? predictor.photoDecoding)
  }

  /// Where features of photos are found and kept. For one photo a checkpoint need not be hashed.
  private func cacheFolder(for photos: PhotoList) -> URL? {
    classifier.runFolder == nil && photos.count == 1 ? nil : cache.folder
  }

  /// - Returns: also the hash of the checkpoint, which takes time.
  private func predictor(for names: ClassNames?, on device: Device) throws -> (Predictor, model: () throws -> String) {
    let (make, model, _) = try predictors(on: device)
    return (try make(names), model)
  }

  /// Loads the run or the model, for any lists of classes.
  func predictors(on device: Device) throws -> (
    make: (ClassNames?) throws -> Predictor, model: () throws -> String, settings: () throws -> [String: String]
  ) {
    if let runFolder = classifier.runFolder {
      let run = try LoadedRun(
        folder: URL(filePath: runFolder), model: classifier.model, precision: products.precision, on: device
      ).answering(with: answers.values)
      printing.remarkAssumptions(of: run.clip)
      let make = { (names: ClassNames?) in
        if names == nil, let leftOut = run.leftOut { printing.remark("\(leftOut)") }
        return try Predictor(run: run, classNames: names?.names, isFast: fast, within: compute.budget(on: device))
      }
      let settings = {
        var settings = try run.fingerprint
        settings["fast"] = fast ? "yes" : "no"
        for (name, value) in answers.values { settings["option \(name)"] = "\(value)" }
        return settings
      }
      return (make, { run.record.model.sha256 }, settings)
    }
    let source = try ModelSource(classifier.model ?? "tiny-clip")
    let clip = try source.load(precision: products.precision, on: device)
    printing.remarkAssumptions(of: clip)
    let make = { (names: ClassNames?) in
      try Predictor(
        zeroShot: clip, classNames: names?.names ?? [],
        templates: classifier.templates, within: compute.budget(on: device))
    }
    let settings = {
      let model = try String(source.identity().sha256.prefix(12))
      let precision = products.precision.rawValue
      return ["model": model, "precision": precision, "templates": classifier.templates.joined(separator: " | ")]
    }
    return (make, { try source.identity().sha256 }, settings)
  }
}
