import CArchive
import Foundation
import Support

/// An archive that libarchive reads entry by entry, in one pass.
///
/// Only the forms that are asked for are enabled: others would only be a larger surface for hostile files, and some
/// start programs.
package final class ArchiveHandle {
  package enum Form {
    case tar, zip
    /// One file without an archive around it, perhaps compressed.
    case raw
  }

  /// An entry, at whose contents the archive stands until the next call of ``next()``.
  package struct Entry {
    package enum Kind: Sendable { case file, folder, link, other }

    /// The path as the archive has it: bytes that need not be UTF-8. `nil` where it cannot be read.
    package let path: [UInt8]?
    package let kind: Kind
    /// The size in bytes that the header claims.
    package let size: Int
    package let isSparse: Bool
  }

  package enum Step {
    case entry(Entry)
    case end
    /// No header is here; the next block may have one.
    case noHeader
    /// Nothing more can be read.
    case failure
  }

  private let handle: OpaquePointer
  /// What the contents come from, which must live as long.
  private var source: AnyObject?

  /// The bytes that are read from a file at once.
  private static let readSize = 1 << 20

  /// - Parameter unpacksGzip: whether libarchive itself unpacks what is under gzip.
  /// - Throws: `SystemReason` where there is no memory.
  package init(_ forms: [Form], unpacksGzip: Bool) throws(SystemReason) {
    guard let handle = archive_read_new() else { throw SystemReason(code: ENOMEM) }
    if unpacksGzip { archive_read_support_filter_gzip(handle) }
    for form in forms {
      switch form {
      case .tar: archive_read_support_format_tar(handle)
      case .zip: archive_read_support_format_zip(handle)
      case .raw: archive_read_support_format_raw(handle)
      }
    }
    self.handle = handle
  }

  deinit { archive_read_free(handle) }

  /// Opens a file by its name, so that what is not wanted is skipped without being read.
  ///
  /// - Returns: whether it has one of the forms; if not, ``reason`` says why.
  package func open(_ path: String) -> Bool {
    FileSystem.withSystemPath(path) { archive_read_open_filename(handle, $0, Self.readSize) } == ARCHIVE_OK
  }

  /// Opens an archive that is the current entry of another.
  package func open(in outer: ArchiveHandle) -> Bool {
    source = outer
    return carchive_open_entry(handle, outer.handle) == ARCHIVE_OK
  }

  /// Opens what `next` gives piece by piece, each valid until the next call; an empty piece ends it.
  package func open(reading next: @escaping () -> UnsafeRawBufferPointer) -> Bool {
    let pieces = Pieces(next)
    source = pieces
    let code = archive_read_open(
      handle, Unmanaged.passUnretained(pieces).toOpaque(), nil,
      { _, pieces, bytes in
        guard let pieces else { return -1 }
        let piece = Unmanaged<Pieces>.fromOpaque(pieces).takeUnretainedValue().next()
        bytes?.pointee = piece.baseAddress
        return la_ssize_t(piece.count)
      }, nil)
    return code == ARCHIVE_OK
  }

  private final class Pieces {
    let next: () -> UnsafeRawBufferPointer

    init(_ next: @escaping () -> UnsafeRawBufferPointer) { self.next = next }
  }

  package func next() -> Step {
    var entry: OpaquePointer?
    switch archive_read_next_header(handle, &entry) {
    // A warning concerns a name or a date that doesn't convert; the entry is there all the same.
    case ARCHIVE_OK, ARCHIVE_WARN: return entry.map { .entry(Entry($0)) } ?? .failure
    case ARCHIVE_EOF: return .end
    case ARCHIVE_RETRY: return .noHeader
    default: return .failure
    }
  }

  /// Passes on the current entry's contents, with the offset of each piece: a sparse file has gaps.
  ///
  /// - Returns: whether all was read; if not, ``reason`` says why.
  package func readContents<Failure: Error>(
    _ body: (UnsafeRawBufferPointer, _ offset: Int) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    var (bytes, size, offset): (UnsafeRawPointer?, Int, la_int64_t) = (nil, 0, 0)
    while true {
      let code = archive_read_data_block(handle, &bytes, &size, &offset)
      if code == ARCHIVE_EOF { return true }
      guard code == ARCHIVE_OK, offset >= 0 else { return false }
      try body(UnsafeRawBufferPointer(start: bytes, count: size), Int(offset))
    }
  }

  /// The bytes of the archive, unpacked, that were read.
  package var position: Int { Int(archive_filter_bytes(handle, 0)) }

  /// The reason of the last failure, in libarchive's words.
  package var reason: String { archive_error_string(handle).map { String(cString: $0) } ?? "unknown reason" }
}

extension ArchiveHandle.Entry {
  fileprivate init(_ entry: OpaquePointer) {
    let name = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)
    path = name.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    kind = Kind(entry)
    size = max(0, Int(archive_entry_size(entry)))
    isSparse = archive_entry_sparse_count(entry) > 0
  }
}

extension ArchiveHandle.Entry.Kind {
  fileprivate init(_ entry: OpaquePointer) {
    if archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil {
      self = .link
      return
    }
    switch archive_entry_filetype(entry) & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    case S_IFLNK: self = .link
    default: self = .other
    }
  }
}

/// Lets libarchive read names in UTF-8 on this thread, whatever the user's locale is.
package func withArchiveNames<Result>(_ body: () throws -> Result) rethrows -> Result {
  var made: locale_t?
  let earlier = carchive_use_utf8(&made)
  defer { carchive_restore(earlier, made) }
  return try body()
}
