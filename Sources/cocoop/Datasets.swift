import Acquisition
import ArgumentParser
import Datasets
import Foundation
import Runs
import Support

struct Datasets: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List, fetch, check and sample datasets.",
    discussion: """
      EXAMPLE:
        cocoop datasets check openclipart
      """,
    subcommands: [List.self, Download.self, Check.self, FewShot.self, SplitCommand.self])

  func run() throws { try Self.askForSubcommand() }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the datasets that ship with the package, and the benchmarks that --root reads by name.",
      discussion: """
        EXAMPLE:
          cocoop datasets list
        """)
    @OptionGroup var printing: OutputOptions

    func run() throws {
      let embedded = try DataSource.embedded.map { DatasetListing(embedded: try DataSource($0).dataset()) }
      let published = PublishedDataset.allCases.map {
        DatasetListing($0, download: DatasetAvailability(of: $0).rawValue)
      }
      let listings = embedded + published
      try printing.print(listings) { listings.map(\.summary).joined(separator: "\n") }
    }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a dataset has and what is missing.",
      discussion: """
        EXAMPLE:
          cocoop datasets check openclipart
        """)

    @Argument(help: "\(DataSource.forms).")
    var data: String
    @OptionGroup var benchmarks: RootOption
    @OptionGroup var folders: DataFolderOptions
    @OptionGroup var printing: OutputOptions

    func run() throws {
      switch try DataSource(data, root: benchmarks.root, isRecursive: folders.recursive).place {
      case .files(let location):
        let division = Division.shotsFirst(16, seed: 1)  // the division that 'train' makes of images without splits
        let dataset = try Dataset(at: location, division: division, isRecursive: folders.recursive)
          .findingOtherSpellings()
        let missing = Set(try dataset.missingImages())
        let present = Split.allCases.flatMap(dataset.examples(in:)).filter { !missing.contains($0.path) }
        let broken = BrokenPhotos(among: present, of: dataset, isThorough: true).photos
        let report = try DatasetReport(checking: dataset, broken: broken.map(\.problem))
        try printing.print(report) { report.tree }
        try dataset.checkImages()
        if !broken.isEmpty { throw ExitCode.failure }
      case .benchmark(let benchmark, let root):
        let report = try PublishedDatasetReport(checking: benchmark, root: root)
        try printing.print(report) { report.tree }
        if report.isIncomplete { throw ExitCode.failure }
      }
    }
  }

  struct FewShot: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "few-shot", abstract: "Print the few-shot sample that the reference would draw.",
      discussion: """
        EXAMPLE:
          cocoop datasets few-shot openclipart --shots 4 --seed 1
        """)

    @Argument(help: "\(DataSource.forms).")
    var data: String
    @OptionGroup var benchmarks: RootOption
    @OptionGroup var folders: DataFolderOptions

    @Option(help: ArgumentHelp("Photos of each class.", valueName: "k"))
    var shots = 16

    @Option(help: ArgumentHelp("Of CPython's generator.", valueName: "n"))
    var seed = 1
    @OptionGroup var printing: OutputOptions

    func validate() throws {
      guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
    }

    func run() throws {
      let dataset = try DataSource(data, root: benchmarks.root, isRecursive: folders.recursive).dataset(seed: seed)
      let listing = try FewShotListing(of: dataset, shots: shots, seed: seed)
      printing.remark(dataset.notices.filter(\.isOfImages))
      try printing.print(listing) { listing.train.map(\.path.onOneLine).joined(separator: "\n") }
    }
  }

  struct SplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "split", abstract: "Write a dataset's parts as a split file in the published form.",
      discussion: """
        Images without parts are divided as 'train' divides them. Every run with --data and the file is then tested on \
        the same photos, whatever its shots.

        EXAMPLE:
          cocoop datasets split openclipart --output split_openclipart.json
        """)

    @Argument(help: "\(DataSource.forms).")
    var data: String
    @OptionGroup var benchmarks: RootOption
    @OptionGroup var folders: DataFolderOptions

    @Option(
      name: [.customLong("seed"), .customLong("division-seed")],
      help: ArgumentHelp("Decides which photos are kept for testing, where the data has no test part.", valueName: "n"))
    var seed = 1

    @Option(help: ArgumentHelp("Photos of each class to learn from, where the data has no test part.", valueName: "k"))
    var shots = 16

    @Option(name: .shortAndLong, help: ArgumentHelp("The split file to write.", valueName: "file"))
    var output: String

    func validate() throws {
      guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
    }

    func run() throws {
      let dataset = try DataSource(data, root: benchmarks.root, isRecursive: folders.recursive)
        .dataset(divided: .shotsFirst(shots, seed: seed))
      let file = URL(filePath: output)
      try SplitFile(of: dataset, at: file).write(to: file)
      for notice in dataset.notices { StandardError.write("note: \(notice).\n") }
      print("\(dataset.name), \(dataset.classNames.count) classes: \(output)")
    }
  }
}
