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

  /// What is seen of a photo's file. Of a JPEG or a PNG that is stored row by row, no more rows are in memory than the
  /// resampling needs at a time.
  ///
  /// - Parameter view: chooses it by the size of the (upright) picture, in pixels.
  /// - Throws: ``ImageError``, which names the file, and what `view` throws besides.
  public func image(at url: URL, seenAs view: (_ width: Int, _ height: Int) throws -> ImageView) throws -> Image {
    try image(decoding: ImageFile.bytes(at: url, limits: limits), named: url.path, seenAs: view)
  }

  /// The same of a file held in memory. The format is found from the bytes, never from the name.
  ///
  /// - Parameter name: what errors call the picture.
  public func image(
    decoding data: Data, named name: String, seenAs view: (_ width: Int, _ height: Int) throws -> ImageView
  ) throws -> Image {
    let photo = try EncodedPhoto(data, named: name, reading: self)
    return try photo.image(seenAs: photo.header.view(view, named: name, limits: limits))
  }

  /// The whole picture of a file.
  ///
  /// - Throws: ``ImageError``, which names the file.
  public func image(at url: URL) throws -> Image {
    try image(decoding: ImageFile.bytes(at: url, limits: limits), named: url.path)
  }

  /// The whole picture of a file held in memory.
  ///
  /// - Throws: ``ImageError``, which names the picture.
  public func image(decoding data: Data, named name: String) throws -> Image {
    try EncodedPhoto(data, named: name, reading: self).image()
  }

  /// The size of a file's (upright) picture, by its header alone.
  ///
  /// - Throws: ``ImageError``, which names the file.
  public func size(at url: URL) throws -> (width: Int, height: Int) {
    let header = try EncodedPhoto(at: url, reading: self).header
    return (header.width, header.height)
  }
}
