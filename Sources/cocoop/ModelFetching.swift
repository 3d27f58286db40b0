import Acquisition
import ArgumentParser
import Foundation
import NamedModels
import Runs
import Support

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
    return try Fetching.run(settings, quiet: quiet) { downloader, _ in
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
  /// - Parameter body: gets a downloader, and the line for what it does besides downloading.
  /// - Throws: what `body` throws; `ExitCode` after a signal, with the part kept.
  static func run<Fetched: Sendable>(
    _ settings: NetworkSettings, quiet: Bool,
    _ body: @escaping @Sendable (Downloader, DownloadLine) async throws -> Fetched
  ) throws -> Fetched {
    let line = DownloadLine(isQuiet: quiet)
    defer {
      line.clear()
      // Afterwards a signal ends the process again, until something else listens.
      for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
    return try Interruption().guarding(advice: "What has arrived is kept: go on with the same command") {
      interruption in
      let fetched = try interruption.stopping {
        try await Downloader.with(settings, remark: { line.remark($0 + ".") }, report: { line.update($0) }) {
          try await body($0, line)
        }
      }
      // What was to follow the download is stopped too.
      try interruption.check()
      return fetched
    }
  }
}
