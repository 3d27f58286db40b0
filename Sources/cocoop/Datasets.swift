import ArgumentParser
import Datasets
import Experiments
import Explanations

struct Datasets: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List, check and sample datasets.",
    discussion: """
      EXAMPLE:
        cocoop datasets check openclipart
      """,
    subcommands: [List.self, Check.self, FewShot.self])

  func run() throws { try Self.askForSubcommand() }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the datasets that ship with the package.",
      discussion: """
        EXAMPLE:
          cocoop datasets list
        """)
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let reports = try DataSource.embedded.map { DatasetReport(checking: try DataSource($0).dataset()) }
      try printing.print(reports) { reports.map(\.summary).joined(separator: "\n") }
    }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a dataset has and what is missing.",
      discussion: """
        EXAMPLE:
          cocoop datasets check openclipart
        """)

    @Argument(
      help: "openclipart, a split file, a folder of class folders, a CSV file, or a benchmark's name with --root.")
    var data: String
    @OptionGroup var benchmarks: RootOption
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let dataset = try DataSource(data, root: benchmarks.root).dataset()
      let report = DatasetReport(checking: dataset)
      try printing.print(report) { report.tree }
      try dataset.checkImages()
    }
  }

  struct FewShot: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "few-shot", abstract: "Print the few-shot sample that the reference would draw.",
      discussion: """
        EXAMPLE:
          cocoop datasets few-shot openclipart --shots 4 --seed 1
        """)

    @Argument(
      help: "openclipart, a split file, a folder of class folders, a CSV file, or a benchmark's name with --root.")
    var data: String
    @OptionGroup var benchmarks: RootOption

    @Option(help: ArgumentHelp("Photos of each class.", valueName: "k"))
    var shots = 16

    @Option(help: ArgumentHelp("Of CPython's generator.", valueName: "n"))
    var seed = 1
    @OptionGroup var printing: OutputOptions

    func validate() throws {
      guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
    }

    func run() throws {
      let dataset = try DataSource(data, root: benchmarks.root).dataset(seed: seed)
      let listing = try FewShotListing(of: dataset, shots: shots, seed: seed)
      try printing.print(listing) { listing.train.map(\.path).joined(separator: "\n") }
    }
  }
}
