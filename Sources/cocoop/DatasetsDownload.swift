import Acquisition
import ArgumentParser
import Datasets
import Foundation
import Runs
import Support
import Synchronization

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
      let reporter = DownloadReporter(isQuiet: printing.quiet)
      let folder = URL(filePath: root, directoryHint: .isDirectory)
      let (ready, chosen) = (settings, options)
      let advice = "What has arrived is kept: run the same command again to go on"
      let result = try Interruption().guarding(advice: advice) { interruption in
        try interruption.stopping {
          try await Downloader.with(ready, remark: reporter.remark, report: reporter.showBytes) { downloader in
            try await DatasetDownload(
              of: dataset, under: folder, options: chosen, by: downloader, progress: reporter.showWork
            ).run()
          }
        }
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

/// Shows the progress of a download: bytes that arrive, then what is done with the file.
private final class DownloadReporter: Sendable {
  private struct State {
    var lines: [String: ProgressLine] = [:]
    var begun: Set<String> = []
    var lastDrawn: ContinuousClock.Instant?
  }

  private let state = Mutex(State())
  private let isQuiet: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private static let megabyte = 1_000_000

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  @Sendable func remark(_ text: String) {
    if !isQuiet { StandardError.write("\(text).".onOneLine + "\n") }
  }

  @Sendable func showBytes(_ progress: DownloadProgress) {
    guard let total = progress.total, total >= Self.megabyte else { return }
    state.withLock { state in
      let line = state.lines[progress.name] ?? ProgressLine(progress.name, isQuiet: isQuiet)
      state.lines[progress.name] = line
      line.update(progress.bytes / Self.megabyte, of: total / Self.megabyte, unit: "MB")
    }
  }

  @Sendable func showWork(_ progress: DatasetProgress) {
    guard !isQuiet else { return }
    state.withLock { state in
      let label = "\(progress.stage.rawValue) \(progress.file)"
      if state.begun.insert(label).inserted, !isTerminal { StandardError.write("\(label)\n") }
      let now = ContinuousClock.now
      guard isTerminal, state.lastDrawn.map({ now - $0 >= .milliseconds(100) }) ?? true else { return }
      state.lastDrawn = now
      let count =
        progress.stage == .unpacking
        ? "\(progress.done) files"
        : "\(progress.done / Self.megabyte)/\((progress.total ?? 0) / Self.megabyte) MB"
      StandardError.write("\r\u{1B}[K\(label): \(count)\r")  // the next line is written over it
    }
  }
}
