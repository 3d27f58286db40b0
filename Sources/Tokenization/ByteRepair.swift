/// Repairs bytes that would be UTF-8 if some of them had not been lost on the way, as ftfy 6.3.1 does.
struct ByteRepair: Sendable {
  /// Stands for a byte that became U+FFFD.
  static let lost: UInt32 = 0x1A

  private let altered: Pattern  // sequences with a space where byte 0xA0 belongs
  private let lossy: Pattern  // sequences with a lost byte

  init(_ tables: RecordedTables) throws {
    altered = try tables.pattern("altered")
    lossy = try tables.pattern("lossy")
  }

  func repaired(_ bytes: [UInt8], from encoding: SingleByteEncoding) -> [UInt8] {
    var bytes = bytes
    if encoding.mayHaveLostSpaces, altered.matches(in: bytes) { bytes = restoringNoBreakSpaces(bytes) }
    if encoding.isSloppy { bytes = lossy.replacing(in: bytes) { _ in [0xEF, 0xBF, 0xBD] } }
    return bytes
  }

  private func restoringNoBreakSpaces(_ bytes: [UInt8]) -> [UInt8] {
    altered.replacing(in: separatingWords(bytes)) { $0.map { $0 == 0x20 ? 0xA0 : $0 } }
  }

  /// "Ã la" is "à la", a word of its own, so the space stays beside the restored byte; in Portuguese "Ã s" and
  /// "Ã quele" are one word.
  private func separatingWords(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      if byte == 0x20, index > 0, bytes[index - 1] == 0xC3 {
        let rest = bytes[(index + 1)...]
        if !Self.wordEndings.contains(where: { rest.starts(with: $0.utf8) }) { result.append(0xA0) }
      }
      result.append(byte)
    }
    return result
  }

  private static let wordEndings = [" ", "quele", "quela", "quilo", "s "]
}

/// A strict decoder of UTF-8 that also reads two variants where bytes call for them.
enum UTF8Decoder {
  /// The text, or `nil` if `bytes` are not UTF-8.
  ///
  /// With a byte 0xC0 or 0xED present, Java's two-byte null and surrogate pairs of three bytes each (CESU-8) are read
  /// as well, including ftfy's reading of either when it is cut short by a line's end.
  static func decode(_ bytes: [UInt8]) -> Scalars? {
    var text: Scalars = []
    text.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      guard let (scalar, length) = character(in: bytes, at: position) ?? variant(in: bytes, at: position) else {
        return nil
      }
      text.append(scalar)
      position += length
    }
    return text
  }

  private static func character(in bytes: [UInt8], at start: Int) -> (scalar: UInt32, length: Int)? {
    let lead = UInt32(bytes[start])
    let (length, bits, least): (Int, UInt32, UInt32)
    switch lead {
    case 0..<0x80: return (lead, 1)
    case 0xC2..<0xE0: (length, bits, least) = (2, lead & 0x1F, 0x80)
    case 0xE0..<0xF0: (length, bits, least) = (3, lead & 0x0F, 0x800)
    case 0xF0..<0xF5: (length, bits, least) = (4, lead & 0x07, 0x10000)
    default: return nil
    }
    guard start + length <= bytes.count else { return nil }
    var scalar = bits
    for byte in bytes[(start + 1)..<(start + length)] {
      guard byte & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | UInt32(byte & 0x3F)
    }
    guard scalar >= least, Unicode.Scalar(scalar) != nil else { return nil }
    return (scalar, length)
  }

  private static func variant(in bytes: [UInt8], at start: Int) -> (scalar: UInt32, length: Int)? {
    /// A last byte may be a line feed instead: ftfy's patterns take it for the end of the text.
    func holds(_ range: ClosedRange<UInt8>, at offset: Int, orLineEnd: Bool = false) -> Bool {
      guard start + offset < bytes.count else { return false }
      let byte = bytes[start + offset]
      return range.contains(byte) || (orLineEnd && byte == 0x0A && start + offset == bytes.count - 1)
    }
    if bytes[start] == 0xC0, holds(0x80...0x80, at: 1, orLineEnd: true) { return (0, 2) }
    guard bytes[start] == 0xED, holds(0xA0...0xAF, at: 1), holds(0x80...0xBF, at: 2), holds(0xED...0xED, at: 3),
      holds(0xB0...0xBF, at: 4), holds(0x80...0xBF, at: 5, orLineEnd: true)
    else { return nil }
    let high = UInt32(bytes[start + 1] & 0x0F) << 16 | UInt32(bytes[start + 2] & 0x3F) << 10
    let low = UInt32(bytes[start + 4] & 0x0F) << 6 | UInt32(bytes[start + 5] & 0x3F)
    return (0x10000 + high + low, 6)
  }
}
