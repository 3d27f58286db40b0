import Archives
import Foundation
import NamedModels
import Support

/// Unpacks archives into a new folder: regular files alone, each at a place that is checked to be inside it.
///
/// An archive is not trusted. Absolute paths, `..`, links and devices end the unpacking, since whoever made the archive
/// meant another folder than this one. Entries that no rule places are dropped, whatever they are. The number of
/// entries and bytes is bounded, so that a small file cannot fill the disk.
package struct ArchiveUnpacking {
  /// Bounds on what an archive may hold.
  package struct Limits: Sendable, Equatable {
    let entries: Int
    let bytes: Int

    package init(entries: Int, bytes: Int) { (self.entries, self.bytes) = (entries, bytes) }
  }

  /// The path of a file below the folder for its path in the archive; `nil` for an entry that is dropped.
  package typealias Placing = (_ path: [UInt8]) throws -> [UInt8]?

  /// An archive inside the archive.
  package struct Inner {
    let placing: Placing
    /// The folder for all of its files, which gets its name once they are there and on the disk. One that has it is of
    /// an earlier call, and is left as it is. `nil` where the files go to several places.
    let folder: [UInt8]?

    package init(placing: @escaping Placing) { (self.placing, folder) = (placing, nil) }

    /// - Parameter name: a file's name below the folder, for its path in the inner archive.
    package init(folder: [UInt8], name: @escaping (_ path: [UInt8]) -> [UInt8]) {
      self.folder = folder
      placing = { folder + Self.unfinished + [slash] + name($0) }
    }

    /// The ending of a folder's name until all of it is there.
    fileprivate static let unfinished = Array(".unfinished".utf8)
  }

  /// The folder, which nobody else writes to.
  let folder: URL
  let limits: Limits
  /// Called with the files and bytes that are unpacked, now and then; may throw to stop.
  let progress: (_ files: Int, _ bytes: Int) throws -> Void

  private let descriptor: FolderDescriptor
  package private(set) var files = 0
  private var entries = 0
  private var bytes = 0

  private static let filesBetweenProgress = 64

  package init(
    into folder: URL, limits: Limits, progress: @escaping (_ files: Int, _ bytes: Int) throws -> Void = { _, _ in }
  ) throws {
    (self.folder, self.limits, self.progress) = (folder, limits, progress)
    descriptor = try FolderDescriptor(folder)
  }

  /// Unpacks the entries of `archive` that `placing` has a place for.
  ///
  /// - Parameter inner: says of a path that its entry is an archive, whose entries are placed in turn.
  package mutating func unpack(
    _ archive: ArchiveReader, placing: Placing, inner: (_ path: [UInt8]) -> Inner? = { _ in nil }
  ) throws {
    while let entry = try archive.next() {
      entries += 1
      guard entries <= limits.entries else {
        throw refused(archive, "it has more than \(limits.entries) entries")
      }
      let path = try Self.checked(entry.path, in: archive)
      if entry.kind == .folder || path.isEmpty { continue }
      if let inner = inner(path) {
        try check(entry, of: archive)
        try unpack(inner, named: path, in: archive)
        continue
      }
      guard let place = try placing(path) else { continue }
      try check(entry, of: archive)
      try write(archive, to: try Self.checked(place, in: archive))
      files += 1
      if files.isMultiple(of: Self.filesBetweenProgress) { try progress(files, bytes) }
    }
    try progress(files, bytes)
  }

  /// Unpacks the archive that is the current entry of another.
  private mutating func unpack(_ inner: Inner, named path: [UInt8], in outer: ArchiveReader) throws {
    guard let folder = inner.folder else {
      return try unpack(try ArchiveReader(in: outer, named: path), placing: inner.placing)
    }
    if descriptor.hasFolder(folder) { return }
    try unpack(try ArchiveReader(in: outer, named: path), placing: inner.placing)
    try descriptor.sync()
    try descriptor.rename(folder + Inner.unfinished, to: folder)
  }

  /// The path without empty parts and dots.
  ///
  /// - Throws: ``AcquisitionError`` for an absolute path, and one with `..`.
  private static func checked(_ path: [UInt8], in archive: ArchiveReader) throws -> [UInt8] {
    let spelling = { FileName.spelling(of: path.prefix(200)) }
    guard path.first != slash else { throw refused(archive, "its entry '\(spelling())' has an absolute path") }
    guard isUnusual(path) else { return path }
    let parts = path.split(separator: slash).filter { $0 != [dot] }
    guard !parts.contains([dot, dot]) else {
      throw refused(archive, "its entry '\(spelling())' leads out of the folder")
    }
    return Array(parts.joined(separator: [slash]))
  }

  /// Whether a path may have an empty part, or one that begins with a dot.
  private static func isUnusual(_ path: [UInt8]) -> Bool {
    var previous = slash
    for byte in path {
      if previous == slash, byte == slash || byte == dot { return true }
      previous = byte
    }
    return previous == slash
  }

  private func check(_ entry: ArchiveReader.Entry, of archive: ArchiveReader) throws {
    guard entry.kind != .file else { return }
    let noun = entry.kind == .link ? "a link" : "no regular file"
    throw refused(archive, "its entry '\(FileName.spelling(of: entry.path.prefix(200)))' is \(noun)")
  }

  private func refused(_ archive: ArchiveReader, _ reason: String) -> AcquisitionError {
    Self.refused(archive, reason)
  }

  private static func refused(_ archive: ArchiveReader, _ reason: String) -> AcquisitionError {
    AcquisitionError(
      .archive, "\(archive.path) is not unpacked: \(reason)",
      remedy: "It is not the published archive: remove it, then get that one")
  }

  /// Writes the current entry of `archive`; a second entry of a name replaces the first, as in tar.
  private mutating func write(_ archive: ArchiveReader, to path: [UInt8]) throws {
    let file = try descriptor.create(path)
    defer { close(file) }
    var end = 0
    try archive.read { piece, offset in
      let (next, isTooLarge) = offset.addingReportingOverflow(piece.count)
      guard !isTooLarge, bytes + max(end, next) <= limits.bytes else {
        throw Self.refused(archive, "it unpacks to more than \(ByteCount(limits.bytes))")
      }
      if offset != end, lseek(file, off_t(offset), SEEK_SET) < 0 { throw failure(path) }
      var rest = piece
      while !rest.isEmpty {
        let written = Foundation.write(file, rest.baseAddress, rest.count)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw failure(path) }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
      }
      end = next
    }
    bytes += end
  }

  private func failure(_ path: [UInt8]) -> AcquisitionError { descriptor.failure(path) }
}

