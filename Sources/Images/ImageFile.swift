import Foundation
import Support
import WebDataset

/// Reads the bytes of a picture, from a file or from a plain tar, and reports precisely why where it can't.
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
      if reason.code == ENOTDIR, let data = try inTar(path, limits) { return data }
      throw reason.isAbsence ? ImageError.missing(file: path) : ImageError.unreadable(file: path, reason: reason.text)
    }
  }

  /// - Returns: `nil` where the path leads into no tar.
  private static func inTar(_ path: String, _ limits: DecodingLimits) throws -> Data? {
    do {
      return try TarMembers.contents(of: path, atMost: limits.maximumBytes)
    } catch let error as FileSystem.TooLarge {
      throw ImageError.tooManyBytes(file: path, found: error.size, maximumBytes: limits.maximumBytes)
    } catch let reason as SystemReason {
      throw ImageError.unreadable(file: path, reason: reason.text)
    }
  }
}
