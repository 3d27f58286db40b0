import Datasets
import Foundation
import NamedModels
import Support

// What is there, what lacks, and which archives bring it.

extension DatasetDownload {
  /// The needed paths that lack, or whose images are not all there.
  func missingNeeds() throws -> [String] {
    if (try? FileSystem.kind(of: root.path)) == .file { throw DatasetError.notAFolder(path: root.path) }
    var missing = Set(source.needs.filter { !isThere($0) })
    guard FileSystem.folderExists(root.path), missing.count < source.needs.count else {
      return source.needs.filter(missing.contains)
    }
    let images = source.dataset.images
    for path in try missingImages() {
      let whole = images.isEmpty ? path : "\(images)/\(path)"
      if let need = source.needs.first(where: { whole.hasPrefix("\($0)/") }) { missing.insert(need) }
    }
    return source.needs.filter(missing.contains)
  }

  /// The images that lack, by the split file that is in the folder or is about to be; by the dataset's own lists where
  /// there is none.
  func missingImages() throws -> [String] {
    guard let list = source.lists.first(where: { $0.file == source.dataset.splitFile }), !isThere(list) else {
      return try PublishedDatasetReport(checking: source.dataset, root: root).dataset?.missing ?? []
    }
    let file = staged.appending(path: list.file, directoryHint: .notDirectory)
    guard let data = try PublishedSplits.contents(of: list) ?? (try? FileSystem.contents(of: file.path)) else {
      return []  // a split would be made of what is there
    }
    let images = source.dataset.images.isEmpty ? folder : folder.appending(path: source.dataset.images)
    return try Dataset(SplitFile(data, of: file.path), of: file, images: images).missingImages()
  }

  /// Whether a path under the dataset's folder is a file, or a folder that is not empty.
  func isThere(_ path: String) -> Bool { Self.exists(folder.appending(path: path).path) }

  func isThere(_ list: DatasetSource.List) -> Bool {
    isThere(list.file) || list.file == "classnames.txt" && FileSystem.fileExists(sharedNames.path)
  }

  /// The class names of ImageNet itself, which serve for its variants.
  var sharedNames: URL { root.appending(path: "\(PublishedDataset.imageNet.folder)/classnames.txt") }

  func isStaged(_ path: String) -> Bool {
    let whole = staged.appending(path: path).path
    return !Self.isLink(whole) && Self.exists(whole)
  }

  static func exists(_ path: String) -> Bool {
    switch try? FileSystem.kind(of: path) {
    case .file?: true
    case .folder?: ((try? FileSystem.entries(of: path))?.isEmpty) == false
    case .other?, nil: false
    }
  }

