import Acquisition
import ArgumentParser
import CLIP
import Foundation
import NamedModels
import PromptLearning
import Runs
import Support
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
    abstract: "List, download, inspect, convert and remove checkpoints.",
    discussion: """
      EXAMPLE:
        cocoop models inspect tiny-clip
      """,
    subcommands: [List.self, Download.self, Inspect.self, Convert.self, Remove.self])

  func run() throws { try Self.askForSubcommand() }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the models that ship with the package, those on this machine, and those that have a name.",
      discussion: """
        Makes no request. The names, sizes and licences were compiled from public repositories.

        EXAMPLE:
          cocoop models list
        """)

    @Flag(help: "Leave out what is not on this machine.")
    var here = false

    @OptionGroup var printing: OutputOptions

    func run() throws {
      let listing = try ModelListing(ModelStore.standard(), isLocal: here)
      try printing.print(listing.models) { listing.text }
    }
  }

  struct Download: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetch a model by its name, and check it.",
      discussion: """
        NAME is one of OpenAI's (ViT-B/16), open_clip:NAME/TAG or hf-hub:ORG/REPO[@REVISION]; 'cocoop models list' has \
        them. Files go where other tools look for them: the Hub's shared cache, and ~/.cache/clip. A download that broke \
        off goes on where it ended.

        EXAMPLE:
          cocoop models download ViT-B/16
        """)

    @Argument(help: "The model's name.")
    var name: String
    @OptionGroup var fetching: FetchOptions
    @OptionGroup var printing: OutputOptions

    struct Result: Encodable {
      let name, location, sha256: String
      let bytes: Int
    }

    func run() throws {
      let store = try ModelStore.standard()
      let stored = try fetching.download(Models.named(name, in: store), in: store, quiet: printing.quiet)
      let sha256 = try ModelSource(stored.name.text).identity(knowing: stored.hashes).sha256
      let result = Result(
        name: stored.name.text, location: stored.location.path, sha256: sha256, bytes: stored.bytes)
      try printing.print(result) {
        "\(result.name) is here: \(ByteCount(result.bytes)), SHA-256 \(sha256), \(result.location)"
      }
      printing.remark("next: cocoop train PHOTOS --model \(result.name)")
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a model that was downloaded.",
      discussion: """
        What other models or revisions in the cache share stays.

        EXAMPLE:
          cocoop models remove ViT-B/16
        """)

    @Argument(help: "The model's name.")
    var name: String
    @OptionGroup var printing: OutputOptions

    struct Result: Encodable {
      let name: String
      let freedBytes: Int
    }

    func run() throws {
      let store = try ModelStore.standard()
      let named = try Models.named(name, in: store)
      let result = Result(name: named.text, freedBytes: try store.remove(named))
      try printing.print(result) { "\(result.name) is removed: \(ByteCount(result.freedBytes)) freed" }
    }
  }

  /// The model that a name means.
  ///
  /// - Throws: `RunError.unknownModel`, with the nearest name.
  fileprivate static func named(_ text: String, in store: ModelStore) throws -> ModelName {
    if let name = try ModelName(text, in: store.catalogue) { return name }
    throw RunError.unknownModel(name: text, nearest: ModelName.nearest(to: text, in: store.catalogue))
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a checkpoint is: architecture, sizes, normalisation, hash, and what is odd about it.",
      discussion: """
        EXAMPLE:
          cocoop models inspect tiny-clip
        """)

    @Argument(
      help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
    var model: String
    @OptionGroup var choice: PrefixOption
    @OptionGroup var fetching: FetchOptions
    @OptionGroup var printing: OutputOptions

    func run() throws {
      try fetching.fetch(model, quiet: printing.quiet)
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

    @Argument(
      help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
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

    @OptionGroup var fetching: FetchOptions
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
      try fetching.fetch(model, quiet: printing.quiet)
      let checkpoint = try Checkpoint(at: ModelSource(model).location, prefix: choice.prefix)
      try checkpoint.convert(
        to: URL(filePath: output).standardizedFileURL, for: form, precision: precision.kind, replacing: force)
      let result = Result(folder: output, form: form.rawValue, precision: precision.rawValue)
      try printing.print(result) { "\(output) holds the checkpoint in \(form.rawValue)'s form, \(precision.rawValue)" }
    }
  }
}

extension Checkpoint.Target: ExpressibleByArgument {}
