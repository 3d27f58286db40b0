import Foundation
import Support
import Synchronization

/// An exclusive lock for writing into a folder, for one process at a time: an flock on the file `lock` in it.
///
/// The system releases the lock when the process ends, however it ends, so that a `lock` file that a killed process has
/// left means nothing. Where the file system has no locks, the lock is refused: two trainings would write into one
/// folder.
public final class RunLock: Sendable {
  public let folder: URL
  private let made: CreatedDirectories
  private let state: Mutex<State>

  private enum State {
    /// The descriptor of the locked file; `nil` where the file system has no locks.
    case held(Int32?)
    case released
  }

  /// Takes the lock, and creates the folder where there is none.
  ///
  /// - Parameters:
  ///   - waiting: whether to wait for another holder; otherwise the lock is refused at once.
  ///   - isRequired: whether a file system without locks is refused; otherwise nothing is locked there, because the
  ///     work was divided so that no other process writes into this folder.
  /// - Throws: ``RunError/inUse(path:)``, ``LockError`` where the file system gives no locks, or `WritingError`
  ///   where the folder cannot be written.
  public init(at folder: URL, waiting: Bool = false, isRequired: Bool = true) throws {
    self.folder = folder
    let made = try CreatedDirectories(upTo: folder)
    self.made = made
    do {
      state = Mutex(.held(try Self.locked(in: folder, waiting: waiting)))
    } catch is LockError where !isRequired {
      state = Mutex(.held(nil))
    } catch {
      made.removeEmpty()
      throw error
    }
  }

  deinit { release() }

  /// Releases the lock before the value's lifetime ends, and removes what was created for it and is empty.
  ///
  /// Write `defer { lock.release() }`: without a later use, a value may be released before the end of its scope.
  public func release() {
    state.withLock { state in
      guard case .held(let descriptor) = state else { return }
      if let descriptor {
        // While it is still locked: a process that has already opened this file finds that its name is gone, and retries.
        unlink(Self.file(in: folder).path)
        close(descriptor)
      }
      state = .released
      made.removeEmpty()
    }
  }

  /// Whether a process holds the lock of `folder` now.
  public static func isHeld(at folder: URL) -> Bool {
    let descriptor = open(file(in: folder).path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  static let name = "lock"
  private static func file(in folder: URL) -> URL { folder.appending(path: name) }

  /// - Returns: the descriptor of a locked file that still has its name.
  private static func locked(in folder: URL, waiting: Bool) throws -> Int32 {
    let path = file(in: folder).path
    var attempts = 0
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else {
        // A previous holder may have removed the folder, which it had created.
        guard errno == ENOENT, attempts < CreatedDirectories.mostAttempts else {
          throw WritingError.failed(path: path, reason: String(cString: strerror(errno)))
        }
        attempts += 1
        _ = try CreatedDirectories(upTo: folder)
        continue
      }
      do {
        guard try acquired(descriptor, waiting: waiting, in: folder) else {
          throw RunError.inUse(path: folder.path)
        }
      } catch {
        if error is LockError { unlink(path) }  // no process holds it: none can
        close(descriptor)
        throw error
      }
      if isFile(descriptor, named: path) { return descriptor }
      close(descriptor)
    }
  }

  private static func acquired(_ descriptor: Int32, waiting: Bool, in folder: URL) throws -> Bool {
    var attempts = 0
    while flock(descriptor, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK:
        // `isHeld` locks the file for an instant: that is no reason to refuse.
        attempts += 1
        guard attempts < 5 else { return false }
        usleep(10_000)
      default:
        let reason = String(cString: strerror(errno))
        throw LockError(folder: folder, reason: reason, fileSystem: FileSystemType(of: descriptor))
      }
    }
    return true
  }

  private static func isFile(_ descriptor: Int32, named path: String) -> Bool {
    var (open, named) = (stat(), stat())
    guard fstat(descriptor, &open) == 0, stat(path, &named) == 0 else { return false }
    return open.st_ino == named.st_ino && open.st_dev == named.st_dev
  }
}

/// A lock that the file system refuses, for another reason than that a process holds it.
public struct LockError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  init(folder: URL, reason: String, fileSystem: FileSystemType?) {
    problem =
      "\(folder.path) cannot be locked: \(reason). "
      + "It is on a file system of type \(fileSystem?.name ?? "unknown"), and without a lock another process could"
      + " write into it at the same time"
    remedy =
      "Give a folder on a local disk, or have this file system mounted with locks"
      + (fileSystem?.hint.map { " (\($0))" } ?? "")
  }

  private init(_ problem: String, remedy: String?) { (self.problem, self.remedy) = (problem, remedy) }

  /// The same error for work that can be divided without locks.
  package var ofDivisibleWork: LockError {
    LockError(problem, remedy: (remedy ?? "") + ", or divide the work with --shard i/n, which needs no locks")
  }
}
