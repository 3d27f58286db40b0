import CImageCodecs
import Foundation

/// The file formats that are read, each known by its first bytes.
enum ImageFormat: String {
  case jpeg = "JPEG"
  case png = "PNG"
  case webp = "WebP"

  init?(of data: Data) {
    if data.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if data.starts(with: [0x89] + Array("PNG\r\n\u{1A}\n".utf8)) {
      self = .png
    } else if data.starts(with: "RIFF".utf8), data.dropFirst(8).starts(with: "WEBP".utf8) {
      self = .webp
    } else {
      return nil
    }
  }

  private typealias SizeReader = (UnsafePointer<UInt8>, Int, UnsafeMutablePointer<ic_size>) -> ic_status
  private typealias Decoder = (UnsafePointer<UInt8>, Int, ic_size, UnsafeMutablePointer<UInt8>) -> ic_status

  private var functions: (size: SizeReader, decode: Decoder) {
    switch self {
    case .jpeg: (ic_jpeg_size, ic_jpeg_decode)
    case .png: (ic_png_size, ic_png_decode)
    case .webp: (ic_webp_size, ic_webp_decode)
    }
  }

  /// Reads the header, refuses a size beyond the limits, and only then allocates and decodes.
  func decode(_ data: Data, named name: String, limits: DecodingLimits) throws -> Image {
    try data.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
      guard let bytes = buffer.assumingMemoryBound(to: UInt8.self).baseAddress else {
        throw ImageError.empty(file: name)
      }
      let (readSize, decode) = functions
      var size = ic_size()
      try check(readSize(bytes, buffer.count, &size), named: name)
      let (width, height) = (Int(size.width), Int(size.height))
      guard width > 0, height > 0 else { throw ImageError.noPixels(file: name, width: width, height: height) }
      guard limits.allows(width: width, height: height) else {
        throw ImageError.tooLarge(file: name, width: width, height: height, maximumPixels: limits.maximumPixels)
      }
      let count = 3 * width * height
      let pixels = try [UInt8](unsafeUninitializedCapacity: count) { pixels, initializedCount in
        guard let target = pixels.baseAddress else { return }
        try check(decode(bytes, buffer.count, size, target), named: name)
        initializedCount = count
      }
      return Image(width: width, height: height, checkedPixels: pixels)
    }
  }

  private func check(_ status: ic_status, named name: String) throws {
    switch ic_code(UInt32(status.code)) {
    case IC_OK: return
    case IC_TRUNCATED: throw ImageError.truncated(file: name, format: rawValue)
    case IC_UNSUPPORTED: throw ImageError.unsupported(file: name, format: rawValue, variant: status.text)
    default: throw ImageError.damaged(file: name, format: rawValue, reason: status.text)
    }
  }
}

extension ic_status {
  /// The message up to its terminating zero, without a full stop.
  fileprivate var text: String {
    let text = withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
