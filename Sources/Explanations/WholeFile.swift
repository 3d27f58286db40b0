import Foundation

/// A file that could not be written, with the system's reason.
public enum WritingError: Explained, Equatable {
  case failed(path: String, reason: String)

  public var problem: String {
    switch self {
    case .failed(let path, let reason): "Cannot write \(path): \(reason)"
    }
  }
  public var remedy: String? { "Choose a folder that exists, is writable and has room" }
}

/// Writes files so that a reader never sees half of one, whenever the process dies.
public enum WholeFile {
  /// Writes `data` to `url`: to a temporary name beside it, synced to disk, then renamed over `url`.
  ///
  /// - Throws: ``WritingError`` with the system's reason; whatever stood at `url` is then unchanged.
  public static func write(_ data: Data, to url: URL) throws {
    try write(to: url) { append in try data.withUnsafeBytes(append) }
  }

  /// Writes what `body` appends, piece by piece, in the same way: for contents that need not be in memory at once.
  ///
  /// - Throws: ``WritingError`` with the system's reason, or what `body` throws; whatever stood at `url` is then
  ///   unchanged.
  public static func write(
    to url: URL, _ body: (_ append: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    var descriptor: Int32 = -1
    let made = TemporaryName.make(beside: url, "partial") { name in
      // Exclusively: a file of this name is another process's.
      descriptor = open(name.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      return descriptor >= 0
    }
    guard let temporary = made else { throw systemError(url) }
    do {
      try write(syncedTo: descriptor, for: url, body)
      guard rename(temporary.path, url.path) == 0 else { throw systemError(url) }
      try syncFolder(of: url)
    } catch {
      unlink(temporary.path)
      throw error
    }
  }

  /// - Parameter url: what errors name: the file that the temporary one is for.
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
  package static func syncFolder(of url: URL) throws {
    let descriptor = open(url.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError(url) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw systemError(url) }
  }

  private static func systemError(_ url: URL) -> WritingError {
    .failed(path: url.path, reason: String(cString: strerror(errno)))
  }
}
