import Acquisition
import ArgumentParser
import Datasets
import Foundation
import Runs
import Support

extension Datasets {
  struct Download: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetch a published dataset into a folder of datasets, in the reference's layout, and check it.",
      discussion: """
        Archives are verified, unpacked and checked before anything is put in place, and running the command again goes \
        on from where it was. What cannot be fetched, such as ImageNet, is told in steps. An archive that you put into \
        the dataset's folder yourself is verified and used; so are images that are there without their split file.

        EXAMPLE:
          cocoop datasets download dtd --root data
        """)

    @Argument(help: "The dataset's name, as 'datasets list' has it.")
    var name: String

    @Option(help: ArgumentHelp("The folder of datasets; it is created if need be.", valueName: "folder"))
    var root: String

    @Option(
      name: .customLong("sha256"),
      help: ArgumentHelp(
        "Accept an archive with this SHA-256 too, where yours is not the published one. May be given several times.",
        valueName: "hash"))
    var hashes: [String] = []

    @Flag(help: "Make no request: use what is there.")
    var offline = false

    @Flag(help: "Keep the fetched archives in the dataset's folder.")
    var keepArchives = false

    @OptionGroup var printing: OutputOptions

    func validate() throws {
      for hash in hashes where hash.wholeMatch(of: /[0-9A-Fa-f]{64}/) == nil {
        throw ValidationError("--sha256 must be 64 hexadecimal digits, found '\(hash)'.")
      }
    }

    func run() throws {
      guard let dataset = PublishedDataset(named: name) else {
        throw RunError.notABenchmark(name: name, nearest: PublishedDataset.nearest(to: name))
      }
      var settings = try NetworkSettings()
      if offline { settings.offlineBecause = "--offline" }
      var options = DatasetDownload.Options(command: "cocoop datasets download \(dataset.spelling) --root \(root)")
      options.trusted = Set(hashes.map { $0.lowercased() })
      options.keepsArchives = keepArchives
      let folder = URL(filePath: root, directoryHint: .isDirectory)
      let chosen = options
      let result = try Fetching.run(settings, quiet: printing.quiet) { downloader, line in
        try await DatasetDownload(
          of: dataset, under: folder, options: chosen, by: downloader, progress: { line.update($0) }
        ).run()
      }
      for note in result.notes { printing.remark("note: \(note).".onOneLine) }
      try printing.print(result) { Self.text(of: result) }
      if result.state == .byHand { throw ExitCode.failure }
    }

    private static func text(of result: DatasetDownloadResult) -> String {
      let tree = result.check?.tree ?? ""
      return switch result.state {
      case .complete: "\(tree)\nNothing was fetched: it was complete."
      case .downloaded: tree
      case .byHand: result.steps?.text ?? ""
      }
    }
  }
}
