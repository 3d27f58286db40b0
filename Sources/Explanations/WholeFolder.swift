import Foundation

/// Writes folders so that a reader never sees half of one.
public enum WholeFolder {
  /// Lets `body` fill a temporary folder beside `url`, then puts that in place of whatever stands there.
  ///
  /// - Throws: ``WritingError`` with the system's reason, or what `body` throws; what stood at `url` is then unchanged.
  public static func write(to url: URL, _ body: (URL) throws -> Void) throws {
    let made = TemporaryName.make(beside: url, "partial") { mkdir($0.path, 0o755) == 0 }
    guard let temporary = made else { throw systemError(url) }
    do {
      try body(temporary)
      try replace(url, by: temporary)
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      if case WritingError.failed(let path, let reason) = error {
        throw WritingError.failed(path: path.replacing(temporary.path, with: url.path), reason: reason)
      }
      throw error
    }
  }

  private static func replace(_ url: URL, by new: URL) throws {
    let old = TemporaryName.beside(url, "replaced")
    let isThere = rename(url.path, old.path) == 0
    guard isThere || errno == ENOENT else { throw systemError(url) }
    guard rename(new.path, url.path) == 0 else {
      let error = systemError(url)
      if isThere { rename(old.path, url.path) }
      throw error
    }
    try WholeFile.syncFolder(of: url)
    if isThere { try? FileManager.default.removeItem(at: old) }
  }

  private static func systemError(_ url: URL) -> WritingError {
    .failed(path: url.path, reason: String(cString: strerror(errno)))
  }
}
