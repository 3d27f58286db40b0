import ArgumentParser
import Foundation
import Runs

struct Runs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List runs, show what is known of one, and compare them.",
    discussion: """
      EXAMPLE:
        cocoop runs compare runs/demo/coop-seed1 runs/demo/cocoop-seed1
      """,
    subcommands: [List.self, Show.self, Compare.self])

  func run() throws { try Self.askForSubcommand() }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the runs under a folder, damaged ones with what is wrong.",
      discussion: """
        EXAMPLE:
          cocoop runs list runs/demo
        """)

    @Argument(help: "The folder that holds the runs, directly or in folders of their own.")
    var folder = "runs"
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let listing = try RunListing(of: folder)
      try printing.print(listing.runs) { listing.text }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what is known of a run.",
      discussion: """
        EXAMPLE:
          cocoop runs show runs/first
        """)

    @Argument(help: ArgumentHelp("A folder of 'cocoop train' or 'prompts import'.", valueName: "run"))
    var folder: String
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let url = URL(filePath: folder)
      _ = try RunFolder(existing: url)
      let summary = RunSummary(of: url, named: folder)
      try printing.print(summary) { summary.text }
    }
  }

  struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put runs beside each other, and test whether they differ on the same images.",
      discussion: """
        The runs must have been measured on the same images by 'cocoop evaluate'. Each is compared with the first by \
        McNemar's test.

        EXAMPLE:
          cocoop runs compare runs/demo/coop-seed1 runs/demo/cocoop-seed1
        """)

    @Argument(help: "Two folders of runs or more.")
    var runs: [String]
    @OptionGroup var printing: OutputOptions

    func validate() throws {
      guard runs.count > 1 else { throw ValidationError("Give two runs or more to compare.") }
    }

    func run() throws {
      let comparison = try RunComparison(of: runs)
      try printing.print(comparison) { comparison.text }
    }
  }
}
