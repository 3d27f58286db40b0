import ArgumentParser
import Experiments
import Foundation

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List and inspect checkpoints.",
    discussion: """
      EXAMPLE:
        cocoop models inspect tiny-clip
      """,
    subcommands: [List.self, Inspect.self])

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
        reports.map { "\($0.name)  \($0.imageTower), \($0.parameters) parameters" }.joined(separator: "\n")
      }
    }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a checkpoint is: architecture, sizes, normalisation, hash.",
      discussion: """
        EXAMPLE:
          cocoop models inspect tiny-clip
        """)

    @Argument(help: "tiny-clip, or the path of an open_clip folder.")
    var model: String
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let report = try ModelReport(of: ModelSource(model))
      try printing.print(report) { report.description }
    }
  }
}
