import ArgumentParser
import Datasets
import Foundation
import PromptLearning
import Runs
import Torch

struct Prompts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read prompts as words; bring them from and to the programs of the methods' authors.",
    discussion: """
      EXAMPLE:
        cocoop prompts export --run runs/first exported
      """,
    subcommands: [Import.self, Export.self, Words.self])

  func run() throws { try Self.askForSubcommand() }

  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a run of a model.pth.tar-N of the reference, or of Tip-Adapter's cache.",
      discussion: """
        Without --data or --classes-file, the run does not know its classes, and predict and evaluate need them named.

        EXAMPLE:
          cocoop prompts import output/seed1 --model tiny-clip --data openclipart --output runs/imported
        """)

    @Argument(
      help:
        "A model.pth.tar-N or model-best.pth.tar, the output folder that holds it, or a folder of Tip-Adapter's cache.")
    var file: String

    @Option(help: "The model that the prompts were learned on: tiny-clip, a path, or a name.")
    var model: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The run's folder.", valueName: "folder"))
    var output: String

    @Option(help: "The data that the prompts were learned on.")
    var data: String?

    @OptionGroup var benchmarks: RootOption
    @OptionGroup var folders: DataFolderOptions

    @Option(help: "Which half of its classes: base, new or all.")
    var classes = ClassSubset.base

    @Option(help: ArgumentHelp("Divides images that no split tells apart.", valueName: "n"))
    var seed = 1

    @Option(help: ArgumentHelp("The classes that the prompts were learned on, one name a line.", valueName: "file"))
    var classesFile: String?

    @Option(
      help: ArgumentHelp(
        "The method, where files of two look alike: kgcoop or prograd for CoOp's, promptsrc for IVLP's, tip-adapter-f for "
          + "Tip-Adapter's (default: coop, ivlp, tip-adapter).",
        valueName: "method"))
    var method: PromptLearning.Method?

    @Option(help: "Where CoOp's class name stands, which the file does not say: end, middle or front.")
    var position = ContextPosition.end

    @Flag(help: "Replace the run that is in the folder.")
    var force = false

    @OptionGroup var fetching: FetchOptions
    @OptionGroup var printing: OutputOptions

    func validate() throws {
      if data != nil, classesFile != nil { throw ValidationError("--data and --classes-file exclude each other.") }
    }

    /// The output of `prompts import --json`.
    struct Result: Encodable {
      let run: String
      let method: PromptLearning.Method
      let contexts: [Int]
      let classes: Int
      let precision: String
      let epoch: Int?
    }

    func run() throws {
      let reference = try ReferencePrompts(at: URL(filePath: file), of: method)
      if let method, reference.method != method {
        throw ValidationError("--method is \(method.id), but \(file) holds prompts of \(reference.method.title).")
      }
      try fetching.fetch(model, quiet: printing.quiet)
      let folder = try RunFolder(creating: URL(filePath: output), existing: force ? .replace : .refuse)
      let known: ImportClasses =
        if let data {
          try ImportClasses(
            data: data, root: benchmarks.root, isRecursive: folders.recursive, subset: classes, seed: seed)
        } else if let list = try ClassNames(list: nil, file: classesFile) {
          ImportClasses(list)
        } else {
          .unknown
        }
      let record = try folder.adopt(reference, model: model, classes: known, position: position)
      if record.classNames.isEmpty {
        printing.remark("note: The run does not know its classes: name them to predict and evaluate.")
      }
      let result = Result(
        run: folder.url.relativePath, method: reference.method, contexts: reference.parameters["ctx"]?.shape ?? [],
        classes: record.classNames.count, precision: "\(reference.precision)", epoch: reference.epoch)
      try printing.print(result) {
        "\(reference.method.title) with \(reference.summary) in \(result.precision)"
          + (result.epoch.map { ", epoch \($0)" } ?? "") + ": \(result.run)"
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a run's prompts as the reference's loader reads them.",
      discussion: """
        A place with .pth in its name becomes that file. Any other becomes an output folder, which the reference takes \
        as --model-dir with --load-epoch. A cache of Tip-Adapter's becomes a folder of keys and values, without α and β.

        EXAMPLE:
          cocoop prompts export --run runs/first exported
        """)

    @Option(name: .customLong("run"), help: ArgumentHelp("A run with learned prompts.", valueName: "folder"))
    var runFolder: String

    @Option(help: "Another model path than the run's; it must hold the same weights.")
    var model: String?

    @Option(help: "float16 or float32 (default: that of the imported file, or float32).")
    var precision: Precision?

    @Flag(help: "Replace a file that is there.")
    var force = false

    @Argument(help: "The folder or file to write.")
    var output: String

    @OptionGroup var fetching: FetchOptions
    @OptionGroup var printing: OutputOptions

    enum Precision: String, ExpressibleByArgument, CaseIterable {
      case float16, float32

      var kind: Tensor.Kind { self == .float16 ? .float16 : .float32 }
    }

    /// The output of `prompts export --json`.
    struct Result: Encodable {
      let file: String
    }

    func run() throws {
      try fetching.fetch(model, quiet: printing.quiet)
      let run = try LoadedRun(folder: URL(filePath: runFolder), model: model)
      let file = try run.export(to: URL(filePath: output), precision: precision?.kind, isReplacing: force)
      try printing.print(Result(file: file.relativePath)) { file.relativePath }
    }
  }
}

extension ReferencePrompts {
  /// What was learned, in words: the shape of the first tensor.
  fileprivate var summary: String {
    for (name, noun) in [("ctx", "contexts"), ("VPT", "image prompts"), ("keys", "keys")] {
      if let tensor = parameters[name] { return "\(noun) \(tensor.shape)" }
    }
    return "\(parameters.count) tensors"
  }
}
