import Foundation

/// Reads the bytes of a picture's file, and says precisely why where it can't.
enum ImageFile {
  /// - Throws: ``ImageError`` if there is no regular, readable file of at most `limits.maximumBytes`.
  static func bytes(at url: URL, limits: DecodingLimits) throws -> Data {
    let path = url.path
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw errno == ENOENT || errno == ENOTDIR ? ImageError.missing(file: path) : unreadable(path)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw ImageError.folder(file: path)
    default: throw ImageError.notAFile(file: path)  // a pipe or a device could block or never end
    }
    guard status.st_size <= limits.maximumBytes else {
      throw ImageError.tooManyBytes(file: path, found: Int(status.st_size), maximumBytes: limits.maximumBytes)
    }
    do {
      return try Data(contentsOf: url)
    } catch {
      throw access(path, R_OK) == 0
        ? ImageError.unreadable(file: path, reason: error.localizedDescription) : unreadable(path)
    }
  }

  private static func unreadable(_ path: String) -> ImageError {
    .unreadable(file: path, reason: String(cString: strerror(errno)))
  }
}
