import Foundation

/// A picture of 8-bit red, green and blue values.
///
/// Decoded pixels equal those of Pillow's `Image.open(file).convert("RGB")` to the last bit: alpha is dropped, colour
/// profiles are ignored, and so is the EXIF orientation unless ``PhotoReading`` asks for it.
public struct Image: Sendable, Equatable {
  /// In pixels, at least 1.
  public let width: Int
  /// In pixels, at least 1.
  public let height: Int
  /// `[height, width, 3]`, row-major, 0...255.
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

  /// For sizes and counts that hold by construction.
  init(width: Int, height: Int, checkedPixels: [UInt8]) {
    self.width = width
    self.height = height
    pixels = checkedPixels
  }

  /// Reads the file of a picture, of an animation the first frame; ``PhotoReading`` has more choices.
  ///
  /// - Throws: ``ImageError``, which names the file.
  public init(contentsOf url: URL, limits: DecodingLimits = .standard) throws {
    self = try PhotoReading(limits: limits).image(at: url)
  }

  /// Decodes the file of a picture held in memory. The format is found from the bytes, never from the name.
  ///
  /// - Parameter name: what errors call the picture.
  /// - Throws: ``ImageError``, which names the picture.
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

/// What a picture may ask for before it is refused unread, so that a small hostile file can't claim all memory.
public struct DecodingLimits: Sendable, Equatable {
  /// Pixels of a decoded or resized picture.
  public var maximumPixels: Int
  /// Bytes of a file.
  public var maximumBytes: Int

  public init(maximumPixels: Int = 200_000_000, maximumBytes: Int = 1 << 30) {
    self.maximumPixels = maximumPixels
    self.maximumBytes = maximumBytes
  }

  /// 200 megapixels, as the largest photos of phones have, and 1 GiB of file.
  public static let standard = DecodingLimits()
  /// For files that are trusted; memory is then the limit.
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
