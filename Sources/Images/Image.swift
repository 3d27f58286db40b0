import Foundation

/// A picture of 8-bit red, green and blue values.
///
/// Decoded pixels equal those of Pillow's `Image.open(file).convert("RGB")` to the last bit: alpha is dropped, colour
/// profiles are ignored, and so is the EXIF orientation unless ``PhotoReading`` asks for it.
public struct Image: Sendable, Equatable {
  /// The width in pixels, at least 1.
  public let width: Int
  /// The height in pixels, at least 1.
  public let height: Int
  /// The values `[height, width, 3]`, row-major, 0...255.
  public let pixels: [UInt8]

  /// - Parameter pixels: `[height, width, 3]`, row-major, 0...255.
  /// - Throws: ``ImageError`` if a side is below 1 or the number of values does not fit the size.
  public init(width: Int, height: Int, pixels: [UInt8]) throws {
    guard width > 0, height > 0 else { throw ImageError.size(width: width, height: height) }
    guard pixels.count == Self.valueCount(width: width, height: height) else {
      throw ImageError.values(width: width, height: height, found: pixels.count)
    }
    self.init(width: width, height: height, checkedPixels: pixels)
  }

  /// Makes a picture whose size and count are right by construction.
  init(width: Int, height: Int, checkedPixels: [UInt8]) {
    self.width = width
    self.height = height
    pixels = checkedPixels
  }

  /// Reads a picture file; of an animation, the first frame. ``PhotoReading`` has more choices.
  ///
  /// - Throws: ``ImageError``, with the file's path.
  public init(contentsOf url: URL, limits: DecodingLimits = .standard) throws {
    self = try PhotoReading(limits: limits).image(at: url)
  }

  /// Decodes a picture file that is in memory. The format is found from the bytes, never from the name.
  ///
  /// - Parameter name: the picture's name in errors.
  /// - Throws: ``ImageError``, with the picture's name.
  public init(decoding data: Data, named name: String, limits: DecodingLimits = .standard) throws {
    self = try PhotoReading(limits: limits).image(decoding: data, named: name)
  }

  /// The number of values that a picture of this size holds, or `nil` if it does not fit an `Int`.
  static func valueCount(width: Int, height: Int) -> Int? {
    let (pixels, tooManyPixels) = width.multipliedReportingOverflow(by: height)
    let (values, tooManyValues) = pixels.multipliedReportingOverflow(by: 3)
    return tooManyPixels || tooManyValues ? nil : values
  }
}

/// The limits beyond which a picture is refused before it is decoded, so that a small hostile file can't claim all
/// memory.
public struct DecodingLimits: Sendable, Equatable {
  /// The most pixels of a decoded or resized picture.
  public var maximumPixels: Int
  /// The most bytes of a file.
  public var maximumBytes: Int

  public init(maximumPixels: Int = 200_000_000, maximumBytes: Int = 1 << 30) {
    self.maximumPixels = maximumPixels
    self.maximumBytes = maximumBytes
  }

  /// The standard limits: 200 megapixels, as the largest photos of phones have, and 1 GiB of file.
  public static let standard = DecodingLimits()
  /// No limits, for files that are trusted; only memory limits them then.
  public static let unlimited = DecodingLimits(maximumPixels: .max, maximumBytes: .max)

  /// - Parameter megapixels: millions of pixels.
  public init(megapixels: Int) {
    let (pixels, overflows) = megapixels.multipliedReportingOverflow(by: 1_000_000)
    self.init(maximumPixels: overflows ? .max : pixels)
  }

  /// The least whole number of megapixels that allows this size.
  static func megapixels(width: Int, height: Int) -> Int {
    Int((Double(width) * Double(height) / 1e6).rounded(.up))
  }

  func allows(width: Int, height: Int) -> Bool {
    guard Image.valueCount(width: width, height: height) != nil else { return false }
    return width * height <= maximumPixels
  }
}
