import ArgumentParser
import Experiments
import Foundation
import Images

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Name what is in photos, by a run or by zero-shot CLIP.",
    discussion: """
      EXAMPLE:
        cocoop predict --model tiny-clip --classes "dog,cat,bicycle" photo.jpg
      """)

  @Option(
    name: .customLong("run"), help: ArgumentHelp("A folder that 'cocoop train' has written.", valueName: "folder"))
  var runFolder: String?

  @Option(help: "tiny-clip, or the path of a checkpoint: a folder or a file.")
  var model: String?

  @Option(help: ArgumentHelp("Class names with commas between them.", valueName: "names"))
  var classes: String?

  @Option(help: ArgumentHelp("A file with one class name a line.", valueName: "file"))
  var classesFile: String?

  @Option(help: "The sentence that zero-shot CLIP reads, with {} for the name.")
  var template = "a photo of a {}."

  @Option(help: ArgumentHelp("How many classes to print for each photo.", valueName: "n"))
  var top = 5

  @Argument(help: "Photos, folders of photos, or - for one photo on standard input.")
  var images: [String]

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard runFolder != nil || model != nil else { throw ValidationError("Give --run or --model.") }
    guard runFolder != nil || classes != nil || classesFile != nil else {
      throw ValidationError("Without --run, give --classes or --classes-file.")
    }
    guard classes == nil || classesFile == nil else {
      throw ValidationError("--classes and --classes-file exclude each other.")
    }
    guard top >= 1 else { throw ValidationError("--top must be 1 or more, found \(top).") }
    guard !images.isEmpty else { throw ValidationError("Give a photo, a folder of photos, or - for standard input.") }
  }

  func run() throws {
    try compute.apply()
    let names = try ClassNames(list: classes, file: classesFile)
    let photos = try images.flatMap(Photo.all(in:))
    let predictor =
      if let runFolder {
        try Predictor(run: LoadedRun(folder: URL(filePath: runFolder), model: model), classNames: names?.names)
      } else {
        try Predictor(
          zeroShot: ModelSource(model ?? "tiny-clip").load(), classNames: names?.names ?? [], template: template)
      }
    var predictions: [Prediction] = []
    var failures = 0
    for photo in photos {
      do {
        predictions.append(try predictor.prediction(of: photo.image(), file: photo.name, top: top))
      } catch let error as ImageError {
        failures += 1
        printing.remark("Error: \(error.explanation)")
      }
    }
    if !predictions.isEmpty || failures == 0 { try printing.print(predictions) { Self.text(predictions) } }
    if failures > 0 { throw ExitCode.failure }
  }

  private static func text(_ predictions: [Prediction]) -> String {
    predictions.map { prediction in
      let lines = prediction.top.map { "  \(String(format: "%5.1f", 100 * $0.probability)) %  \($0.class)" }
      return ([prediction.file] + lines).joined(separator: "\n")
    }.joined(separator: "\n")
  }
}

/// A photo that the command line names.
private enum Photo {
  case file(String)
  case standardInput

  var name: String {
    switch self {
    case .file(let path): path
    case .standardInput: "-"
    }
  }

  func image() throws -> Image {
    switch self {
    case .file(let path): try Image(contentsOf: URL(filePath: path))
    case .standardInput:
      try Image(decoding: FileHandle.standardInput.readToEnd() ?? Data(), named: "standard input")
    }
  }

  /// The photo at a path, or all photos directly in a folder, by name.
  static func all(in path: String) throws -> [Photo] {
    guard path != "-" else { return [.standardInput] }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return [.file(path)]
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw ExperimentError.unreadableFolder(path: path)
    }
    let extensions: Set = ["jpg", "jpeg", "png", "webp"]
    let photos = names.filter { extensions.contains(URL(filePath: $0).pathExtension.lowercased()) }.sorted()
    guard !photos.isEmpty else { throw ExperimentError.noPhotos(folder: path) }
    let prefix = path.hasSuffix("/") ? path : path + "/"
    return photos.map { .file(prefix + $0) }
  }
}
