import CImageCodecs
import Support
import Foundation
import Synchronization

/// Decoded photos in memory, for whoever looks at each of them many times, such as a training with fresh views.
///
/// A view of a photo in memory has the bits of one that is decoded anew. Photos are kept as they come until the limit
/// is reached; those that come later are decoded at each use. A photo whose file has another size or time of change
/// than when it was decoded is read again.
public final class PhotoMemory: Sendable {
  public let reading: PhotoReading
  /// The most that the pixels may take, in bytes; with 0 every use decodes.
  public let limit: Int

  private struct Photo {
    let stamp: FileStamp
    let header: PhotoHeader
    /// As stored, by the reduction with which they were decoded.
    var pixels: [Int: [UInt8]] = [:]

    var bytes: Int { pixels.values.reduce(0) { $0 + $1.count } }
  }

  private struct Content {
    var photos: [String: Photo] = [:]
    /// Of pixels, with what is being decoded.
    var bytes = 0
  }

  private let content = Mutex(Content())

  public init(limit: Int, reading: PhotoReading = PhotoReading()) {
    self.limit = limit
    self.reading = reading
  }

  /// The bytes of the pixels that are kept.
  public var bytes: Int { content.withLock(\.bytes) }

  /// What is seen of a photo's file, as ``PhotoReading/image(at:seenAs:)`` has it.
  ///
  /// - Throws: ``ImageError``, which names the file, and what `view` throws besides.
  public func image(at url: URL, seenAs view: (_ width: Int, _ height: Int) throws -> ImageView) throws -> Image {
    // Without a stamp, reading says what is wrong.
    guard limit > 0, let stamp = FileStamp(of: url.path) else { return try reading.image(at: url, seenAs: view) }
    var encoded: EncodedPhoto?
    let known = photo(url.path, stamp)
    let header: PhotoHeader
    if let known {
      header = known.header
    } else {
      let photo = try EncodedPhoto(at: url, reading: reading)
      (encoded, header) = (photo, photo.header)
    }
    let chosen = try header.view(view, named: url.path, limits: reading.limits)
    let reduction = header.reduction(for: chosen, reading.decoding)
    if let pixels = known?.pixels[reduction] {
      return try header.image(of: pixels, reduction: reduction, seenAs: chosen)
    }
    let photo = try encoded ?? EncodedPhoto(at: url, reading: reading)
    let count = header.valueCount(reduction: reduction)
    guard reserve(count) else { return try photo.image(seenAs: chosen) }
    do {
      let pixels = try photo.pixels(reduction: reduction)
      keep(pixels, reduction: reduction, of: photo.header, at: url.path, stamp)
      return try photo.header.image(of: pixels, reduction: reduction, seenAs: chosen)
    } catch {
      content.withLock { $0.bytes -= count }
      throw error
    }
  }

  /// What is known of a file; a photo that has changed since is forgotten.
  private func photo(_ path: String, _ stamp: FileStamp) -> Photo? {
    content.withLock { content in
      guard let photo = content.photos[path] else { return nil }
      if photo.stamp == stamp { return photo }
      content.bytes -= photo.bytes
      content.photos[path] = nil
      return nil
    }
  }

  private func reserve(_ count: Int) -> Bool {
    content.withLock { content in
      guard count <= limit - content.bytes else { return false }
      content.bytes += count
      return true
    }
  }

  /// Keeps pixels for which there is room; what another thread has kept meanwhile stays.
  private func keep(_ pixels: [UInt8], reduction: Int, of header: PhotoHeader, at path: String, _ stamp: FileStamp) {
    content.withLock { content in
      var photo = content.photos[path] ?? Photo(stamp: stamp, header: header)
      guard photo.stamp == stamp, photo.pixels[reduction] == nil else {
        content.bytes -= pixels.count
        return
      }
      photo.pixels[reduction] = pixels
      content.photos[path] = photo
    }
  }
}
