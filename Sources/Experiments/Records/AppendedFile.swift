import Explanations
import Foundation

/// A file that grows at its end, each piece with one call of the system, so that a process that dies leaves whole pieces.
final class AppendedFile {
  private let url: URL
  private let descriptor: Int32

  /// - Throws: `WritingError` with the system's reason.
  init(_ url: URL) throws {
    self.url = url
    descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard descriptor >= 0 else { throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno))) }
  }

  deinit { close(descriptor) }

  /// Waits until all of it is on the disk.
  func sync() throws {
    guard fsync(descriptor) == 0 else {
      throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno)))
    }
  }

  func append(_ text: String) throws { try append(Array(text.utf8)) }

  /// - Throws: `WritingError`; a part of `bytes` may then have been written.
  func append(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(written)
    }
  }
}
