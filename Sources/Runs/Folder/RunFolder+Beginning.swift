import Datasets
import Foundation
import PromptLearning
import Support

// A new run replaces another at one instant, by renaming a folder: whenever the process dies, either the whole old run
// or the new one is there.
//
//   .beginning/   the first files of the new run, all of them: from here on, they are the run
//   .settling/    the same, once the old run's files are gone; they move to their places, run.json last

extension RunFolder {
  /// Replaces any existing run by a new one; other files of the user in the folder stay.
  ///
  /// - Parameters:
  ///   - division: the splits of the dataset, where only this run records them.
  ///   - fill: writes the other initial files of the run into the folder that it is given.
  /// - Throws: `WritingError`, and the errors of `fill`; the earlier run is then still there.
  func begin(_ record: Record, division: SplitFile? = nil, with fill: (RunFolder) throws -> Void) throws {
    _ = try CreatedDirectories(upTo: url)
    do {
      try AtomicFolder.write(to: beginningURL) { folder in
        let new = RunFolder(at: folder, existing: .replace)
        try fill(new)
        try division?.write(to: new.divisionURL)
        try new.write(record, for: url)
      }
    } catch let error as WritingError {
      throw WritingError.failed(path: error.path.replacing(beginningURL.path, with: url.path), reason: error.reason)
    }
    try settle()
  }

  /// The location of a run's files before they have moved to their places; `nil` where all have.
  var arriving: URL? { [beginningURL, settlingURL].first { Self.exists($0.appending(path: Self.recordName)) } }

  /// The location for reading a file of the run, whether or not it has moved to its place.
  func reading(_ name: String) -> URL {
    let inPlace = url.appending(path: name)
    guard let arriving else { return inPlace }
    let onTheWay = arriving.appending(path: name)
    return arriving == beginningURL || Self.exists(onTheWay) ? onTheWay : inPlace
  }

  /// Moves a new run's files to their places, resuming where a killed process stopped.
  func settle() throws {
    if arriving == beginningURL {
      for old in try contents() where Self.isOwn(old) { try remove(old) }
      try rename(beginningURL, to: settlingURL)
    }
    guard Self.exists(settlingURL) else { return }
    let names = try contents(of: settlingURL).filter { !FileSystem.isRemnant($0) }.sorted {
      ($0 == Self.recordName ? 1 : 0) < ($1 == Self.recordName ? 1 : 0)
    }
    for name in names { try rename(settlingURL.appending(path: name), to: url.appending(path: name)) }
    rmdir(settlingURL.path)
    try AtomicFile.syncFolder(of: settlingURL)
  }

  /// Removes the temporary files of killed processes.
  func removeLeftovers() {
    for folder in [url, checkpointFolder] {
      for name in (try? contents(of: folder)) ?? [] where Self.isLeftover(name) {
        try? FileManager.default.removeItem(at: folder.appending(path: name))
      }
    }
  }

  /// Whether a file is a temporary one that is being written, or was when its process was killed.
  static func isLeftover(_ name: String) -> Bool {
    name.hasPrefix(".") && (name.hasSuffix(".partial") || name.hasSuffix(".replaced"))
  }

  /// Whether the file or folder of this name belongs to a run, so that a new run removes it.
  private static func isOwn(_ name: String) -> Bool {
    (Method.all.map(\.artifactName) + [
      recordName, metricsName, divisionName, checkpointFolderName, fastModeName, "log.txt",
      "steps.jsonl", "evaluations",
    ]).contains(name) || name.hasPrefix("events.out.tfevents.")
  }

  private var beginningURL: URL { url.appending(path: ".beginning") }
  private var settlingURL: URL { url.appending(path: ".settling") }

  private func contents(of folder: URL? = nil) throws -> [String] {
    let folder = folder ?? url
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      throw WritingError.failed(path: folder.path, reason: "the folder cannot be read")
    }
  }

  private func remove(_ name: String) throws {
    let old = url.appending(path: name)
    do {
      try FileManager.default.removeItem(at: old)
    } catch {
      throw WritingError.failed(path: old.path, reason: "the file of the run before cannot be removed")
    }
  }

  private func rename(_ old: URL, to new: URL) throws {
    guard Renaming.move(old.path, to: new.path) else {
      throw WritingError.failed(path: new.path, reason: String(cString: strerror(errno)))
    }
  }
}
