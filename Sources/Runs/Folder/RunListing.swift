import Foundation
import Support

/// The runs under a folder, such as `runs` or the output of `reproduce`.
public struct RunListing: Sendable, Encodable {
  public let folder: String
  public let runs: [RunSummary]

  /// The search depth: the depth at which `reproduce` puts its trials under a folder of such outputs, and a little
  /// more.
  private static let depth = 6

  /// - Throws: ``RunError`` where there is no such folder, or it cannot be read.
  public init(of folder: String) throws {
    let url = URL(filePath: folder)
    guard FileManager.default.fileExists(atPath: url.path) else { throw RunError.noFolder(path: folder) }
    self.folder = folder
    runs = try Self.runs(under: url, path: folder, depth: Self.depth).map { RunSummary(of: $0.url, named: $0.path) }
  }

  /// Searches folders until there is a run; links are not followed, hidden folders are skipped.
  private static func runs(under url: URL, path: String, depth: Int) throws -> [(url: URL, path: String)] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: url.path) else {
      throw RunError.unreadableFolder(path: path)
    }
    if RunFolder.isRun(url) || isRemains(names) { return [(url, path)] }
    guard depth > 0 else { return [] }
    return try names.filter { !$0.hasPrefix(".") }.sorted().flatMap { name in
      let inner = url.appending(path: name)
      let kind = try? FileManager.default.attributesOfItem(atPath: inner.path)[.type] as? FileAttributeType
      guard kind == .typeDirectory, access(inner.path, R_OK | X_OK) == 0 else { return [(url: URL, path: String)]() }
      let innerPath = path == "." ? name : (path.hasSuffix("/") ? path : path + "/") + name
      return try runs(under: inner, path: innerPath, depth: depth - 1)
    }
  }

  /// Whether the files are those of a run that has lost its `run.json`.
  private static func isRemains(_ names: [String]) -> Bool {
    !Set(names).isDisjoint(with: ["prompts.safetensors", "probe.safetensors", "metrics.jsonl", "checkpoint"])
  }
}

/// The folders in which a run was made: with them, relative paths of its model and data can be resolved from any
/// folder, even after the run was moved together with them.
public struct RunPlaces: Sendable, Codable, Equatable {
  /// The folder that relative paths start from, absolute.
  public let workingFolder: String
  /// The run's own folder, absolute.
  public let runFolder: String

  /// Records the folders for a run that is made now.
  init(of run: URL) {
    workingFolder = Self.currentFolder
    runFolder = run.standardizedFileURL.path
  }

  /// A path of the run, made absolute.
  func absolute(_ place: String) -> String {
    URL(filePath: place, relativeTo: URL(filePath: workingFolder, directoryHint: .isDirectory)).standardizedFileURL.path
  }

  /// The possible current paths of a recorded path: the original; the one after a move together with the run; and the
  /// one from the current folder.
  func candidates(for place: String, of run: URL) -> [String] {
    let moved = Self.path(from: runFolder, to: absolute(place))
    let movedPlace = run.appending(path: moved).standardizedFileURL.path
    let isSameFolder = Self.currentFolder == workingFolder
    return isSameFolder ? [place, movedPlace] : [absolute(place), movedPlace, place]
  }

  /// The working folder of this process, absolute.
  private static var currentFolder: String { FileSystem.currentFolder }

  /// The relative path that leads from one absolute path to another.
  private static func path(from start: String, to end: String) -> String {
    let (start, end) = (start.split(separator: "/"), end.split(separator: "/"))
    let shared = zip(start, end).prefix { $0 == $1 }.count
    return (start.dropFirst(shared).map { _ in ".." } + end.dropFirst(shared)).joined(separator: "/")
  }
}

extension RunFolder.Record {
  /// The current path of a file that the run records as `place`; the same path where it is nowhere.
  func current(_ place: String, of run: URL) -> String {
    guard !ModelSource.embedded.contains(place), !DataSource.embedded.contains(place), let places else { return place }
    // Also where it is a model's name, which is no path.
    return places.candidates(for: place, of: run).first { FileSystem.exists($0) } ?? place
  }

  /// The error about a file that is not where the run had it.
  func lost(_ thing: RunError.RunPart, _ place: String) -> RunError {
    .lost(thing, place: places?.absolute(place) ?? place)
  }
}
