import Acquisition
import ArgumentParser
import Foundation
import Runs
import Support
import Synchronization

/// The option of commands that take a model by its name.
struct FetchOptions: ParsableArguments {
  @Flag(help: "Make no request: a model that is not on this machine is an error, which says where it would lie.")
  var offline = false

  /// Fetches the model that a command was given, where it is a name and the model isn't here. A path, an embedded
  /// model and one that is here need no request, and none is made.
  func fetch(_ model: String?, quiet: Bool) throws {
    guard let model else { return }
    let store = try ModelStore.standard()
    guard let name = try ModelSource.name(model, in: store.catalogue), try store.find(name) == nil else { return }
    _ = try download(name, in: store, quiet: quiet)
  }

  /// Fetches a model, or asks whether what is here is still right.
  func download(_ name: ModelName, in store: ModelStore, quiet: Bool) throws -> StoredModel {
    var settings = try NetworkSettings()
    if offline { settings.offlineBecause = "--offline" }
    let hub = try HubSettings()
    return try Fetching.run(settings, quiet: quiet) { downloader in
      try await ModelDownload(store, hub: hub, downloader: downloader, accepts: ModelSource.checkConfiguration)(name)
    }
  }
}

extension OutputOptions {
  /// Names the one command for a stronger model, to who works with the embedded one.
  func remarkStrongerModel(than model: String) {
    guard ModelSource.embedded.contains(model) else { return }
    remark("\(model) is small: 'cocoop models download ViT-B/16' fetches a far stronger model, for --model ViT-B/16")
  }
}

/// Runs a download for a command: shows its progress, and ends it at Ctrl-C.
enum Fetching {
  /// - Throws: what `body` throws; `ExitCode` after a signal, with the part kept.
  static func run<Fetched: Sendable>(
    _ settings: NetworkSettings, quiet: Bool, _ body: @escaping @Sendable (Downloader) async throws -> Fetched
  ) throws -> Fetched {
    let line = DownloadLine(isQuiet: quiet)
    // Afterwards a signal ends the process again, until something else listens.
    defer { for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) } }
    return try Interruption().guarding(advice: "What has arrived is kept: go on with the same command") {
      interruption in
      let fetched = try interruption.stopping {
        try await Downloader.with(
          settings, remark: { line.remark($0 + ".") }, report: { line.update($0) }, body)
      }
      // What was to follow the download is stopped too.
      try interruption.check()
      return fetched
    }
  }
}

/// Shows the progress of downloads on standard error: a line that is redrawn on a terminal; elsewhere a line at each
/// tenth or each minute, and one at the end.
final class DownloadLine: Sendable {
  private let isQuiet: Bool
  private let isDrawn: Bool
  private let state = Mutex(State())

  private struct State {
    var name = ""
    var tenth = 0
    var lastLine = ContinuousClock.now
    var isOnLine = false
  }

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
    let unwanted = ProcessInfo.processInfo.environment["HF_HUB_DISABLE_PROGRESS_BARS"]?.uppercased() ?? ""
    isDrawn = isatty(STDERR_FILENO) == 1 && !["1", "ON", "YES", "TRUE"].contains(unwanted)
  }

  func remark(_ text: String) {
    guard !isQuiet else { return }
    state.withLock { state in
      StandardError.write((state.isOnLine ? "\r\u{1B}[K" : "") + text.onOneLine + "\n")
      state.isOnLine = false
    }
  }

  func update(_ progress: DownloadProgress) {
    guard !isQuiet else { return }
    state.withLock { state in
      if state.name != progress.name { state = State(name: progress.name) }
      if isDrawn {
        StandardError.write("\r\u{1B}[K" + Self.text(progress) + (progress.isFinished ? "\n" : ""))
        state.isOnLine = !progress.isFinished
        return
      }
      let tenth = progress.total.map { $0 > 0 ? 10 * progress.bytes / $0 : 10 } ?? 0
      let now = ContinuousClock.now
      guard progress.isFinished || tenth > state.tenth || now - state.lastLine >= .seconds(60) else { return }
      (state.tenth, state.lastLine) = (tenth, now)
      StandardError.write(Self.text(progress) + "\n")
    }
  }

  /// A line such as "ViT-B-16.pt: 120.3 MB of 350.8 MB, 35.2 MB/s, 7 s left".
  static func text(_ progress: DownloadProgress) -> String {
    let name = progress.name.count > 40 ? "…" + progress.name.suffix(39) : progress.name
    if progress.isFinished { return "\(name): \(ByteCount(progress.bytes)), whole".onOneLine }
    let total = progress.total.map { " of \(ByteCount($0))" } ?? ""
    let rate = progress.bytesPerSecond.map { ", \(ByteCount(Int($0)))/s" } ?? ""
    let left = progress.secondsLeft.map { ", \(ProgressText.time($0)) left" } ?? ""
    return "\(name): \(ByteCount(progress.bytes))\(total)\(rate)\(left)".onOneLine
  }
}
