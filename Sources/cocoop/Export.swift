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

  @OptionGroup var classifier: ClassifierOptions

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
    try classifier.requireSource()
    try classifier.requireClasses()
  }

  func run() throws {
    try compute.applyOnCPU("export")
    try fetching.fetch(classifier.model, quiet: printing.quiet)
    let folder = URL(filePath: output).standardizedFileURL
    let names = try classifier.names
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
    if let runFolder = classifier.runFolder {
      let run = try LoadedRun(folder: URL(filePath: runFolder), model: classifier.model)
      printing.remarkAssumptions(of: run.clip)
      if names == nil, let leftOut = run.leftOut { printing.remark("\(leftOut)") }
      return try ModelExport(run: run, classNames: names?.names)
    }
    let source = try ModelSource(classifier.model ?? "tiny-clip")
    let clip = try source.load()
    printing.remarkAssumptions(of: clip)
    return try ModelExport(
      zeroShot: source, clip, classNames: names?.names ?? [],
      templates: classifier.templates)
  }
}
