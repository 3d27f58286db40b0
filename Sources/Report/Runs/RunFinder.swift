import Foundation
import Runs

/// The runs at paths: a run's own folder, or folders of runs such as the output of `reproduce`.
struct RunFinder {
  /// A folder with a run, and its name for people.
  struct Found: Equatable {
    let url: URL
    let name: String
    /// Whether the run itself was given: its faults are then errors and not remarks.
    let isNamed: Bool
  }

  /// The search depth: `units/DATASET/METHOD-seedN` under an output folder.
  private static let depth = 4

  /// - Throws: ``ReportError/noRuns(path:)``, `RunError/notARun(path:reason:)`.
  static func runs(at paths: [URL]) throws -> [Found] {
    var found: [Found] = []
    for path in paths {
      guard !RunFolder.isRun(path) else {
        found.append(Found(url: path, name: name(of: path), isNamed: true))
        continue
      }
      guard FileManager.default.fileExists(atPath: path.path) else {
        _ = try RunFolder(existing: path)  // which reports what is missing
        continue
      }
      let below = runs(below: path, depth: Self.depth)
      guard !below.isEmpty else { throw ReportError.noRuns(path: path.path) }
      found += below.map { Found(url: $0, name: name(of: $0), isNamed: false) }
    }
    // A run that is given twice is shown once.
    var seen: Set<String> = []
    return found.filter { seen.insert($0.url.resolvingSymlinksInPath().standardizedFileURL.path).inserted }
  }

  private static func runs(below folder: URL, depth: Int) -> [URL] {
    guard depth > 0 else { return [] }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    return names.filter { !$0.hasPrefix(".") }.flatMap { name -> [URL] in
      let url = folder.appending(path: name, directoryHint: .isDirectory)
      if RunFolder.isRun(url) { return [url] }
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue,
        (try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)) == nil
      else { return [] }
      return runs(below: url, depth: depth - 1)
    }
  }

  /// The path as it was given, or the last parts of one from elsewhere.
  private static func name(of url: URL) -> String {
    let path = url.relativePath
    guard path.hasPrefix("/") else { return path }
    return url.pathComponents.filter { $0 != "/" }.suffix(3).joined(separator: "/")
  }
}
