import Foundation

/// A file that could not be written, with the system's reason.
public struct WritingError: UserFacingError, Equatable {
  package let path, reason: String

  public static func failed(path: String, reason: String) -> Self { Self(path: path, reason: reason) }

  public var problem: String { "Cannot write \(path): \(reason)" }
  public var remedy: String? { "Choose a folder that exists, is writable and has room" }
}

/// Writes files so that a reader never sees half of one, whenever the process dies.
public enum AtomicFile {
  /// Writes `data` to `url`: to a temporary file in the same folder, synced to disk, then renamed over `url`.
  ///
  /// - Throws: ``WritingError`` with the system's reason; an earlier file at `url` is then unchanged.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { append in try data.withUnsafeBytes(append) }
  }

  /// Writes what `body` appends, piece by piece, in the same way, so that the contents need not be in memory at once.
  ///
  /// - Throws: ``WritingError`` with the system's reason, or what `body` throws; an earlier file at `url` is then
  ///   unchanged.
  public static func write(
    to url: URL, _ body: (_ append: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    var descriptor: Int32 = -1
    let made = TemporaryName.make(beside: url, "partial") { name in
      // Opened exclusively: an existing file of this name belongs to another process.
      descriptor = open(name.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      return descriptor >= 0
    }
    guard let temporary = made else { throw systemError(url) }
    do {
      try write(syncedTo: descriptor, for: url, body)
      guard Renaming.move(temporary.path, to: url.path) else { throw systemError(url) }
      try syncFolder(of: url)
    } catch {
      unlink(temporary.path)
      throw error
    }
  }

  /// Writes `data` to `url` if nothing has that name: of several processes that do so at once, one alone succeeds, and
  /// no reader sees half of what it writes.
  ///
  /// The temporary file gets the name as a second one, which no system gives away twice. Where a file system has no
  /// hard links the file is created exclusively and written in place; a process that is killed meanwhile leaves half of
  /// it.
  ///
  /// - Parameter link: gives a file a second name, as the system's `link` does.
  /// - Returns: whether the file was created; if not, `url` is unchanged.
  /// - Throws: ``WritingError`` with the system's reason.
  package static func create(
    _ data: Data, at url: URL,
    link: (_ old: UnsafePointer<CChar>, _ new: UnsafePointer<CChar>) -> Int32 = { Foundation.link($0, $1) }
  ) throws -> Bool {
    let temporary = TemporaryName.beside(url, "partial")
    defer { _ = FileSystem.withSystemPath(temporary.path) { unlink($0) } }
    guard try createInPlace(data, at: temporary, for: url) else { throw systemError(url) }
    let reason = FileSystem.withSystemPath(temporary.path) { old in
      FileSystem.withSystemPath(url.path) { link(old, $0) == 0 ? 0 : errno }
    }
    if reason != 0 {
      switch reason {
      case EEXIST:
        // Where the answer of a file server is lost, the system asks again, and hears that the name is taken: by whom?
        guard let identity = FileSystem.linkIdentity(of: temporary.path),
          FileSystem.linkIdentity(of: url.path) == identity
        else { return false }
      case EPERM, ENOTSUP, EOPNOTSUPP, ENOSYS, EMLINK:
        guard try createInPlace(data, at: url, for: url) else { return false }
      default: throw WritingError.failed(path: url.path, reason: SystemReason(code: reason).text)
      }
    }
    try syncFolder(of: url)
    return true
  }

  /// - Returns: whether the file was created; `false` where the name is taken.
  private static func createInPlace(_ data: Data, at place: URL, for url: URL) throws -> Bool {
    let descriptor = FileSystem.withSystemPath(place.path) { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }
    guard descriptor >= 0 else {
      guard errno == EEXIST else { throw systemError(url) }
      return false
    }
    do {
      try write(syncedTo: descriptor, for: url) { append in try data.withUnsafeBytes(append) }
    } catch {
      _ = FileSystem.withSystemPath(place.path) { unlink($0) }
      throw error
    }
    return true
  }

  /// - Parameter url: the file that the temporary one is for; errors give its path.
  private static func write(
    syncedTo descriptor: Int32, for url: URL, _ body: (_ append: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    defer { close(descriptor) }
    try body { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let written = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw systemError(url) }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
      }
    }
    guard fsync(descriptor) == 0 else { throw systemError(url) }
  }

  /// Syncs the folder that `url` is in, so that a renaming itself survives a loss of power.
  ///
  /// A file system that cannot sync a folder says that it cannot (EINVAL, ENOTSUP): there is then nothing more to do,
  /// and what was written is in place all the same.
  package static func syncFolder(of url: URL) throws {
    let descriptor = open(url.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError(url) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 || [EINVAL, ENOTSUP, EOPNOTSUPP].contains(errno) else { throw systemError(url) }
  }

  /// Removes what killed processes have left of writing `url`, a file that has just been written.
  ///
  /// Another machine may be writing the same file at this moment. So a leftover goes only if it was last written to
  /// long before `url` was, by the clock that has dated both: that of the file system's server.
  ///
  /// - Parameter seconds: how much older than `url` a leftover must be.
  package static func removeLeftovers(of url: URL, olderThan seconds: Int) {
    guard let written = FileStamp(of: url.path), let listing = try? FileSystem.entries(of: url.folderPath) else {
      return
    }
    for entry in listing
    where entry.kind == .file && entry.name.hasPrefix(".\(url.lastPathComponent).") && entry.name.hasSuffix(".partial")
    {
      let path = "\(url.folderPath)/\(entry.name)"
      guard let leftover = FileStamp(of: path), written.seconds - leftover.seconds > seconds else { continue }
      _ = FileSystem.withSystemPath(path) { unlink($0) }
    }
  }

  private static func systemError(_ url: URL) -> WritingError {
    .failed(path: url.path, reason: String(cString: strerror(errno)))
  }
}

/// Writes folders so that a reader never sees half of one.
public enum AtomicFolder {
  /// Lets `body` fill a temporary folder next to `url`, then replaces whatever is at `url` with it.
  ///
  /// - Throws: ``WritingError`` with the system's reason, or what `body` throws; what was at `url` is then unchanged.
  public static func write(to url: URL, _ body: (URL) throws -> Void) throws {
    let made = TemporaryName.make(beside: url, "partial") { mkdir($0.path, 0o755) == 0 }
    guard let temporary = made else { throw systemError(url) }
    do {
      try body(temporary)
      try replace(url, by: temporary)
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      if let error = error as? WritingError {
        throw WritingError.failed(path: error.path.replacing(temporary.path, with: url.path), reason: error.reason)
      }
      throw error
    }
  }

  private static func replace(_ url: URL, by new: URL) throws {
    let old = TemporaryName.beside(url, "replaced")
    let exists = Renaming.move(url.path, to: old.path)
    guard exists || errno == ENOENT else { throw systemError(url) }
    guard Renaming.move(new.path, to: url.path) else {
      let error = systemError(url)
      if exists { rename(old.path, url.path) }
      throw error
    }
    try AtomicFile.syncFolder(of: url)
    if exists { try? FileManager.default.removeItem(at: old) }
  }

  private static func systemError(_ url: URL) -> WritingError {
    .failed(path: url.path, reason: String(cString: strerror(errno)))
  }
}

/// Renames files and folders, also where the file system is on another machine.
package enum Renaming {
  /// Renames `old` to `new`, replacing a file there.
  ///
  /// Where the answer of a file server is lost, the system asks again, and is told that there is no `old` any more
  /// (ENOENT), although the first request was carried out. So what stands at `new` afterwards decides.
  ///
  /// - Returns: whether `old` now has the name `new`; if not, `errno` has the reason.
  package static func move(_ old: String, to new: String) -> Bool {
    let identity = FileSystem.linkIdentity(of: old)
    let code = FileSystem.withSystemPath(old) { old in FileSystem.withSystemPath(new) { rename(old, $0) } }
    guard code != 0 else { return true }
    let reason = errno
    let isDone =
      reason == ENOENT && identity != nil && FileSystem.linkIdentity(of: new) == identity && !FileSystem.exists(old)
    errno = reason
    return isDone
  }
}

/// The folders that had to be created for a path, so that they can be removed again.
public struct CreatedDirectories: Sendable {
  /// The folders that were created, the deepest first.
  public let made: [URL]

  /// Creates `url` and the missing folders above it, and checks that files can be written there.
  ///
  /// Another process may be creating and removing the same folders, to check that it can write there: what it removes
  /// between two steps of this one is created again.
  ///
  /// - Throws: ``WritingError`` with the system's reason; no new folder is left then.
  public init(upTo url: URL) throws {
    var made: [URL] = []
    var attempts = 0
    while true {
      do throws(SystemReason) {
        try Self.create(url.standardizedFileURL, made: &made)
        break
      } catch {
        attempts += 1
        if error.code == ENOENT, attempts < Self.mostAttempts { continue }
        for folder in made { rmdir(folder.path) }
        // A link that leads nowhere has a name, and is no folder.
        let isBlocked = error.code == ENOENT && FileSystem.exists(url.path)
        throw WritingError.failed(path: url.path, reason: isBlocked ? "a file is in the way" : error.text)
      }
    }
    self.made = made
  }

  /// The number of times that folders are created which other processes remove.
  package static let mostAttempts = 100

  /// - Parameter made: receives the folders that this process creates, the deepest first.
  private static func create(_ url: URL, made: inout [URL]) throws(SystemReason) {
    var missing: [URL] = []
    var folder = url
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
      missing.append(folder)
      folder = folder.deletingLastPathComponent()
    }
    for folder in missing.reversed() {
      if mkdir(folder.path, 0o755) == 0 {
        made.removeAll { $0 == folder }
        made.insert(folder, at: 0)
      } else if errno != EEXIST {
        throw SystemReason()
      }
    }
    guard try FileSystem.kind(of: url.path) == .folder else { throw SystemReason("a file is in the way") }
    guard access(url.path, W_OK | X_OK) == 0 else { throw SystemReason() }
  }

  /// Removes the created folders that are empty.
  public func removeEmpty() {
    for folder in made { rmdir(folder.path) }
  }
}

