import Foundation

/// What tells a file from what it was before: its size and the time of its last change. A link stands for what it
/// leads to, and what is inside a file, such as an archive, has that file's stamp.
package struct FileStamp: Hashable, Sendable {
  package let bytes: Int
  package let seconds: Int
  package let nanoseconds: Int

  /// `nil` where nothing can be found at the path.
  package init?(of path: String) {
    var status = stat()
    var place = path
    while FileSystem.withSystemPath(place, { stat($0, &status) }) != 0 {
      guard errno == ENOTDIR, let end = place.utf8.lastIndex(of: UInt8(ascii: "/")), end > place.startIndex else {
        return nil
      }
      place = String(place[..<end])
    }
    #if os(Linux)
      let changed = status.st_mtim
    #else
      let changed = status.st_mtimespec
    #endif
    (bytes, seconds, nanoseconds) = (Int(status.st_size), Int(changed.tv_sec), Int(changed.tv_nsec))
  }
}
