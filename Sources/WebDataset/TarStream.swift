import CArchive
import CZlib
import Foundation
import Support

/// The members of a tar, also under gzip, in one pass and in the memory of one member.
///
/// A damaged header ends neither the reading nor the tar: members after it are found again by their own headers, whose
/// sums are checked. Nothing of a tar is written anywhere, so that names and links in it can do no harm.
package final class TarStream {
  /// A member, at which the stream stands until the next call of ``next()``.
  package struct Member {
    package enum Kind { case file, folder, link, other }

    /// The path as the tar has it: bytes that need not be UTF-8.
    package let path: [UInt8]
    package let kind: Kind
    /// The size in bytes that the header claims.
    package let size: Int
    /// The offset of the member's contents in the tar, in bytes, before which its headers are.
    package let offset: Int
    package let isSparse: Bool

    /// Whether the path would lead out of a folder into which the tar was unpacked.
    package var leadsOut: Bool {
      path.first == UInt8(ascii: "/")
        || path.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
    }
  }

  /// A part of the tar that cannot be read.
  package struct Damage: Error, Equatable {
    /// Whether the tar ends here, before its end.
    package let isCut: Bool
    /// The byte of the tar, unpacked, at which reading failed.
    package let byte: Int
    package let reason: String
  }

  private let handle: OpaquePointer
  private let compressed: GzipSource?
  private var hasEnded = false
  /// A damage that was found behind the last contents.
  private var pending: Damage?
  /// The end of the last member's contents, with what fills up its last block; what follows is the tar's end mark.
  private var end = 0
  /// Whether the last call found a damaged header, which is told once and not for each block after it.
  private var isSearching = false

  private static let readSize = 1 << 20
  private static let block = 512

  /// - Throws: ``Damage`` where the file is no tar; `SystemReason` where it cannot be opened.
  package init(_ path: String) throws {
    let (descriptor, _) = try FileSystem.openFile(path)
    let isGzip = GzipSource.begins(descriptor)
    close(descriptor)
    guard let handle = archive_read_new() else { throw SystemReason(code: ENOMEM) }
    archive_read_support_format_tar(handle)
    self.handle = handle
    compressed = isGzip ? try GzipSource(path) : nil
    // A plain tar is opened by name, so that libarchive skips what is not wanted without reading it.
    let code =
      if let compressed {
        archive_read_open(
          handle, Unmanaged.passUnretained(compressed).toOpaque(), nil,
          { _, source, bytes in
            guard let source else { return -1 }
            let (piece, count) = Unmanaged<GzipSource>.fromOpaque(source).takeUnretainedValue().read()
            bytes?.pointee = UnsafeRawPointer(piece)
            return la_ssize_t(count)
          }, nil)
      } else {
        FileSystem.withSystemPath(path) { archive_read_open_filename(handle, $0, Self.readSize) }
      }
    guard code == ARCHIVE_OK else { throw damage() }
  }

  deinit { archive_read_free(handle) }

  /// Whether the tar is under gzip.
  package var isCompressed: Bool { compressed != nil }

  /// The next member; `nil` at the end.
  ///
  /// - Throws: ``Damage``. The next call goes on behind it, where there is a behind.
  package func next() throws(Damage) -> Member? {
    if let damage = pending {
      pending = nil
      throw damage
    }
    while !hasEnded {
      var entry: OpaquePointer?
      let code = archive_read_next_header(handle, &entry)
      switch code {
      case ARCHIVE_OK, ARCHIVE_WARN:
        isSearching = false
        guard let entry else { continue }
        let (member, isNamed) = member(entry)
        end = member.offset + (member.size + Self.block - 1) / Self.block * Self.block
        if isNamed { return member }
      case ARCHIVE_EOF:
        hasEnded = true
        // Whole tars end in a block of zeros at least. Where one was cut between two members, all that is missing is that.
        guard position >= end + Self.block else {
          throw Damage(isCut: true, byte: position, reason: "its end mark is missing")
        }
      case ARCHIVE_RETRY:
        // No header is at this block: the next may have one.
        guard !isSearching else { continue }
        isSearching = true
        throw damage()
      default:
        hasEnded = true
        throw damage()
      }
    }
    return nil
  }

  /// Passes on the current member's contents, with the offset of each piece: a sparse file has gaps.
  package func read(_ body: (UnsafeRawBufferPointer, _ offset: Int) -> Void) throws(Damage) {
    var (bytes, size, offset): (UnsafeRawPointer?, Int, la_int64_t) = (nil, 0, 0)
    while true {
      let code = archive_read_data_block(handle, &bytes, &size, &offset)
      if code == ARCHIVE_EOF { return }
      guard code == ARCHIVE_OK, offset >= 0 else {
        hasEnded = true
        throw damage()
      }
      body(UnsafeRawBufferPointer(start: bytes, count: size), Int(offset))
    }
  }

  /// The current member's contents, which the caller has found small enough.
  package func contents(of member: Member) throws(Damage) -> Data {
    var data = Data()
    data.reserveCapacity(min(member.size, Self.readSize))
    do {
      try read { bytes, _ in data.append(contentsOf: bytes) }
    } catch {
      // The contents are whole where only what fills up their last block is missing.
      guard data.count == member.size else { throw error }
      pending = error
    }
    guard data.count == member.size else {
      throw Damage(isCut: false, byte: position, reason: "a member has \(data.count) bytes and claims \(member.size)")
    }
    return data
  }

  /// The bytes of the tar, unpacked, that were read.
  private var position: Int { Int(archive_filter_bytes(handle, 0)) }

  private func member(_ entry: OpaquePointer) -> (Member, isNamed: Bool) {
    let name = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)
    let path = name.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    let member = Member(
      path: path ?? [], kind: Self.kind(of: entry), size: max(0, Int(archive_entry_size(entry))), offset: position,
      isSparse: archive_entry_sparse_count(entry) > 0)
    return (member, path != nil)
  }

  private static func kind(of entry: OpaquePointer) -> Member.Kind {
    if archive_entry_hardlink(entry) != nil || archive_entry_symlink(entry) != nil { return .link }
    switch archive_entry_filetype(entry) & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    case S_IFLNK: return .link
    default: return .other
    }
  }

  private func damage() -> Damage {
    if let reason = compressed?.failure { return Damage(isCut: false, byte: position, reason: reason) }
    let reason = archive_error_string(handle).map { String(cString: $0) } ?? "unknown reason"
    return Damage(isCut: reason.lowercased().contains("truncated"), byte: position, reason: reason)
  }
}

