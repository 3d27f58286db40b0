import CArchive
import Foundation
import NamedModels
import Support

/// An archive that is read entry by entry, in one pass: tar, also under gzip, or zip. The content decides which, not
/// the name.
///
/// Only these forms are enabled in libarchive: others would only be a larger surface for hostile files, and some start
/// programs.
package final class ArchiveReader {
  /// An entry's place in the archive and what it is.
  struct Entry {
    enum Kind { case file, folder, link, other }

    /// The path as the archive has it. Names are bytes and need not be UTF-8.
    let path: [UInt8]
    let kind: Kind
  }

  private let handle: OpaquePointer
  /// The archive's path in messages; for an archive inside another, with its own path behind an exclamation mark.
  let path: String
  /// The archive that this one is inside of, which must live as long.
  private let outer: ArchiveReader?

  /// The bytes that are read from a file at once.
  private static let blockSize = 1 << 20

  /// - Parameter isRaw: whether the file is no archive, but perhaps compressed.
  /// - Throws: ``AcquisitionError`` where the file is no archive of these forms.
  package init(file path: String, isRaw: Bool = false) throws {
    (self.path, outer) = (path, nil)
    handle = try Self.made(path)
    if isRaw { archive_read_support_format_raw(handle) }
    let code = FileSystem.withSystemPath(path) { archive_read_open_filename(handle, $0, Self.blockSize) }
    guard code == ARCHIVE_OK else { throw damaged() }
  }

  /// Opens an archive that is the current entry of another.
  init(in outer: ArchiveReader, named name: [UInt8]) throws {
    path = "\(outer.path)!\(FileName.spelling(of: name))"
    self.outer = outer
    handle = try Self.made(path)
    guard carchive_open_entry(handle, outer.handle) == ARCHIVE_OK else { throw damaged() }
  }

  deinit { archive_read_free(handle) }

  private static func made(_ path: String) throws -> OpaquePointer {
    guard let handle = archive_read_new() else { throw AcquisitionError(.other, "\(path): no memory for an archive") }
    archive_read_support_filter_gzip(handle)
    archive_read_support_format_tar(handle)
    archive_read_support_format_zip(handle)
    return handle
  }

  /// The next entry; `nil` at the end.
  func next() throws -> Entry? {
    var entry: OpaquePointer?
    let code = archive_read_next_header(handle, &entry)
    if code == ARCHIVE_EOF { return nil }
    // A warning concerns a name or a date that doesn't convert; the entry is there all the same.
    guard code == ARCHIVE_OK || code == ARCHIVE_WARN, let entry else { throw damaged() }
    guard let name = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry) else {
      throw AcquisitionError(
        .archive, "\(path) has an entry whose name cannot be read", remedy: "Fetch the archive again")
    }
    return Entry(path: Array(UnsafeRawBufferPointer(start: name, count: strlen(name))), kind: Self.kind(of: entry))
  }

  private static func kind(of entry: OpaquePointer) -> Entry.Kind {
    if archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil { return .link }
    switch archive_entry_filetype(entry) & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    case S_IFLNK: return .link
    default: return .other
    }
  }

  /// Passes on the current entry's contents, with the offset of each piece: a sparse file has gaps.
  func read(_ body: (UnsafeRawBufferPointer, _ offset: Int) throws -> Void) throws {
    var (bytes, size, offset): (UnsafeRawPointer?, Int, la_int64_t) = (nil, 0, 0)
    while true {
      let code = archive_read_data_block(handle, &bytes, &size, &offset)
      if code == ARCHIVE_EOF { return }
      guard code == ARCHIVE_OK, offset >= 0 else { throw damaged() }
      try body(UnsafeRawBufferPointer(start: bytes, count: size), Int(offset))
    }
  }

  /// The current entry's contents.
  ///
  /// - Throws: ``AcquisitionError`` also where they have more than `limit` bytes.
  func contents(atMost limit: Int) throws -> Data {
    var data = Data()
    try read { bytes, offset in
      guard offset <= limit, bytes.count <= limit - offset else {
        throw AcquisitionError(
          .archive, "\(path) has an entry of more than \(ByteCount(limit)), where less is expected")
      }
      if offset > data.count { data.append(Data(count: offset - data.count)) }
      data.append(contentsOf: bytes)
    }
    return data
  }

  /// The contents of a file that gzip has compressed by itself, without an archive.
  static func unzipped(_ path: String, atMost limit: Int) throws -> Data {
    let reader = try ArchiveReader(file: path, isRaw: true)
    return try reader.next() == nil ? Data() : reader.contents(atMost: limit)
  }

  private func damaged() -> AcquisitionError {
    let reason = archive_error_string(handle).map { String(cString: $0) } ?? "unknown reason"
    return AcquisitionError(
      .archive, "\(path) is damaged, or no archive in tar, tar.gz or zip form: \(reason)",
      remedy: "Remove it, then run the same command again")
  }
}

/// Lets libarchive read names in UTF-8 on this thread, whatever the user's locale is.
func withTextNames<Result>(_ body: () throws -> Result) rethrows -> Result {
  var made: locale_t?
  let earlier = carchive_use_utf8(&made)
  defer { carchive_restore(earlier, made) }
  return try body()
}

/// Waits until everything written to the disk of an open file is on it.
///
/// - Returns: whether it is; `errno` says why not.
func syncDisk(of descriptor: Int32) -> Bool { carchive_sync_disk(descriptor) == 0 }
