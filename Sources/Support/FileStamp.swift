import Foundation

/// What tells a file from what it was before: its size and the time of its last change. A link stands for what it
/// leads to.
package struct FileStamp: Hashable, Sendable {
  package let bytes: Int
  package let seconds: Int
  package let nanoseconds: Int

  /// `nil` where nothing can be found at the path.
  package init?(of path: String) {
    var status = stat()
    guard FileSystem.withSystemPath(path, { stat($0, &status) }) == 0 else { return nil }
    #if os(Linux)
      let changed = status.st_mtim
    #else
      let changed = status.st_mtimespec
    #endif
    (bytes, seconds, nanoseconds) = (Int(status.st_size), Int(changed.tv_sec), Int(changed.tv_nsec))
  }
}