  static func isLink(_ path: String) -> Bool {
    var status = stat()
    return FileSystem.withSystemPath(path) { lstat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// The place of an archive's file, which a person or an earlier call has put there.
  func location(of archive: DatasetSource.Archive) -> URL? {
    [folder, work].map { $0.appending(path: archive.file, directoryHint: .notDirectory) }
      .first { FileSystem.fileExists($0.path) }
  }
}

extension DatasetDownload {
  /// The ways to get a needed path: the archives of each, together.
  func ways(to need: String) -> [[DatasetSource.Archive]] {
    let providers = source.archives.filter { $0.provides.contains(need) }
    let kits = providers.filter(\.isKit)
    return providers.filter { !$0.isKit }.map { kits + [$0] }
  }

  /// The first way whose files are all there, or else that can be fetched.
  func way(to need: String) -> [DatasetSource.Archive]? {
    let ways = ways(to: need)
    return ways.first { $0.allSatisfy { location(of: $0) != nil } }
      ?? ways.first { $0.allSatisfy { location(of: $0) != nil || !$0.addresses.isEmpty } }
  }

  /// The archives that provide what is missing, in the table's order, with the development kit before what needs it.
  func chosenArchives(for missing: [String]) -> [DatasetSource.Archive] {
    var provided: Set<String> = []
    var chosen: [DatasetSource.Archive] = []
    for need in missing where !provided.contains(need) {
      for archive in way(to: need) ?? [] where !chosen.contains(where: { $0.file == archive.file }) {
        chosen.append(archive)
        if !archive.isKit { provided.formUnion(archive.provides) }
      }
    }
    return chosen
  }

  /// Lists that the reference's guide has in the folder, and that nobody needs beside the split file.
  func extraArchives(besides chosen: [DatasetSource.Archive]) -> [DatasetSource.Archive] {
    guard !chosen.isEmpty, downloader.settings.offlineBecause == nil else { return [] }
    return source.archives.filter { archive in
      let isExtra = archive.provides.allSatisfy { !source.needs.contains($0) && !isThere($0) && !isStaged($0) }
      return isExtra && (location(of: archive) != nil || !archive.addresses.isEmpty)
    }
  }

  /// What a person has to get, where no way to a missing path is open; `nil` where all are.
  func manualSteps(for missing: [String]) -> ManualSteps? {
    let closed = missing.filter { way(to: $0) == nil }
    guard !closed.isEmpty else { return nil }
    var wanted: [DatasetSource.Archive] = []
    for need in missing {
      for archive in ways(to: need).first ?? [] where !wanted.contains(where: { $0.file == archive.file }) {
        wanted.append(archive)
      }
    }
    return steps(for: wanted, because: source.obstacle ?? "\(closed.joined(separator: " and ")) cannot be fetched")
  }

  func steps(for archives: [DatasetSource.Archive], because reason: String) -> ManualSteps {
    ManualSteps(
      reason: reason, terms: source.terms, page: source.page,
      files: archives.map { archive in
        func hash(_ algorithm: FileDigest.Algorithm) -> String? {
          archive.digests.first { $0.algorithm == algorithm }?.hexadecimal
        }
        return ManualSteps.File(
          file: archive.file, bytes: archive.isSizeExact ? archive.bytes : nil, sha256: hash(.sha256), md5: hash(.md5),
          address: archive.addresses.first, isThere: location(of: archive) != nil)
      },
      copies: source.copies, folder: folder.path, command: options.command)
  }

  func steps(for list: DatasetSource.List, because reason: String) -> ManualSteps {
    let sha256 = list.digest.flatMap { $0.algorithm == .sha256 ? $0.hexadecimal : nil }
    return ManualSteps(
      reason: reason, terms: source.terms, page: list.addresses.last ?? source.page,
      files: [
        ManualSteps.File(
          file: list.file, bytes: list.bytes, sha256: sha256, md5: nil, address: list.addresses.first, isThere: false)
      ],
      copies: [], folder: folder.path, command: options.command)
  }
}

// MARK: Before anything is fetched

extension DatasetDownload {
  func checkOffline(_ archives: [DatasetSource.Archive]) throws {
    guard let cause = downloader.settings.offlineBecause,
      let archive = archives.first(where: { location(of: $0) == nil })
    else { return }
    throw AcquisitionError(
      .offline, "\(archive.file) is not in \(folder.path), and \(cause) forbids requests",
      remedy: "Run the command without \(cause), or put the file there")
  }

  /// Checks that the disk has room for the archives and for what they unpack to.
  func checkRoom(for archives: [DatasetSource.Archive]) throws {
    var status = statvfs()
    guard !archives.isEmpty, FileSystem.withSystemPath(work.path, { statvfs($0, &status) }) == 0 else { return }
    let free = Int(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    let fetched = archives.filter { location(of: $0) == nil }.reduce(0) { $0 + max(0, $1.bytes - arrived($1)) }
    let unpacked = archives.filter { !$0.isKit }.reduce(0) { $0 + max(0, $1.unpackedBytes - unpackedBefore($1)) }
    guard free < fetched + unpacked else { return }
    throw AcquisitionError(
      .diskFull,
      "\(folder.path) has \(ByteCount(free)) of room, and \(source.dataset.spelling) needs \(ByteCount(fetched)) to"
        + " fetch and \(ByteCount(unpacked)) unpacked",
      remedy: "Make \(ByteCount(fetched + unpacked - free)) of room, or choose another --root")
  }

  /// The bytes of an archive's part file.
  func arrived(_ archive: DatasetSource.Archive) -> Int {
    let part = work.appending(path: ".\(archive.file).part").path
    guard let (descriptor, size) = try? FileSystem.openFile(part) else { return 0 }
    close(descriptor)
    return size
  }

  /// The space that an archive's contents take already, where an earlier call was interrupted and what it has unpacked
  /// is used.
  private func unpackedBefore(_ archive: DatasetSource.Archive) -> Int {
    guard case .imageNetTraining = archive.content else { return 0 }
    let kept = (try? FileSystem.entries(of: work.path))?.filter { $0.name.hasPrefix(Self.keptUnpacking) } ?? []
    return kept.reduce(0) { $0 + Self.space(of: work.appending(path: $1.name).path) }
  }

  /// The space of the files below a folder, in whole blocks.
  private static func space(of folder: String) -> Int {
    let entries = (try? FileSystem.entries(of: folder)) ?? []
    return entries.reduce(0) { sum, entry in
      let path = "\(folder)/\(entry.name)"
      if entry.kind == .folder, !entry.isLink { return sum + space(of: path) }
      var status = stat()
      return FileSystem.withSystemPath(path) { lstat($0, &status) } == 0 ? sum + Int(status.st_blocks) * 512 : sum
    }
  }

  func announce(_ archives: [DatasetSource.Archive]) {
    let fetched = archives.filter { location(of: $0) == nil }
    guard !fetched.isEmpty else { return }
    let list = fetched.map { "\($0.file) (\($0.isSizeExact ? "" : "about ")\(ByteCount($0.bytes)))" }
    downloader.remark("\(source.dataset.spelling): fetching \(list.joined(separator: ", "))")
    downloader.remark("Terms: \(source.terms). See \(source.page)")
  }
}

extension DatasetSource.Archive {
  var isKit: Bool { if case .imageNetKit = content { true } else { false } }

  /// The space that its contents take, roughly: images don't compress, and each file is rounded up to a block.
  var unpackedBytes: Int { bytes + bytes / 10 + files * 2048 }
}

extension AcquisitionError {
  /// Whether a person with a browser may get what was refused here.
  var isRefusal: Bool {
    switch kind {
    case .refused, .page: true
    default: false
    }
  }
}
