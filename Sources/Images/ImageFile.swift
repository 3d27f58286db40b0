import Foundation
import Support

/// Reads the bytes of a picture file, and reports precisely why where it can't.
enum ImageFile {
  /// - Throws: ``ImageError`` if there is no regular, readable file of at most `limits.maximumBytes`.
  static func bytes(at url: URL, limits: DecodingLimits) throws -> Data {
    let path = url.path
    do {
      switch try FileSystem.kind(of: path) {
      case .file: break
      case .folder: throw ImageError.folder(file: path)
      case .other: throw ImageError.notAFile(file: path)  // a pipe or a device could block or never end
      }
      return try FileSystem.contents(of: path, atMost: limits.maximumBytes)
    } catch let error as FileSystem.TooLarge {
      throw ImageError.tooManyBytes(file: path, found: error.size, maximumBytes: limits.maximumBytes)
    } catch let reason as SystemReason {
      throw reason.isAbsence ? ImageError.missing(file: path) : ImageError.unreadable(file: path, reason: reason.text)
    }
  }
}
