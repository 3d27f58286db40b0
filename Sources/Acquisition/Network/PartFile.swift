import Foundation
import NIOCore
import NamedModels
import Support

/// The part of a file that has arrived, under a name of its own, with its hash.
///
/// The hash is computed beside the writing, on a thread of its own, of exactly the bytes that are on the disk.
/// Bytes are written where they belong, by offset, so that two processes on a file system without locks write the same
/// bytes to the same place. A new start is a new file: what another process still writes to is never cut.
package final class PartFile {
  package let url: URL
  /// The number of bytes that have arrived.
  package private(set) var count: Int
  private var descriptor: Int32
  private var hashes: Hashes

  /// The hashes of one part.
  private struct Hashes {
    let sha256 = BackgroundHash(.sha256)
    let md5: BackgroundHash?

    init(withMD5: Bool) { md5 = withMD5 ? BackgroundHash(.md5) : nil }

    func update(_ piece: ByteBuffer) {
      sha256.update(piece)
      md5?.update(piece)
    }
  }

  /// Opens a part with what an earlier process has left of it, whose bytes are hashed.
  ///
  /// - Parameter isHashedByMD5: whether that hash is computed too.
  package init(at url: URL, isHashedByMD5: Bool = false) throws {
    let (descriptor, hashes) = (try Self.opened(url), Hashes(withMD5: isHashedByMD5))
    do {
      count = try Self.hash(descriptor, into: hashes)
    } catch {
      close(descriptor)
      throw AcquisitionError.writing(path: url.path, reason: error.text)
    }
    (self.url, self.descriptor, self.hashes) = (url, descriptor, hashes)
  }

  deinit { close(descriptor) }

  private static func opened(_ url: URL) throws -> Int32 {
    let descriptor = FileSystem.withSystemPath(url.path) { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { throw AcquisitionError.writing(path: url.path, reason: SystemReason().text) }
    return descriptor
  }

  /// Hashes an open file from its beginning to its end.
  ///
  /// - Returns: its size.
  private static func hash(_ descriptor: Int32, into hashes: Hashes) throws(SystemReason) -> Int {
    var offset = 0
    while true {
      var (piece, failure) = (ByteBuffer(), SystemReason?.none)
      let count = piece.writeWithUnsafeMutableBytes(minimumWritableBytes: HTTPTransport.largestPiece) { space in
        let count = pread(descriptor, space.baseAddress, space.count, off_t(offset))
        if count < 0 { failure = SystemReason() }
        return max(0, count)
      }
      if let failure {
        guard failure.code == EINTR else { throw failure }
        continue
      }
      guard count > 0 else { return offset }
      hashes.update(piece)
      offset += count
    }
  }

  /// Appends bytes.
  ///
  /// - Parameter total: the file's size, for the message about a full disk.
  func append(_ bytes: ByteBuffer, total: Int?) throws {
    var rest = bytes
    while rest.readableBytes > 0 {
      let written = rest.withUnsafeReadableBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(count)) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else {
        let reason = SystemReason()
        if reason.code == ENOSPC || reason.code == EDQUOT {
          throw AcquisitionError.noSpace(
            path: url.deletingLastPathComponent().path, missing: max(1, (total ?? count + rest.readableBytes) - count),
            keeps: url.path)
        }
        throw AcquisitionError.writing(path: url.path, reason: reason.text)
      }
      if let piece = rest.readSlice(length: written) { hashes.update(piece) }
      count += written
    }
  }

  /// Begins anew with an empty file.
  func restart() throws {
    _ = FileSystem.withSystemPath(url.path) { unlink($0) }
    let new = try Self.opened(url)
    close(descriptor)
    (descriptor, hashes, count) = (new, Hashes(withMD5: hashes.md5 != nil), 0)
  }

  /// Checks that the file system has room for the rest.
  package func checkRoom(for total: Int) throws {
    var status = statvfs()
    let folder = url.deletingLastPathComponent().path
    guard total > count, FileSystem.withSystemPath(folder, { statvfs($0, &status) }) == 0 else { return }
    let (free, isTooLarge) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
    guard !isTooLarge, free < total - count else { return }
    throw AcquisitionError.noSpace(
      path: folder, missing: total - count - free, keeps: count > 0 ? url.path : nil)
  }

  /// The hashes of everything that has arrived. Called once, last.
  func finishedHashes() -> (sha256: String, md5: String?) { (hashes.sha256.finished(), hashes.md5?.finished()) }

  /// Syncs the part to disk and renames it.
  func finish(as final: URL) throws {
    guard fsync(descriptor) == 0, Renaming.move(url.path, to: final.path) else {
      throw AcquisitionError.writing(path: final.path, reason: SystemReason().text)
    }
    do {
      try AtomicFile.syncFolder(of: final)
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: final.path, reason: error.reason)
    }
  }

  func remove() { _ = FileSystem.withSystemPath(url.path) { unlink($0) } }
}

extension RunningHash {
  /// Hashes an open file from its beginning to its end.
  func update(fromFile descriptor: Int32) throws(SystemReason) {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
      let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemReason() }
      guard count > 0 else { return }
      buffer.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
      offset += count
    }
  }
}
