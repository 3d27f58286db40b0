import Foundation

/// The folders that had to be made on the way to one, so that they can be taken back.
public struct NewFolders: Sendable {
  /// Those that were not there before, the deepest first.
  public let made: [URL]

  /// Makes `url` and the folders above it, as far as they are missing, and sees that files can be written there.
  ///
  /// - Throws: ``WritingError`` with the system's reason; no new folder is left then.
  public init(upTo url: URL) throws {
    var missing: [URL] = []
    var folder = url.standardizedFileURL
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
      missing.append(folder)
      folder = folder.deletingLastPathComponent()
    }
    for (index, folder) in missing.enumerated().reversed() where mkdir(folder.path, 0o755) != 0 && errno != EEXIST {
      let reason = String(cString: strerror(errno))
      for made in missing[(index + 1)...] { rmdir(made.path) }
      throw WritingError.failed(path: url.path, reason: reason)
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue else {
      throw WritingError.failed(path: url.path, reason: "a file is in the way")
    }
    guard access(url.path, W_OK | X_OK) == 0 else {
      throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno)))
    }
    made = missing
  }

  /// Removes those of them that are empty.
  public func removeEmpty() {
    for folder in made { rmdir(folder.path) }
  }
}
