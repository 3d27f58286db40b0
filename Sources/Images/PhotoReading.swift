import Foundation

/// How much of a photo is decoded before it is resized.
public enum PhotoDecoding: String, Sendable, Codable, CaseIterable {
  /// Every pixel, as Pillow does; a resized photo has Pillow's bits.
  case exact
  /// A JPEG is reduced by 2, 4 or 8 as it is decoded, as Pillow's `draft` does, to no less than twice the size that is
  /// wanted, and then resized. Other formats are decoded exactly.
  case scaled
}

/// How photos are read: what a file may claim, whether its picture is turned upright, and how much of it is decoded.
public struct PhotoReading: Sendable, Equatable {
  public var limits: DecodingLimits
  public var orientation: Orientation
  public var decoding: PhotoDecoding

  public init(
    limits: DecodingLimits = .standard, orientation: Orientation = .ignored, decoding: PhotoDecoding = .exact
  ) {
    self.limits = limits
    self.orientation = orientation
    self.decoding = decoding
  }

  /// What tells pixels that are read so from others, for keys under which they or their features are kept; empty for
  /// what was the only way at first.
  package var keyDetail: String {
    (orientation == .exif ? ", upright" : "") + (decoding == .scaled ? ", scaled" : "")
  }

  /// Decodes the part of a photo file that a view shows. Of a JPEG or a PNG that is stored row by row, no more rows are
  /// in memory than the resampling needs at a time.
  ///
  /// - Parameter view: chooses the view from the size of the (upright) picture, in pixels.
  /// - Throws: ``ImageError``, with the file's path, and the errors of `view`.
  public func image(at url: URL, seenAs view: (_ width: Int, _ height: Int) throws -> ImageView) throws -> Image {
    try image(decoding: ImageFile.bytes(at: url, limits: limits), named: url.path, seenAs: view)
  }

  /// Decodes the part of a photo in memory that a view shows. The format is found from the bytes, never from the name.
  ///
  /// - Parameter name: the picture's name in errors.
  public func image(
    decoding data: Data, named name: String, seenAs view: (_ width: Int, _ height: Int) throws -> ImageView
  ) throws -> Image {
    let photo = try EncodedPhoto(data, named: name, reading: self)
    return try photo.image(seenAs: photo.header.view(view, named: name, limits: limits))
  }

  /// Decodes the whole picture of a file.
  ///
  /// - Throws: ``ImageError``, with the file's path.
  public func image(at url: URL) throws -> Image {
    try image(decoding: ImageFile.bytes(at: url, limits: limits), named: url.path)
  }

  /// Decodes the whole picture of a file that is in memory.
  ///
  /// - Throws: ``ImageError``, with the picture's name.
  public func image(decoding data: Data, named name: String) throws -> Image {
    try EncodedPhoto(data, named: name, reading: self).image()
  }

  /// The size of a file's (upright) picture, from its header alone.
  ///
  /// - Throws: ``ImageError``, with the file's path.
  public func size(at url: URL) throws -> (width: Int, height: Int) {
    let header = try EncodedPhoto(at: url, reading: self).header
    return (header.width, header.height)
  }
}