/// What a file under gzip holds, piece by piece, as far as it can be unpacked: libarchive's own reader keeps back what
/// stands before a cut.
private final class GzipSource {
  private let file: gzFile
  private let space: UnsafeMutableRawPointer
  /// The reason why the rest cannot be unpacked, except that the file ends too early: the tar says so itself.
  private(set) var failure: String?

  private static let size = 1 << 16

  /// Whether a file begins as gzip does.
  static func begins(_ descriptor: Int32) -> Bool {
    var bytes: [UInt8] = [0, 0]
    return pread(descriptor, &bytes, 2, 0) == 2 && bytes == [0x1F, 0x8B]
  }

  init(_ path: String) throws(SystemReason) {
    guard let file = FileSystem.withSystemPath(path, { gzopen($0, "rbe") }) else { throw SystemReason() }
    self.file = file
    space = .allocate(byteCount: Self.size, alignment: 16)
  }

  deinit {
    gzclose(file)
    space.deallocate()
  }

  /// The next bytes, valid until the next call; none at the end.
  func read() -> (UnsafeMutableRawPointer, count: Int) {
    let count = gzread(file, space, UInt32(Self.size))
    if count <= 0 {
      var code: Int32 = 0
      let text = gzerror(file, &code).map { String(cString: $0) }
      if code != Z_OK, code != Z_BUF_ERROR { failure = "gzip: " + (text ?? "damaged data") }
    }
    return (space, Int(max(0, count)))
  }
}

/// The locale in which libarchive reads names, for the thread that works on a tar: names are UTF-8 whatever the user's
/// locale is.
package func withTarNames<Result>(_ body: () throws -> Result) rethrows -> Result {
  var made: locale_t?
  let earlier = carchive_use_utf8(&made)
  defer { carchive_restore(earlier, made) }
  return try body()
}
