import Archives
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
    package typealias Kind = ArchiveHandle.Entry.Kind

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

  private let archive: ArchiveHandle
  private let compressed: GzipSource?
  private var hasEnded = false
  /// A damage that was found behind the last contents.
  private var pending: Damage?
  /// The end of the last member's contents, with what fills up its last block; what follows is the tar's end mark.
  private var end = 0
  /// Whether the last call found a damaged header, which is told once and not for each block after it.
  private var isSearching = false

  /// The bytes for which there is room before a member's contents are read, whatever its header claims.
  private static let mostReserved = 1 << 20
  private static let block = 512

  /// - Throws: ``Damage`` where the file is no tar; `SystemReason` where it cannot be opened.
  package init(_ path: String) throws {
    let (descriptor, _) = try FileSystem.openFile(path)
    let isGzip = GzipSource.begins(descriptor)
    close(descriptor)
    archive = try ArchiveHandle([.tar], unpacksGzip: false)
    compressed = isGzip ? try GzipSource(path) : nil
    let isOpen = compressed.map { source in archive.open { source.read() } } ?? archive.open(path)
    guard isOpen else { throw damage() }
  }

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
      switch archive.next() {
      case .entry(let entry):
        isSearching = false
        let member = Member(
          path: entry.path ?? [], kind: entry.kind, size: entry.size, offset: archive.position, isSparse: entry.isSparse
        )
        end = member.offset + (member.size + Self.block - 1) / Self.block * Self.block
        if entry.path != nil { return member }
      case .end:
        hasEnded = true
        // Whole tars end in a block of zeros at least. Where one was cut between two members, all that is missing is that.
        guard archive.position >= end + Self.block else {
          throw Damage(isCut: true, byte: archive.position, reason: "its end mark is missing")
        }
      case .noHeader:
        guard !isSearching else { continue }
        isSearching = true
        throw damage()
      case .failure:
        hasEnded = true
        throw damage()
      }
    }
    return nil
  }

  /// Passes on the current member's contents, with the offset of each piece: a sparse file has gaps.
  package func read(_ body: (UnsafeRawBufferPointer, _ offset: Int) -> Void) throws(Damage) {
    guard archive.readContents(body) else {
      hasEnded = true
      throw damage()
    }
  }

  /// The current member's contents, which the caller has found small enough.
  package func contents(of member: Member) throws(Damage) -> Data {
    var data = Data()
    data.reserveCapacity(min(member.size, Self.mostReserved))
    do {
      try read { bytes, _ in data.append(contentsOf: bytes) }
    } catch {
      // The contents are whole where only what fills up their last block is missing.
      guard data.count == member.size else { throw error }
      pending = error
    }
    guard data.count == member.size else {
      throw Damage(
        isCut: false, byte: archive.position, reason: "a member has \(data.count) bytes and claims \(member.size)")
    }
    return data
  }

  private func damage() -> Damage {
    if let reason = compressed?.failure { return Damage(isCut: false, byte: archive.position, reason: reason) }
    let reason = archive.reason
    return Damage(isCut: reason.lowercased().contains("truncated"), byte: archive.position, reason: reason)
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
  func read() -> UnsafeRawBufferPointer {
    let count = gzread(file, space, UInt32(Self.size))
    if count <= 0 {
      var code: Int32 = 0
      let text = gzerror(file, &code).map { String(cString: $0) }
      if code != Z_OK, code != Z_BUF_ERROR { failure = "gzip: " + (text ?? "damaged data") }
    }
    return UnsafeRawBufferPointer(start: space, count: Int(max(0, count)))
  }
}