/// An open folder, below which files are created by paths that are free of `..`.
private final class FolderDescriptor {
  private let descriptor: Int32
  private let path: String

  init(_ folder: URL) throws {
    path = folder.path
    descriptor = FileSystem.withSystemPath(path) { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw AcquisitionError.writing(path: path, reason: SystemReason().text) }
  }

  deinit { close(descriptor) }

  /// Creates a file, with the folders above it where they lack.
  func create(_ path: [UInt8]) throws -> Int32 {
    var name = path.map { CChar(bitPattern: $0) } + [0]
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    // Most files' folders are there: only a refusal costs further calls.
    for _ in 0..<3 {
      let file = openat(descriptor, &name, flags, 0o644)
      if file >= 0 { return file }
      switch errno {
      case ENOENT: try createFolders(above: path)
      case EEXIST: guard unlinkat(descriptor, &name, 0) == 0 else { throw failure(path) }
      case EINTR: continue
      default: throw failure(path)
      }
    }
    throw failure(path)
  }

  private func createFolders(above path: [UInt8]) throws {
    for index in path.indices where path[index] == slash {
      let name = path[..<index].map { CChar(bitPattern: $0) } + [0]
      guard mkdirat(descriptor, name, 0o755) == 0 || errno == EEXIST else { throw failure(path) }
    }
  }

  func hasFolder(_ path: [UInt8]) -> Bool {
    let name = path.map { CChar(bitPattern: $0) } + [0]
    let folder = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if folder >= 0 { close(folder) }
    return folder >= 0
  }

  func rename(_ path: [UInt8], to target: [UInt8]) throws {
    let (from, to) = (path.map { CChar(bitPattern: $0) } + [0], target.map { CChar(bitPattern: $0) } + [0])
    // An archive without files has made no folder.
    guard renameat(descriptor, from, descriptor, to) == 0 || errno == ENOENT else { throw failure(target) }
  }

  /// Waits until everything is on the disk.
  func sync() throws {
    guard syncDisk(of: descriptor) else {
      throw AcquisitionError.writing(path: path, reason: SystemReason().text)
    }
  }

  /// The error about a file, with the system's reason.
  func failure(_ file: [UInt8]) -> AcquisitionError {
    let reason = SystemReason()
    let name = "\(path)/\(FileName.spelling(of: file))"
    guard reason.code == ENOSPC || reason.code == EDQUOT else {
      return .writing(path: name, reason: reason.text)
    }
    return AcquisitionError(
      .diskFull, "Cannot write \(name): \(reason.text)", remedy: "Make room, then run the same command again")
  }
}

private let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")
