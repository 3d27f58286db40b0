import Datasets
import Foundation
import NamedModels
import Support

// Split files, the check of everything together, and the moves into place.

extension DatasetDownload {
  /// Fetches the lists that lack and don't come with the package.
  ///
  /// - Returns: the steps for one that the dataset cannot be read without.
  func fetchLists(notes: inout [String]) async throws -> ManualSteps? {
    for list in source.lists where !list.isBundled && !isThere(list) && !isStaged(list.file) {
      let place = staged.appending(path: list.file, directoryHint: .notDirectory)
      do {
        try await fetch(list, into: place)
      } catch let error as AcquisitionError where !error.endsEverything || error.kind == .offline {
        guard list.isReplaceable else { return steps(for: list, because: error.problem) }
        notes.append(
          "\(list.file) could not be had (\(error.problem)): without it the split is another than the published one."
            + " Put it into \(folder.path), or run the same command again")
      }
    }
    return nil
  }

  /// Stages the lists that lack and come with the package.
  func stageBundledLists() throws {
    for list in source.lists where !isThere(list) && !isStaged(list.file) {
      guard let data = try PublishedSplits.contents(of: list) else { continue }
      let place = staged.appending(path: list.file, directoryHint: .notDirectory)
      do {
        try AtomicFile.write(data, to: place)
      } catch let error as WritingError {
        throw AcquisitionError.writing(path: place.path, reason: error.reason)
      }
    }
  }

  func fetch(_ list: DatasetSource.List, into place: URL) async throws {
    let file = work.appending(path: list.file, directoryHint: .notDirectory)
    _ = try await fetch(list.file, from: list.addresses, size: list.bytes, digest: list.digest, into: file)
    if list.file == "classnames.txt" { try checkClassNames(file) }
    try move(file, to: place)
  }

  /// Checks the form of ImageNet's class names, of which no hash is known: a line reads `n01440764 tench`.
  func checkClassNames(_ file: URL) throws {
    let text = (try? FileSystem.contents(of: file.path, atMost: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    let lines = text?.split(whereSeparator: \.isNewline) ?? []
    guard !lines.isEmpty, lines.allSatisfy({ $0.wholeMatch(of: /n\d+ .+/) != nil }) else {
      unlink(file.path)
      throw AcquisitionError(
        .page, "What came as classnames.txt is no list of lines such as 'n01440764 tench'",
        remedy: "Get it in a browser, and put it into \(folder.path)")
    }
  }
}

// MARK: The end

extension DatasetDownload {
  /// Checks the dataset as it will be, before anything is moved into place.
  func checkStaged() throws {
    // What is in place already stands beside what is new, by links.
    let present = try entries(of: folder).map(\.name).filter { !FolderListing.isHidden($0) }
    for path in present + source.needs where !isStaged(path) && isThere(path) {
      try link(staged.appending(path: path), to: folder.appending(path: path))
    }
    if !isStaged("classnames.txt"), !isThere("classnames.txt"), FileSystem.fileExists(sharedNames.path) {
      try link(staged.appending(path: "classnames.txt"), to: sharedNames)
    }
    let report = try PublishedDatasetReport(checking: source.dataset, root: stagedRoot)
    guard report.isIncomplete else { return }
    let count = report.dataset?.missing.count ?? 0
    let reason =
      report.problem
      ?? (count > 0 ? "\(count) of its images are missing, such as \(report.dataset?.missing[0] ?? "")" : nil)
      ?? "\(report.parts.first { $0.state == .missing }?.path ?? "a part") is missing"
    throw AcquisitionError(
      .archive,
      "What was unpacked for \(source.dataset.spelling) is not the published dataset: "
        + reason.replacing(stagedRoot.path, with: root.path).trimmingCharacters(in: CharacterSet(charactersIn: ".")),
      remedy: "Look at the archives in \(folder.path) and remove \(work.path), then run the same command again")
  }

  func link(_ url: URL, to target: URL) throws {
    try createFolder(url.deletingLastPathComponent())
    if FileSystem.exists(url.path) {
      // A link of an earlier call, or what that one stands under.
      guard Self.isLink(url.path), unlink(url.path) == 0 else { return }
    }
    guard symlink(target.standardizedFileURL.path, url.path) == 0 else {
      throw AcquisitionError.writing(path: url.path, reason: SystemReason().text)
    }
  }

  /// Moves what is staged into the dataset's folder, the lists last.
  func place(notes: inout [String]) throws {
    try syncDisk()
    let lists = Set(source.lists.map(\.file))
    try placeContents(of: staged, in: folder, path: "", skipping: lists, notes: &notes)
    for list in lists.sorted() where isStaged(list) {
      try move(staged.appending(path: list), to: folder.appending(path: list))
    }
    do {
      try AtomicFile.syncFolder(of: folder.appending(path: "."))
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: folder.path, reason: error.reason)
    }
  }

  func placeContents(
    of from: URL, in to: URL, path: String, skipping: Set<String>, notes: inout [String]
  ) throws {
    for entry in try entries(of: from) {
      let own = path.isEmpty ? entry.name : "\(path)/\(entry.name)"
      let (source, target) = (from.appending(path: entry.name), to.appending(path: entry.name))
      if skipping.contains(own) || entry.isLink { continue }
      let isNeeded = self.source.needs.contains(own)
      if entry.kind == .folder, !isNeeded, FileSystem.folderExists(target.path) {
        try placeContents(of: source, in: target, path: own, skipping: skipping, notes: &notes)
        continue
      }
      if entry.kind == .folder, FileSystem.exists(target.path) {
        let aside = Self.free(target)
        try move(target, to: aside)
        notes.append("\(target.path) was incomplete, and is kept as \(aside.path)")
      }
      try move(source, to: target)
    }
  }

  /// A name for an incomplete folder that nothing has yet.
  static func free(_ folder: URL) -> URL {
    let names = (1...).lazy.map { URL(filePath: "\(folder.path).incomplete" + ($0 == 1 ? "" : "-\($0)")) }
    return names.first { !FileSystem.exists($0.path) } ?? folder
  }

  /// Removes the folder of work; archives that were fetched go with it, unless they are to be kept.
  func finish(_ files: [DatasetDownloadResult.File]) throws {
    if options.keepsArchives {
      for file in files where FileSystem.fileExists(work.appending(path: file.file).path) {
        try move(work.appending(path: file.file), to: folder.appending(path: file.file))
      }
    }
    for entry in try entries(of: work) where entry.name != "lock" {
      try? FileManager.default.removeItem(at: work.appending(path: entry.name))
    }
  }

  func result(
    of state: DatasetDownloadResult.State, files: [DatasetDownloadResult.File] = [], steps: ManualSteps? = nil,
    notes: [String] = []
  ) throws -> DatasetDownloadResult {
    let check = state == .byHand ? nil : try PublishedDatasetReport(checking: source.dataset, root: root)
    if let check, check.isIncomplete {
      throw AcquisitionError(
        .other,
        "\(folder.path) has all parts of \(source.dataset.spelling), and still cannot be read: "
          + (check.problem ?? "images are missing"),
        remedy:
          "Look at 'cocoop datasets check \(source.dataset.spelling) --root \(root.path)', and move away what is wrong")
    }
    return DatasetDownloadResult(
      name: source.dataset.rawValue, folder: folder.path, state: state, files: files, steps: steps, check: check,
      notes: notes)
  }
}
