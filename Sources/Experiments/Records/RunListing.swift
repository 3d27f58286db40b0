import Foundation

/// The runs under a folder, such as `runs` or the output of `reproduce`.
public struct RunListing: Sendable, Encodable {
  public let folder: String
  public let runs: [RunSummary]

  /// As deep as `reproduce` puts its units under a folder of such outputs, and a little more.
  private static let depth = 6

  /// - Throws: ``ExperimentError`` where there is no such folder, or it cannot be read.
  public init(of folder: String) throws {
    let url = URL(filePath: folder)
    guard FileManager.default.fileExists(atPath: url.path) else { throw ExperimentError.noFolder(path: folder) }
    self.folder = folder
    runs = try Self.runs(under: url, path: folder, depth: Self.depth).map { RunSummary(of: $0.url, named: $0.path) }
  }

  /// Goes down until there is a run; links are not followed, hidden folders are left out.
  private static func runs(under url: URL, path: String, depth: Int) throws -> [(url: URL, path: String)] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: url.path) else {
      throw ExperimentError.unreadableFolder(path: path)
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
