import Foundation
import Support

/// The part of a file that has arrived, under a name of its own, with its hash.
///
/// Bytes are written where they belong, by offset, so that two processes on a file system without locks write the same
/// bytes to the same place. A new start is a new file: what another process still writes to is never cut.
package final class PartFile {
  package let url: URL
  /// The number of bytes that have arrived.
  package private(set) var count: Int
  private var descriptor: Int32
  private var sha256: RunningHash

  /// Opens a part with what an earlier process has left of it, whose bytes are hashed.
  package init(at url: URL) throws {
    self.url = url
    (descriptor, sha256, count) = (try Self.opened(url), RunningHash(.sha256), 0)
    do {
      try sha256.update(fromFile: descriptor)
      count = Int(lseek(descriptor, 0, SEEK_END))
    } catch {
      close(descriptor)
      throw AcquisitionError.writing(path: url.path, reason: error.text)
    }
  }

  deinit { close(descriptor) }

  private static func opened(_ url: URL) throws -> Int32 {
    let descriptor = FileSystem.withSystemPath(url.path) { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { throw AcquisitionError.writing(path: url.path, reason: SystemReason().text) }
    return descriptor
  }

  /// Appends bytes.
  ///
  /// - Parameter total: the file's size, for the message about a full disk.
  func append(_ bytes: UnsafeRawBufferPointer, total: Int?) throws {
    sha256.update(bytes)
    var written = 0
    while written < bytes.count {
      let piece = UnsafeRawBufferPointer(rebasing: bytes[written...])
      let result = pwrite(descriptor, piece.baseAddress, piece.count, off_t(count + written))
      if result < 0, errno == EINTR { continue }
      guard result > 0 else {
        let reason = SystemReason()
        let kept = count + written
        // The hash has seen more than the disk has: the next process hashes what is there.
        count = kept
        if reason.code == ENOSPC || reason.code == EDQUOT {
          throw AcquisitionError.noSpace(
            path: url.deletingLastPathComponent().path, missing: max(1, (total ?? kept + piece.count) - kept),
            keeps: url.path)
        }
        throw AcquisitionError.writing(path: url.path, reason: reason.text)
      }
      written += result
    }
    count += bytes.count
  }

  /// Begins anew with an empty file.
  func restart() throws {
    _ = FileSystem.withSystemPath(url.path) { unlink($0) }
    let new = try Self.opened(url)
    close(descriptor)
    (descriptor, sha256, count) = (new, RunningHash(.sha256), 0)
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

  /// The hash of everything that has arrived. Called once, last.
  func finishedHash() -> String { sha256.finished() }

  /// Syncs the part to disk and renames it.
  func finish(as final: URL) throws {
    guard fsync(descriptor) == 0, rename(url.path, final.path) == 0 else {
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
