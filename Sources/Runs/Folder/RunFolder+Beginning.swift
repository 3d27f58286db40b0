import Datasets
import Foundation
import PromptLearning
import Support

// A new run takes the place of another at one instant, the renaming of a folder: whenever the process dies, there is the
// old run, whole, or the new one.
//
//   .beginning/   the first files of the new run, all of them: from here on, they are the run
//   .settling/    the same, once the old run's files are gone; they move to their places, and run.json is the last

extension RunFolder {
  /// Puts a new run in the place of whatever run is there; other files that a person has put beside it stay.
  ///
  /// - Parameters:
  ///   - division: the parts of the dataset, where nothing but this run would know them.
  ///   - fill: writes what else the run has from the beginning into the folder that it is given.
  /// - Throws: `WritingError`, and what `fill` throws; the run that was there is still there then.
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

  /// Where the files of a run are that has not settled yet; `nil` where all is in its place.
  var arriving: URL? { [beginningURL, settlingURL].first { Self.exists($0.appending(path: Self.recordName)) } }

  /// Where a file of the run is to be read, whether it is in its place or on the way there.
  func reading(_ name: String) -> URL {
    let inPlace = url.appending(path: name)
    guard let arriving else { return inPlace }
    let onTheWay = arriving.appending(path: name)
    return arriving == beginningURL || Self.exists(onTheWay) ? onTheWay : inPlace
  }

  /// Brings a new run's files to their places, from wherever a killed process has left off.
  func settle() throws {
    if arriving == beginningURL {
      for old in try contents() where Self.isOwn(old) { try remove(old) }
      try rename(beginningURL, to: settlingURL)
    }
    guard Self.exists(settlingURL) else { return }
    let names = try contents(of: settlingURL).sorted {
      ($0 == Self.recordName ? 1 : 0) < ($1 == Self.recordName ? 1 : 0)
    }
    for name in names { try rename(settlingURL.appending(path: name), to: url.appending(path: name)) }
    rmdir(settlingURL.path)
    try AtomicFile.syncFolder(of: settlingURL)
  }

  /// Takes away what killed processes were writing.
  func removeLeftovers() {
    for folder in [url, checkpointFolder] {
      for name in (try? contents(of: folder)) ?? [] where Self.isLeftover(name) {
        try? FileManager.default.removeItem(at: folder.appending(path: name))
      }
    }
  }

  /// Whether a file is one that is being written under another name, or was when its process was killed.
  static func isLeftover(_ name: String) -> Bool {
    name.hasPrefix(".") && (name.hasSuffix(".partial") || name.hasSuffix(".replaced"))
  }

  /// Whether a run has written the file or folder of this name, and a new one takes it away.
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
    guard Foundation.rename(old.path, new.path) == 0 else {
      throw WritingError.failed(path: new.path, reason: String(cString: strerror(errno)))
    }
  }
}
