import CImageCodecs
import Foundation

/// The bytes of a picture's file whose header was read: its size is known and allowed, and no pixel is decoded yet.
struct EncodedPhoto {
  private let data: Data
  private let name: String
  private let format: ImageFormat
  private let stored: ic_size
  private let orientation: StoredOrientation

  /// The width in pixels of the upright picture.
  var width: Int { Int(orientation.isTurned ? stored.height : stored.width) }
  var height: Int { Int(orientation.isTurned ? stored.width : stored.height) }

  /// - Throws: ``ImageError``, with the picture's name.
  init(_ data: Data, named name: String, reading: PhotoReading) throws {
    guard !data.isEmpty else { throw ImageError.empty(file: name) }
    guard let format = ImageFormat(of: data) else {
      throw ImageError.notAnImage(file: name, content: describeContent(data))
    }
    (self.data, self.name, self.format) = (data, name, format)
    var size = ic_size()
    try Self.withBytes(of: data) { bytes, count in
      try format.check(ic_read_size(format.codec, bytes, count, &size), named: name)
    }
    stored = size
    let (width, height) = (Int(size.width), Int(size.height))
    guard width > 0, height > 0 else { throw ImageError.noPixels(file: name, width: width, height: height) }
    guard reading.limits.allows(width: width, height: height) else {
      throw ImageError.tooLarge(file: name, width: width, height: height, maximumPixels: reading.limits.maximumPixels)
    }
    // Pillow turns a TIFF upright whenever it opens one.
    let isApplied = reading.orientation == .exif || format == .tiff
    orientation = StoredOrientation(
      value: isApplied ? Self.withBytes(of: data) { ic_orientation(format.codec, $0, $1) } : 1)
  }

  /// Decodes the whole picture.
  func image() throws -> Image {
    let pixels = try decoded(valueCount: 3 * width * height, resizing: nil)
    let size = stored
    guard orientation.value != 1 else { return Image(width: width, height: height, checkedPixels: pixels) }
    return upright(pixels, storedWidth: Int(size.width), storedHeight: Int(size.height))
  }

  /// Decodes the part that a view shows, and resamples it row by row.
  ///
  /// Pixels are resampled in their stored orientation, and only the few that are kept are turned upright. That gives
  /// the same bits: the sums are of whole numbers, so a mirrored filter gives the mirrored picture.
  func image(seenAs view: ImageView) throws -> Image {
    guard !view.keptColumns.isEmpty, !view.keptRows.isEmpty else { return .black(view.window) }
    let resampling = Resampling(view, pictureWidth: width, pictureHeight: height, orientation: orientation)
    let pixels = try resampling.withResizing { resizing in
      var resizing = resizing
      return try decoded(
        valueCount: 3 * view.keptColumns.count * view.keptRows.count, resizing: &resizing)
    }
    let (keptWidth, keptHeight) = (view.keptColumns.count, view.keptRows.count)
    let kept =
      orientation.isTurned
      ? upright(pixels, storedWidth: keptHeight, storedHeight: keptWidth)
      : upright(pixels, storedWidth: keptWidth, storedHeight: keptHeight)
    return kept.padded(to: view)
  }

  private func decoded(valueCount: Int, resizing: UnsafePointer<ic_resizing>?) throws -> [UInt8] {
    try Self.withBytes(of: data) { bytes, count in
      try [UInt8](unsafeUninitializedCapacity: valueCount) { pixels, initializedCount in
        guard let target = pixels.baseAddress else { return }
        try format.check(ic_decode(format.codec, bytes, count, stored, resizing, target), named: name)
        initializedCount = valueCount
      }
    }
  }

  private func upright(_ pixels: [UInt8], storedWidth: Int, storedHeight: Int) -> Image {
    let (width, height) = orientation.isTurned ? (storedHeight, storedWidth) : (storedWidth, storedHeight)
    let image = Image(width: storedWidth, height: storedHeight, checkedPixels: pixels)
    guard orientation.value != 1 else { return image }
    let size = ic_size(width: UInt32(storedWidth), height: UInt32(storedHeight))
    return image.filled(width: width, height: height) { ic_turn_upright($0, size, orientation.value, $1) }
  }

  private static func withBytes<Result>(of data: Data, _ body: (UnsafePointer<UInt8>, Int) throws -> Result) rethrows
    -> Result
  {
    try data.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
      guard let bytes = buffer.assumingMemoryBound(to: UInt8.self).baseAddress else {
        preconditionFailure("an encoded photo has at least one byte")
      }
      return try body(bytes, buffer.count)
    }
  }
}
