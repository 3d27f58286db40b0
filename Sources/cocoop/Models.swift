import ArgumentParser
import CLIP
import Foundation
import Runs
import Torch

/// The option for the wanted model in a file.
struct PrefixOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Of a file with several models, such as student and teacher: what stands before the names of the one.",
      valueName: "name."))
  var prefix: String?
}

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List, inspect and convert checkpoints.",
    discussion: """
      EXAMPLE:
        cocoop models inspect tiny-clip
      """,
    subcommands: [List.self, Inspect.self, Convert.self])

  func run() throws { try Self.askForSubcommand() }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the models that ship with the package.",
      discussion: """
        EXAMPLE:
          cocoop models list
        """)
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let reports = try ModelSource.embedded.map { try ModelReport(of: ModelSource($0)) }
      try printing.print(reports) {
        reports.map { "\($0.name)  \($0.imageTower ?? "unknown"), \($0.parameters) parameters" }.joined(separator: "\n")
      }
    }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a checkpoint is: architecture, sizes, normalisation, hash, and what is odd about it.",
      discussion: """
        EXAMPLE:
          cocoop models inspect tiny-clip
        """)

    @Argument(help: "tiny-clip, or the path of a checkpoint: a folder or a file.")
    var model: String
    @OptionGroup var choice: PrefixOption
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let report = try ModelReport(of: ModelSource(model), prefix: choice.prefix)
      try printing.print(report) { report.description }
    }
  }
  struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a checkpoint in the form of another library.",
      discussion: """
        The folder appears whole or not at all. Only what an earlier conversion wrote is ever replaced, and only with \
        --force.

        EXAMPLE:
          cocoop models convert tiny-clip converted
        """)

    @Argument(help: "tiny-clip, or the path of a checkpoint: a folder or a file.")
    var model: String

    @Argument(help: "The folder to write.")
    var output: String

    @OptionGroup var choice: PrefixOption

    @Option(help: ArgumentHelp("Whose form: open-clip or hugging-face.", valueName: "form"))
    var form = Checkpoint.Target.openCLIP

    @Option(help: ArgumentHelp("Of the tensors: float32, float16 or bfloat16.", valueName: "type"))
    var precision = Precision.float32

    @Flag(help: "Replace a folder that an earlier conversion wrote.")
    var force = false

    @OptionGroup var printing: OutputOptions

    enum Precision: String, ExpressibleByArgument, CaseIterable {
      case float32, float16, bfloat16

      var kind: Tensor.Kind {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        }
      }
    }

    struct Result: Encodable {
      let folder, form, precision: String
    }

    func run() throws {
      let checkpoint = try Checkpoint(at: ModelSource(model).location, prefix: choice.prefix)
      try checkpoint.convert(
        to: URL(filePath: output).standardizedFileURL, for: form, precision: precision.kind, replacing: force)
      let result = Result(folder: output, form: form.rawValue, precision: precision.rawValue)
      try printing.print(result) { "\(output) holds the checkpoint in \(form.rawValue)'s form, \(precision.rawValue)" }
    }
  }
}

extension Checkpoint.Target: ExpressibleByArgument {}
