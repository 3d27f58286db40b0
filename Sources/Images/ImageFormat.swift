import CImageCodecs
import Foundation

/// The file formats that are read, each recognized by its first bytes.
enum ImageFormat: String {
  case jpeg = "JPEG"
  case png = "PNG"
  case webp = "WebP"
  case bmp = "BMP"
  case gif = "GIF"
  case tiff = "TIFF"
  case heic = "HEIC"
  case avif = "AVIF"

  init?(of data: Data) {
    if data.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if data.starts(with: [0x89] + Array("PNG\r\n\u{1A}\n".utf8)) {
      self = .png
    } else if data.starts(with: "RIFF".utf8), data.dropFirst(8).starts(with: "WEBP".utf8) {
      self = .webp
    } else if data.starts(with: "GIF87a".utf8) || data.starts(with: "GIF89a".utf8) {
      self = .gif
    } else if Self.tiffOpenings.contains(where: { data.starts(with: $0) }) {
      self = .tiff
    } else if Self.isBitmap(data) {
      self = .bmp
    } else if let format = Self.heif(data) {
      self = format
    } else {
      return nil
    }
  }

  /// The signatures of TIFF in both byte orders, and of BigTIFF in both.
  private static let tiffOpenings: [[UInt8]] = [
    [0x49, 0x49, 0x2A, 0x00], [0x4D, 0x4D, 0x00, 0x2A], [0x49, 0x49, 0x2B, 0x00], [0x4D, 0x4D, 0x00, 0x2B],
  ]

  /// Whether the data has a bitmap's header, with the file's header before it or, as in `.dib` files, without.
  private static func isBitmap(_ data: Data) -> Bool {
    let headers: [[UInt8]] = [[12], [40], [52], [56], [64], [108], [124]].map { $0 + [0, 0, 0] }
    let hasFileHeader = data.starts(with: "BM".utf8)
    let header = data.dropFirst(hasFileHeader ? 14 : 0)
    guard headers.contains(where: { header.starts(with: $0) }) else { return false }
    // Four bytes alone could be anything: every bitmap also has the number of planes, one, after its size.
    return hasFileHeader || header.dropFirst(header.first == 12 ? 8 : 12).starts(with: [1, 0])
  }

  /// HEIC or AVIF, by the brands in a file of the ISO base media format.
  private static func heif(_ data: Data) -> ImageFormat? {
    guard data.dropFirst(4).starts(with: "ftyp".utf8) else { return nil }
    let length = data.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    let brands = data.dropFirst(8).prefix(max(0, min(length, 256) - 8))
    let names = stride(from: 0, to: brands.count, by: 4).filter { $0 != 4 }.map {
      String(decoding: brands.dropFirst($0).prefix(4), as: UTF8.self)
    }
    if names.contains(where: { ["avif", "avis"].contains($0) }) { return .avif }
    let isHEIC = names.contains { ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"].contains($0) }
    return isHEIC ? .heic : nil
  }

  var codec: ic_format {
    switch self {
    case .jpeg: IC_JPEG
    case .png: IC_PNG
    case .webp: IC_WEBP
    case .bmp: IC_BMP
    case .gif: IC_GIF
    case .tiff: IC_TIFF
    case .heic, .avif: IC_HEIF
    }
  }

  /// - Throws: ``ImageError`` where a call to the codecs failed.
  func check(_ status: ic_status, named name: String) throws {
    switch ic_code(UInt32(status.code)) {
    case IC_OK: return
    case IC_TRUNCATED: throw ImageError.truncated(file: name, format: rawValue)
    case IC_UNSUPPORTED: throw ImageError.unsupported(file: name, format: rawValue, variant: status.text)
    case IC_NO_MEMORY: throw ImageError.noMemory(file: name, reason: status.text)
    case IC_NO_LIBRARY: throw ImageError.noLibrary(file: name, format: rawValue, reason: status.text)
    default: throw ImageError.damaged(file: name, format: rawValue, reason: status.text)
    }
  }
}

extension ic_status {
  /// The message up to its terminating zero, on one line, without a full stop.
  var text: String {
    let text = withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      .split(whereSeparator: \.isNewline).joined(separator: " ")
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
