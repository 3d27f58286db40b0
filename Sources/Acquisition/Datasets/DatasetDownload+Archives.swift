import Archives
import Datasets
import Foundation
import NamedModels
import Support

/// An archive's file that is whole, as far as anybody can know.
struct VerifiedArchive {
  let path: String
  let record: DatasetDownloadResult.File
}

// MARK: Fetching and verifying

extension DatasetDownload {
  /// The file of an archive: the one that is there, verified, or else a fetched one.
  func obtain(_ archive: DatasetSource.Archive) async throws -> VerifiedArchive {
    let own = folder.appending(path: archive.file, directoryHint: .notDirectory)
    if FileSystem.fileExists(own.path) {
      return VerifiedArchive(path: own.path, record: try verified(archive, at: own))
    }
    let file = work.appending(path: archive.file, directoryHint: .notDirectory)
    if FileSystem.fileExists(file.path), let record = try? verified(archive, at: file) {
      return VerifiedArchive(path: file.path, record: record)
    }
    try Task.checkCancellation()
    // A hash that a person vouches for may be of a file of another size.
    let isStrict = options.trusted.isEmpty
    let fetched = try await fetch(
      archive.file, from: archive.addresses, size: isStrict && archive.isSizeExact ? archive.bytes : nil,
      digest: isStrict ? archive.digests.first : nil, into: file)
    if !isStrict { _ = try verified(archive, at: file) }
    return VerifiedArchive(
      path: file.path,
      record: .init(file: archive.file, bytes: fetched.bytes, sha256: fetched.sha256, address: fetched.address))
  }

  /// Fetches a file from the first address that has it. Google Drive's are asked last, since each costs a request for
  /// the address of the file itself.
  func fetch(
    _ name: String, from addresses: [String], size: Int?, digest: FileDigest?, into file: URL
  ) async throws -> FetchedFile {
    if let cause = downloader.settings.offlineBecause {
      throw AcquisitionError(
        .offline, "\(name) is not in \(folder.path), and \(cause) forbids requests",
        remedy: "Run the command without \(cause), or put the file there")
    }
    var failures: [AcquisitionError] = []
    let plain = addresses.filter { !GoogleDrive.isAddress($0) }.map { Download.Address($0) }
    if !plain.isEmpty {
      do {
        return try await downloader.fetch(Download(name, from: plain, size: size, digest: digest), into: file)
      } catch let error as AcquisitionError where !error.endsEverything {
        failures.append(error)
      }
    }
    for address in addresses where GoogleDrive.isAddress(address) {
      do {
        let real = try await GoogleDrive.fileAddress(of: address, name: name, by: downloader.transport)
        return try await downloader.fetch(Download(name, from: [real], size: size, digest: digest), into: file)
      } catch let failure as TransferFailure {
        failures.append(failure.error)
      } catch let error as AcquisitionError where !error.endsEverything {
        failures.append(error)
      }
    }
    guard failures.count > 1, let last = failures.last else {
      throw failures.first
        ?? AcquisitionError(.other, "\(name) has no address", remedy: "Get it by hand, and put it into \(folder.path)")
    }
    throw AcquisitionError(
      last.kind, failures.map(\.problem).joined(separator: "; "), remedy: failures.compactMap(\.remedy).first)
  }

