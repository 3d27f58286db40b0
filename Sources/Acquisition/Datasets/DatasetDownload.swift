import Datasets
import Foundation
import NamedModels
import Support

/// Brings a published dataset under a data root: fetches what can be fetched, verifies, unpacks into the reference's
/// layout, checks, and moves everything into place at the end.
///
/// All work happens in the hidden folder `.downloading` of the dataset's folder, so that nobody ever sees half a
/// dataset, and the next call goes on where this one stopped:
///
///     .downloading/FILE                 an archive that was fetched
///     .downloading/unpacking/           one archive's contents, until all of it is there
///     .downloading/unpacking-HASH/      the same of ImageNet's training images, where whole classes are kept
///     .downloading/staged/FOLDER/       everything that is ready, as the dataset's folder will have it
public struct DatasetDownload: Sendable {
  let source: DatasetSource
  let root: URL
  let options: Options
  let downloader: Downloader
  /// Called as archives are verified and unpacked; may throw to stop.
  let progress: @Sendable (DatasetProgress) throws -> Void

  /// What a caller may choose.
  public struct Options: Sendable {
    /// SHA-256 hashes that a person vouches for, of files that differ from the published ones.
    public var trusted: Set<String> = []
    /// Whether archives that were fetched stay in the dataset's folder.
    public var keepsArchives = false
    /// The command that a person runs again.
    public var command: String

    public init(command: String) { self.command = command }
  }

  var folder: URL { root.appending(path: source.dataset.folder, directoryHint: .isDirectory) }
  var work: URL { folder.appending(path: ".downloading", directoryHint: .isDirectory) }
  var stagedRoot: URL { work.appending(path: "staged", directoryHint: .isDirectory) }
  var staged: URL { stagedRoot.appending(path: source.dataset.folder, directoryHint: .isDirectory) }

  public init(
    of dataset: PublishedDataset, under root: URL, options: Options, by downloader: Downloader,
    progress: @escaping @Sendable (DatasetProgress) throws -> Void = { _ in }
  ) {
    self.init(DatasetSource(of: dataset), under: root, options: options, by: downloader, progress: progress)
  }

  /// - Parameter source: a row of the table; tests have rows of their own, with small archives.
  package init(
    _ source: DatasetSource, under root: URL, options: Options, by downloader: Downloader,
    progress: @escaping @Sendable (DatasetProgress) throws -> Void = { _ in }
  ) {
    (self.source, self.root, self.options, self.downloader) = (source, root.standardizedFileURL, options, downloader)
    self.progress = progress
  }

  /// Does all of it.
  ///
  /// - Throws: ``AcquisitionError``, `WritingError`, `DatasetError` where the root is a file, or `CancellationError`.
  ///   What has been fetched and unpacked by then is kept for the next call.
  public func run() async throws -> DatasetDownloadResult {
    let missing = try missingNeeds()
    if missing.isEmpty, source.lists.allSatisfy(isThere) { return try result(of: .complete) }

    let made: CreatedDirectories
    do {
      made = try CreatedDirectories(upTo: work)
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: folder.path, reason: error.reason)
    }
    let lock = try await FileLock(
      at: work.appending(path: "lock"), isRemoved: true, waiting: { [downloader] in downloader.remark($0) })
    defer {
      lock.release()
      for url in [staged, stagedRoot, work] { _ = FileSystem.withSystemPath(url.path) { rmdir($0) } }
      made.removeEmpty()
    }
    return try await runLocked()
  }

  private func runLocked() async throws -> DatasetDownloadResult {
    try createFolder(staged)
    var missing = try missingNeeds().filter { !isStaged($0) }
    if let steps = manualSteps(for: missing) { return try result(of: .byHand, steps: steps) }
    try checkOffline(chosenArchives(for: missing))
    var notes: [String] = []
    if let steps = try await fetchLists(notes: &notes) { return try result(of: .byHand, steps: steps, notes: notes) }

    // A split file that has just come may list images that lack.
    missing = try missingNeeds().filter { !isStaged($0) }
    if let steps = manualSteps(for: missing) { return try result(of: .byHand, steps: steps, notes: notes) }
    let chosen = chosenArchives(for: missing)
    let extras = extraArchives(besides: chosen)
    try checkRoom(for: chosen)
    announce(chosen)
    var files: [DatasetDownloadResult.File] = []
    var kit: ImageNetKit?
    for archive in chosen {
      let file: VerifiedArchive
      do {
        file = try await obtain(archive)
      } catch let error as AcquisitionError where error.isRefusal {
        return try result(of: .byHand, steps: steps(for: [archive], because: error.problem), notes: notes)
      }
      if case .imageNetKit = archive.content { kit = try ImageNetKit(archive: file.path) }
      try unpack(archive, at: file, kit: kit)
      files.append(file.record)
    }
    for archive in extras {
      do {
        let file = try await obtain(archive)
        try unpack(archive, at: file, kit: nil)
        files.append(file.record)
      } catch let error as AcquisitionError where !error.endsEverything {
        notes.append("\(archive.file), which is not needed, was left out: \(error.problem)")
      }
    }
    try stageBundledLists()
    try checkStaged()
    try place(notes: &notes)
    try finish(files)
    return try result(of: .downloaded, files: files, notes: notes)
  }
}
