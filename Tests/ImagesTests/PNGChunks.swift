import Foundation

/// Just enough of PNG to make hostile files.
enum PNGChunks {
  /// The file with a correct checksum in every complete chunk.
  static func mended(_ data: Data) -> Data {
    var bytes = [UInt8](data)
    var start = 8
    while start + 12 <= bytes.count {
      let length = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - start - 12 else { break }
      let end = start + 8 + length
      bytes.replaceSubrange(end..<end + 4, with: bigEndian(checksum(bytes[start + 4..<end])))
      start = end + 4
    }
    return Data(bytes)
  }

  static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// CRC-32 as PNG defines it (specification, annex D), a byte at a time.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
  }
  private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
  }
}

/// Files that claim to be huge, or nothing at all.
enum Bomb {
  /// A PNG of 8-bit RGB of which only the header and the start of the pixels exist.
  static func png(width: UInt32, height: UInt32) -> Data {
    let size = PNGChunks.bigEndian(width) + PNGChunks.bigEndian(height)
    let header: [UInt8] = [0, 0, 0, 13] + Array("IHDR".utf8) + size + [8, 2, 0, 0, 0] + [0, 0, 0, 0]
    let pixels: [UInt8] = [0, 0, 0, 2] + Array("IDAT".utf8) + [0x78, 0x9C] + [0, 0, 0, 0]
    return PNGChunks.mended(Data([0x89] + Array("PNG\r\n\u{1A}\n".utf8) + header + pixels))
  }
}
