import ArgumentParser
import Export
import Foundation
import Runs
import Support

extension ModelExport.Precision: ExpressibleByArgument {}

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a run or zero-shot CLIP as an ONNX model, for onnxruntime on any device.",
    discussion: """
      The folder holds model.onnx, labels.txt (a class a line) and preprocessing.json (how pixels are made of a photo). \
      Images of any number go in together as 'pixels' [B, 3, H, W]; 'logits' and 'probabilities' [B, C] come out. \
      docs/export.md has a program that uses it, and what each method's graph holds.

      EXAMPLE:
        cocoop export --model tiny-clip --classes "dog,cat,bicycle" --output exported

      MORE:
        cocoop export --run runs/mine --precision float16 --output exported
      """)

  /// The form of the files.
  enum Format: String, ExpressibleByArgument, CaseIterable { case onnx }

  @Option(
    name: .customLong("run"), help: ArgumentHelp("A run's folder, or prompts of the reference.", valueName: "folder"))
  var runFolder: String?

  @Option(help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
  var model: String?

  @Option(help: ArgumentHelp("Class names with commas between them.", valueName: "names"))
  var classes: String?

  @Option(
    help: ArgumentHelp("One class name a line, a list in JSON, or a CSV file with a column 'class'.", valueName: "file")
  )
  var classesFile: String?

  @Option(
    help: """
      The sentence that zero-shot CLIP reads, with {} for the name (default: "a photo of a {}."). Several are averaged.
      """)
  var template: [String] = []

  @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"))
  var output: String

  @Option(help: "The form of the model: onnx.")
  var format = Format.onnx

  @Option(
    help: "Of weights and products: float32, or float16, which is half as large and an approximation.")
  var precision = ModelExport.Precision.float32

  @Flag(help: "Put the weights into model.onnx.data; beyond 2 GB they are there in any case.")
  var externalData = false

  @Flag(help: "Replace a folder that an earlier export wrote.")
  var force = false

  @OptionGroup var fetching: FetchOptions
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
    guard runFolder == nil || template.isEmpty else {
      throw ValidationError("--template is for zero-shot CLIP: a run has its own prompts.")
    }
  }

  func run() throws {
    try compute.apply()
    try fetching.fetch(model, quiet: printing.quiet)
    let folder = URL(filePath: output).standardizedFileURL
    let names = try ClassNames(list: classes, file: classesFile)
    try ModelExport.check(folder, replacing: force)
    let summary = try export(names).write(
      to: folder, precision: precision, externalData: externalData, replacing: force,
      version: Cocoop.configuration.version)
    try printing.print(summary) {
      let megabytes = Double(summary.files.values.reduce(0, +)) / 1e6
      return "\(output) holds \(summary.method) for \(summary.classes) classes as \(format.rawValue), "
        + "operator set \(summary.operatorSet), \(summary.precision), \(String(format: "%.1f", megabytes)) MB"
    }
  }

  private func export(_ names: ClassNames?) throws -> ModelExport {
    if let runFolder {
      let run = try LoadedRun(folder: URL(filePath: runFolder), model: model)
      printing.remarkAssumptions(of: run.clip)
      if names == nil, let leftOut = run.leftOut { printing.remark("\(leftOut)") }
      return try ModelExport(run: run, classNames: names?.names)
    }
    let source = try ModelSource(model ?? "tiny-clip")
    let clip = try source.load()
    printing.remarkAssumptions(of: clip)
    return try ModelExport(
      zeroShot: source, clip, classNames: names?.names ?? [],
      templates: template.isEmpty ? ["a photo of a {}."] : template)
  }
}