/// Temporary names for files that are being written, in the folder of the final files.
///
/// A process id is not unique: in a container the process is number 1, and on a shared disk two machines have the same
/// ids. So a name contains the machine, the process and 64 random bits, and the file is created exclusively.
package enum TemporaryName {
  /// The longest name, in bytes, that every file system accepts.
  private static let longest = 255

  /// A hidden name in the folder of `url` that ends in `.suffix`.
  package static func beside(_ url: URL, _ suffix: String) -> URL {
    let own = "\(machine)-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36)).\(suffix)"
    var name = url.lastPathComponent
    while name.utf8.count > longest - own.utf8.count - 2 { name.removeLast() }
    return url.deletingLastPathComponent().appending(path: ".\(name).\(own)")
  }

  /// Calls `make` with names until one is new.
  ///
  /// - Parameter make: returns whether it created the file or folder; otherwise the system's `errno` has the reason.
  /// - Returns: the name, or `nil` where the system refused for another reason than the name.
  static func make(beside url: URL, _ suffix: String, _ make: (URL) -> Bool) -> URL? {
    for _ in 0..<100 {
      let name = beside(url, suffix)
      if make(name) { return name }
      guard errno == EEXIST else { return nil }
    }
    return nil
  }

  /// The machine's name, as far as a file name can contain it.
  private static let machine: String = {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "host" }
    let name = bytes.prefix { $0 != 0 }.map { Unicode.Scalar(UInt8(bitPattern: $0)) }.prefix { $0 != "." }
    let plain = name.filter { $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "-") }
    return plain.prefix(20).map { String($0) }.joined()
  }()
}

extension URL {
  /// The path of the folder that a file is in.
  fileprivate var folderPath: String { deletingLastPathComponent().path }
}
