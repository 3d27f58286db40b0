import CImageCodecs
import Foundation

/// What the header of a picture's file says: its size is known and allowed.
struct PhotoHeader: Sendable {
  let format: ImageFormat
  let stored: ic_size
  let orientation: StoredOrientation

  /// The width in pixels of the upright picture.
  var width: Int { Int(orientation.isTurned ? stored.height : stored.width) }
  var height: Int { Int(orientation.isTurned ? stored.width : stored.height) }

  /// What `view` chooses to see of it.
  ///
  /// - Throws: ``ImageError``, which names the file, and what `view` throws besides.
  func view(
    _ view: (_ width: Int, _ height: Int) throws -> ImageView, named name: String, limits: DecodingLimits
  ) throws -> ImageView {
    do {
      let chosen = try view(width, height)
      try chosen.check(pictureWidth: width, pictureHeight: height, limits: limits)
      return chosen
    } catch let error as ImageError {
      throw ImageError.shape(file: name, width: width, height: height, reason: error.problem)
    }
  }

  /// How many stored pixels of a side are decoded as one.
  func reduction(for view: ImageView, _ decoding: PhotoDecoding) -> Int {
    decoding == .scaled && format == .jpeg ? view.reduction : 1
  }

  /// The values of the whole picture, decoded with a reduction.
  func valueCount(reduction: Int) -> Int {
    let size = ic_reduced(stored, UInt32(reduction))
    return 3 * Int(size.width) * Int(size.height)
  }

  /// What is seen of the picture, from pixels as they are stored.
  ///
  /// - Parameter pixels: `[height, width, 3]` of the stored picture, decoded with this reduction.
  func image(of pixels: [UInt8], reduction: Int, seenAs view: ImageView) throws -> Image {
    try image(seenAs: view, reduction: reduction) { resizing, target in
      let status = pixels.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress else { preconditionFailure("a photo has at least one pixel") }
        return ic_resize(source, ic_reduced(stored, UInt32(reduction)), resizing, target)
      }
      try format.check(status, named: "the picture")
    }
  }

  /// What is seen of the picture.
  ///
  /// Pixels are resampled as they are stored, and only the few that are kept are turned upright. That gives the same
  /// bits: the sums are of whole numbers, so a mirrored filter gives the mirrored picture.
  ///
  /// - Parameter resize: writes what a resizing makes of the stored pixels.
  func image(
    seenAs view: ImageView, reduction: Int, by resize: (ic_resizing, UnsafeMutablePointer<UInt8>) throws -> Void
  ) throws -> Image {
    guard !view.keptColumns.isEmpty, !view.keptRows.isEmpty else { return .black(view.window) }
    let (keptWidth, keptHeight) = (view.keptColumns.count, view.keptRows.count)
    let count = 3 * keptWidth * keptHeight
    let resampling = Resampling(
      view, pictureWidth: width, pictureHeight: height, orientation: orientation, reduction: reduction)
    let pixels = try resampling.withResizing { resizing in
      try [UInt8](unsafeUninitializedCapacity: count) { target, initializedCount in
        guard let target = target.baseAddress else { return }
        try resize(resizing, target)
        initializedCount = count
      }
    }
    let kept =
      orientation.isTurned
      ? upright(pixels, storedWidth: keptHeight, storedHeight: keptWidth)
      : upright(pixels, storedWidth: keptWidth, storedHeight: keptHeight)
    return kept.padded(to: view)
  }

  func upright(_ pixels: [UInt8], storedWidth: Int, storedHeight: Int) -> Image {
    let (width, height) = orientation.isTurned ? (storedHeight, storedWidth) : (storedWidth, storedHeight)
    let image = Image(width: storedWidth, height: storedHeight, checkedPixels: pixels)
    guard orientation.value != 1 else { return image }
    let size = ic_size(width: UInt32(storedWidth), height: UInt32(storedHeight))
    return image.filled(width: width, height: height) { ic_turn_upright($0, size, orientation.value, $1) }
  }
}

/// The bytes of a picture's file whose header was read; no pixel is decoded yet.
struct EncodedPhoto {
  let header: PhotoHeader
  private let data: Data
  private let name: String
  private let decoding: PhotoDecoding

  /// - Throws: ``ImageError``, which names the file.
  init(at url: URL, reading: PhotoReading) throws {
    try self.init(ImageFile.bytes(at: url, limits: reading.limits), named: url.path, reading: reading)
  }

  /// - Throws: ``ImageError``, which names the picture.
  init(_ data: Data, named name: String, reading: PhotoReading) throws {
    guard !data.isEmpty else { throw ImageError.empty(file: name) }
    guard let format = ImageFormat(of: data) else {
      throw ImageError.notAnImage(file: name, content: describeContent(data))
    }
    (self.data, self.name, decoding) = (data, name, reading.decoding)
    var size = ic_size()
    try Self.withBytes(of: data) { bytes, count in
      try format.check(ic_read_size(format.codec, bytes, count, &size), named: name)
    }
    let (width, height) = (Int(size.width), Int(size.height))
    guard width > 0, height > 0 else { throw ImageError.noPixels(file: name, width: width, height: height) }
    guard reading.limits.allows(width: width, height: height) else {
      throw ImageError.tooLarge(file: name, width: width, height: height, maximumPixels: reading.limits.maximumPixels)
    }
    // Pillow turns a TIFF upright whenever it opens one.
    let isApplied = reading.orientation == .exif || format == .tiff
    header = PhotoHeader(
      format: format, stored: size,
      orientation: StoredOrientation(
        value: isApplied ? Self.withBytes(of: data) { ic_orientation(format.codec, $0, $1) } : 1))
  }

  /// The whole picture.
  func image() throws -> Image {
    try header.upright(
      pixels(reduction: 1), storedWidth: Int(header.stored.width), storedHeight: Int(header.stored.height))
  }

  /// The whole picture as it is stored, `[height, width, 3]`.
  func pixels(reduction: Int) throws -> [UInt8] {
    let count = header.valueCount(reduction: reduction)
    return try [UInt8](unsafeUninitializedCapacity: count) { target, initializedCount in
      guard let target = target.baseAddress else { return }
      try decode(reduction: reduction, resizing: nil, into: target)
      initializedCount = count
    }
  }

  /// What is seen of it, decoded and resampled row by row.
  func image(seenAs view: ImageView) throws -> Image {
    let reduction = header.reduction(for: view, decoding)
    return try header.image(seenAs: view, reduction: reduction) { resizing, target in
      var resizing = resizing
      try decode(reduction: reduction, resizing: &resizing, into: target)
    }
  }

  private func decode(
    reduction: Int, resizing: UnsafePointer<ic_resizing>?, into target: UnsafeMutablePointer<UInt8>
  ) throws {
    let (format, stored) = (header.format, header.stored)
    try Self.withBytes(of: data) { bytes, count in
      try format.check(
        ic_decode(format.codec, bytes, count, stored, UInt32(reduction), resizing, target), named: name)
    }
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