  /// Verifies a file that is there.
  ///
  /// - Throws: ``AcquisitionError`` where it is not the published file, nor one whose hash a person has given.
  private func verified(
    _ archive: DatasetSource.Archive, at file: URL
  ) throws -> DatasetDownloadResult.File {
    let (descriptor, size) = try opened(file)
    defer { close(descriptor) }
    if let wrong = WrongDownload(beginning: try beginning(of: descriptor)) {
      throw AcquisitionError(.archive, "\(file.path) is not used: \(wrong.problem)", remedy: wrong.remedy)
    }
    let isRightSize = !archive.isSizeExact || size == archive.bytes
    guard isRightSize || !options.trusted.isEmpty else {
      let found = size < archive.bytes ? "is incomplete: it has" : "is another file: it has"
      throw AcquisitionError(
        .length, "\(file.path) \(found) \(size) bytes, where \(archive.bytes) are expected",
        remedy: "Get it again, or give --sha256 with the hash of this one if you trust it")
    }
    let published = isRightSize ? archive.digests.first : nil
    let hashes = try Hashes(of: descriptor, also: published?.algorithm == .md5 ? .md5 : nil) { done in
      try progress(DatasetProgress(stage: .verifying, file: archive.file, done: done, total: size))
    }
    let record = DatasetDownloadResult.File(
      file: archive.file, bytes: size, sha256: hashes.sha256, address: nil)
    if options.trusted.contains(hashes.sha256) {
      downloader.remark("\(file.path) is used because its SHA-256 is the given \(hashes.sha256)")
      return record
    }
    guard let published else {
      guard isRightSize else { throw wrongHash(archive, at: file, found: "the SHA-256 \(hashes.sha256)") }
      downloader.remark("\(archive.file) has no published hash: its contents alone are checked")
      return record
    }
    let found = published.algorithm == .md5 ? hashes.md5 : hashes.sha256
    guard published.matches(found) else {
      throw wrongHash(archive, at: file, found: "the \(published.algorithm.rawValue) \(found)")
    }
    return record
  }

  private func wrongHash(_ archive: DatasetSource.Archive, at file: URL, found: String) -> AcquisitionError {
    let expected = archive.digests.first.map { ", where \($0.hexadecimal) is published" } ?? ""
    return AcquisitionError(
      .wrongHash, "\(file.path) has \(found)\(expected)",
      remedy: "Get it again, or give --sha256 with the hash of this one if you trust it")
  }

  private func opened(_ file: URL) throws -> (descriptor: Int32, size: Int) {
    do {
      return try FileSystem.openFile(file.path)
    } catch {
      throw AcquisitionError(
        .other, "\(file.path) cannot be read: \(error.text)", remedy: "Give yourself the right to read it")
    }
  }
}

/// The hashes of an open file, in one pass.
private struct Hashes {
  let sha256: String
  let md5: String

  private static let bytesBetweenProgress = 64 << 20

  /// - Parameter other: MD5 where it is needed too.
  init(of descriptor: Int32, also other: RunningHash.Algorithm?, progress: (Int) throws -> Void) throws {
    let (first, second) = (RunningHash(.sha256), other.map { RunningHash($0) })
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
      let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw AcquisitionError(.other, "A file cannot be read: \(SystemReason().text)") }
      guard count > 0 else { break }
      buffer.withUnsafeBytes { bytes in
        let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
        first.update(piece)
        second?.update(piece)
      }
      offset += count
      if offset % Self.bytesBetweenProgress < count { try progress(offset) }
    }
    (sha256, md5) = (first.finished(), second?.finished() ?? "")
  }
}

/// The first bytes of an open file.
private func beginning(of descriptor: Int32) throws -> [UInt8] {
  var buffer = [UInt8](repeating: 0, count: 1024)
  let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
  guard count >= 0 else { throw AcquisitionError(.other, "A file cannot be read: \(SystemReason().text)") }
  return Array(buffer.prefix(count))
}

// MARK: Unpacking

extension DatasetDownload {
  /// The folder in which an archive is unpacked. ImageNet's training images, hours of work, have one of their own, named
  /// by the archive's hash: an interrupted call leaves whole classes there, with which the next one goes on.
  private func unpackingFolder(of archive: DatasetSource.Archive, _ file: VerifiedArchive) -> URL {
    guard case .imageNetTraining = archive.content else {
      return work.appending(path: "unpacking", directoryHint: .isDirectory)
    }
    return work.appending(path: Self.keptUnpacking + file.record.sha256.prefix(16), directoryHint: .isDirectory)
  }

  /// The beginning of the name of a folder of unpacked files with which a later call goes on.
  static var keptUnpacking: String { "unpacking-" }

