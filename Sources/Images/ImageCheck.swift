import Foundation

extension Image {
  /// Checks that a file is a picture that can be read.
  ///
  /// A file that was cut off while it was copied or downloaded has lost its end, so a check of both ends finds the
  /// fault at the cost of a few pages of the file. A file whose end is not that of its format is decoded before it is
  /// refused, since some programs write more after it.
  ///
  /// - Parameter isThorough: whether every file is decoded.
  /// - Throws: ``ImageError``, with the file's path.
  public static func check(_ url: URL, isThorough: Bool, limits: DecodingLimits = .standard) throws {
    let data = try ImageFile.bytes(at: url, limits: limits)
    if !isThorough, ImageFormat(of: data)?.hasItsEnd(data) == true { return }
    _ = try Image(decoding: data, named: url.path, limits: limits)
  }
}

extension ImageFormat {
  /// Whether the last bytes are those with which the format ends.
  fileprivate func hasItsEnd(_ data: Data) -> Bool {
    switch self {
    case .jpeg: return data.suffix(2).elementsEqual([0xFF, 0xD9])
    case .png: return data.suffix(12).elementsEqual([0, 0, 0, 0] + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82])
    case .webp:
      let length = data.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      return data.count >= length + 8
    case .bmp, .gif, .tiff, .heic, .avif: return false
    }
  }
}
