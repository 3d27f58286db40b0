import Foundation
import NamedModels
import Support

/// An exclusive lock by which two processes fetch a file once.
///
/// Where the file system has no locks, there is none, and work goes on: a file is only ever renamed to its final name
/// after its hash was checked, so that a lock saves traffic and not correctness.
final class FileLock: Sendable {
  private let descriptor: Int32
  private let path: String
  private let isRemoved: Bool
  /// Whether other processes are kept out.
  let isHeld: Bool

  private static let pollingPause: Duration = .milliseconds(100)
  private static let reminderPause: Duration = .seconds(10)

  /// Waits for the lock.
  ///
  /// - Parameters:
  ///   - url: the lock file, in a folder that exists.
  ///   - isRemoved: whether the file is removed afterwards; not where other programs lock it too.
  ///   - waiting: called with a sentence while another process has the lock, at first and each ten seconds.
  init(at url: URL, isRemoved: Bool, waiting: @Sendable (String) -> Void) async throws {
    (path, self.isRemoved) = (url.path, isRemoved)
    var lastReminder: ContinuousClock.Instant?
    while true {
      let descriptor = FileSystem.withSystemPath(path) { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o664) }
      guard descriptor >= 0 else {
        throw AcquisitionError.writing(path: path, reason: SystemReason().text)
      }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
        if Self.isFile(descriptor, named: path) {
          (self.descriptor, isHeld) = (descriptor, true)
          return
        }
        close(descriptor)  // the holder before us has removed this file
        continue
      }
      guard errno == EWOULDBLOCK || errno == EINTR else {
        (self.descriptor, isHeld) = (descriptor, false)
        return
      }
      close(descriptor)
      if lastReminder.map({ ContinuousClock.now - $0 >= Self.reminderPause }) ?? true {
        waiting("Waiting for another process that has the lock \(path)")
        lastReminder = .now
      }
      try await Task.sleep(for: Self.pollingPause)
    }
  }

  /// Releases the lock.
  func release() {
    if isRemoved, isHeld { _ = FileSystem.withSystemPath(path) { unlink($0) } }
    close(descriptor)
  }

  private static func isFile(_ descriptor: Int32, named path: String) -> Bool {
    var (open, named) = (stat(), stat())
    guard fstat(descriptor, &open) == 0, FileSystem.withSystemPath(path, { stat($0, &named) }) == 0 else {
      return false
    }
    return open.st_ino == named.st_ino && open.st_dev == named.st_dev
  }
}
