import Foundation
import Support
import TestHub
import Testing

/// Serves the repositories of a folder to other programs, for `Scripts/oracle/check_downloads.py`.
@Suite("The test hub serves other clients")
struct HubForOthers {
  private static let environment = ProcessInfo.processInfo.environment

  @Test(
    "until it is ended", .enabled(if: environment["COCOOP_HUB_FILES"] != nil, "COCOOP_HUB_FILES names no folder"))
  func serve() async throws {
    let folder = URL(filePath: try #require(Self.environment["COCOOP_HUB_FILES"]))
    let address = URL(filePath: try #require(Self.environment["COCOOP_HUB_ADDRESS"]))
    var repositories: [String: TestHub.Repository] = [:]
    for organisation in names(in: folder) {
      for name in names(in: folder.appending(path: organisation)) {
        let place = folder.appending(path: "\(organisation)/\(name)")
        repositories["\(organisation)/\(name)"] = .init(
          Dictionary(
            uniqueKeysWithValues: try names(in: place).map {
              ($0, try Data(contentsOf: place.appending(path: $0), options: .alwaysMapped))
            }))
      }
    }
    try await TestHub.with(repositories) { hub in
      try AtomicFile.write(Data(hub.endpoint.utf8), to: address)
      var generator = SeededGenerator(seed: 1)
      while !Task.isCancelled {
        // Whoever asks for this repository's file is cut off three times.
        if hub.faultsLeft == 0, hub.seen.last?.path.contains("/test/cut/resolve/") == true {
          hub.fail((0..<3).map { _ in .cut(Int.random(in: 0...400_000, using: &generator)) })
          hub.forget()
        }
        try await Task.sleep(for: .milliseconds(1))
      }
    }
  }
}