  /// Unpacks an archive and stages its contents, all of them or none.
  func unpack(_ archive: DatasetSource.Archive, at file: VerifiedArchive, kit: ImageNetKit?) throws {
    if archive.isKit { return }
    if case .plain(let path) = archive.content { return try stage(file, as: path) }
    let unpacked = unpackingFolder(of: archive, file)
    if case .imageNetTraining = archive.content {} else { try removeFolder(unpacked) }
    try createFolder(unpacked)
    let limits = ArchiveUnpacking.Limits(
      entries: 2 * archive.files + 10_000, bytes: 3 * file.record.bytes + 256 << 20)
    var unpacking = try ArchiveUnpacking(into: unpacked, limits: limits) { files, _ in
      try Task.checkCancellation()
      try progress(DatasetProgress(stage: .unpacking, file: archive.file, done: files, total: nil))
    }
    try withArchiveNames {
      let reader = try ArchiveReader(file: file.path)
      switch archive.content {
      case .archive(let moves):
        try unpacking.unpack(reader, placing: moves.place(of:))
      case .archiveInside(let path, let moves):
        let name = Array(path.utf8)
        try unpacking.unpack(
          reader, placing: { _ in nil }, inner: { $0 == name ? .init(placing: moves.place(of:)) : nil })
      case .imageNetTraining:
        try unpacking.unpack(reader, placing: { _ in nil }, inner: ImageNetTraining.folder(ofClassIn:))
      case .imageNetValidation:
        try unpacking.unpack(reader) { try kit?.place(of: $0) }
      case .plain, .imageNetKit: break
      }
    }
    let lacking = archive.provides.first { path in
      !FileSystem.exists(unpacked.appending(path: path).path)
    }
    guard lacking == nil else {
      throw AcquisitionError(
        .archive,
        "\(file.path) has no \(lacking ?? "") in it, so it is not \(archive.file) of \(source.dataset.rawValue)",
        remedy: "Get the archive of this dataset, and put it in the place of this file")
    }
    try merge(unpacked, into: staged)
  }

  private func stage(_ file: VerifiedArchive, as path: String) throws {
    let target = staged.appending(path: path)
    try createFolder(target.deletingLastPathComponent())
    do {
      try AtomicFile.write(try FileSystem.contents(of: file.path, atMost: 64 << 20), to: target)
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: target.path, reason: error.reason)
    } catch {
      throw AcquisitionError(.other, "\(file.path) cannot be read", remedy: "Get it again")
    }
  }

  /// Moves what was unpacked to what is staged; folders that both have are merged, whole needed ones are moved.
  private func merge(_ from: URL, into to: URL, path: String = "") throws {
    for entry in try entries(of: from) {
      let own = path.isEmpty ? entry.name : "\(path)/\(entry.name)"
      let (file, target) = (from.appending(path: entry.name), to.appending(path: entry.name))
      if Self.isLink(target.path) { unlink(target.path) }
      if entry.kind == .folder, FileSystem.folderExists(target.path) {
        if source.needs.contains(own) {
          try removeFolder(target)
        } else {
          try merge(file, into: target, path: own)
          continue
        }
      }
      try move(file, to: target)
    }
  }
}

// MARK: Folders

extension DatasetDownload {
  func createFolder(_ url: URL) throws {
    do {
      _ = try CreatedDirectories(upTo: url)
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: error.path, reason: error.reason)
    }
  }

  /// Renames a file or folder, on the same disk.
  func move(_ from: URL, to: URL) throws {
    guard Renaming.move(from.path, to: to.path) else {
      throw AcquisitionError.writing(path: to.path, reason: SystemReason().text)
    }
  }

  func removeFolder(_ url: URL) throws {
    guard FileSystem.exists(url.path) else { return }
    do {
      try FileManager.default.removeItem(at: url)
    } catch {
      throw AcquisitionError.writing(path: url.path, reason: "it cannot be removed")
    }
  }

  func entries(of url: URL) throws -> [FileSystem.Entry] {
    do {
      return try FileSystem.entries(of: url.path)
    } catch {
      throw AcquisitionError.writing(path: url.path, reason: error.text)
    }
  }

  /// Lets what was unpacked reach the disk before it gets its final names, so that a loss of power cannot leave empty
  /// files under them.
  func syncDisk() throws {
    let descriptor = open(work.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw AcquisitionError.writing(path: work.path, reason: SystemReason().text) }
    defer { close(descriptor) }
    guard Acquisition.syncDisk(of: descriptor) else {
      throw AcquisitionError.writing(path: work.path, reason: SystemReason().text)
    }
  }
}
