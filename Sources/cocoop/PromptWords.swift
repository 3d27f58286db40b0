import ArgumentParser
import Foundation
import PromptLearning
import Runs

extension Prompts {
  struct Words: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the vocabulary entries nearest to each context vector of a run.",
      discussion: """
        Distances are Euclidean, between the vector and an entry's embedding. A hyphen at the end marks an entry that \
        only begins a word. CoCoOp's vectors are those that all images share; --image also shows them as that image \
        shifts them.

        EXAMPLE:
          cocoop prompts words --run runs/first --image photo.jpg
        """)

    @Option(
      name: .customLong("run"),
      help: ArgumentHelp(
        "A run whose method learns contexts, or prompts of the reference (with --model).", valueName: "folder"))
    var runFolder: String

    @Option(help: "Another model path than the run's; it must hold the same weights.")
    var model: String?

    @Option(help: ArgumentHelp("A photo that shifts CoCoOp's vectors.", valueName: "photo"))
    var image: String?

    @Option(help: ArgumentHelp("How many entries to show for each vector.", valueName: "n"))
    var top = 5

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var fetching: FetchOptions
    @OptionGroup var printing: OutputOptions

    func validate() throws {
      guard (1...1000).contains(top) else { throw ValidationError("--top must be from 1 to 1000, found \(top).") }
    }

    func run() throws {
      let device = try compute.apply(quiet: printing.quiet)
      try fetching.fetch(model, quiet: printing.quiet)
      let run = try LoadedRun(folder: URL(filePath: runFolder), model: model, on: device)
      let words = try run.contextWords(count: top, image: image.map { URL(filePath: $0) })
      try printing.print(words) { Self.text(words) }
    }

    private static func text(_ words: ContextWords) -> String {
      words.contexts.map { context in
        let title = context.class.map { "\($0)\n" } ?? context.image.map { "shifted by \($0)\n" } ?? ""
        let rows = context.vectors.enumerated().map { index, matches in
          "v\(index + 1)  "
            + matches.map { "\($0.word) (\(String(format: "%.3f", $0.distance)))" }.joined(separator: "  ")
        }
        return title + rows.joined(separator: "\n")
      }.joined(separator: "\n\n")
    }
  }
}
