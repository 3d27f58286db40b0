import Foundation

/// The options of reading photos: the limits of a file, and whether its picture is turned upright.
public struct PhotoReading: Sendable, Equatable {
  public var limits: DecodingLimits
  public var orientation: Orientation

  public init(limits: DecodingLimits = .standard, orientation: Orientation = .ignored) {
    self.limits = limits
    self.orientation = orientation
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
    let chosen: ImageView
    do {
      chosen = try view(photo.width, photo.height)
      try chosen.check(pictureWidth: photo.width, pictureHeight: photo.height, limits: limits)
    } catch let error as ImageError {
      throw ImageError.shape(file: name, width: photo.width, height: photo.height, reason: error.problem)
    }
    return try photo.image(seenAs: chosen)
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
    let photo = try EncodedPhoto(ImageFile.bytes(at: url, limits: limits), named: url.path, reading: self)
    return (photo.width, photo.height)
  }
}
