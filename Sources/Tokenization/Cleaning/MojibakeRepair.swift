/// Undoes mojibake, text whose UTF-8 bytes were read in a single-byte encoding: "cafÃ©" becomes "café".
///
/// Follows ftfy 6.3.1 (`fix_encoding`, R. Speer; the sets of its patterns are recorded in `characters.txt`): where the
/// text looks bad, write it in each likely encoding and read the bytes as UTF-8; else repair the parts that do look
/// like UTF-8; else read leftover C1 controls as Windows-1252.
struct MojibakeRepair: Sendable {
  private let encodings: [SingleByteEncoding]  // in the order in which they are tried
  private let unlikely: Pattern  // juxtapositions that hardly occur in real text
  private let sequences: EmbeddedSequences
  private let bytes: ByteRepair
  private let controls: ScalarMap

  init(_ tables: RecordedTables) throws {
    encodings = try SingleByteEncoding.names.map { try SingleByteEncoding(named: $0, tables) }
    unlikely = try tables.pattern("mojibake")
    sequences = try EmbeddedSequences(tables)
    bytes = try ByteRepair(tables)
    controls = try tables.map("controls")
  }

  func repaired(_ text: Scalars) -> Scalars {
    var text = text
    while true {
      let next = step(text)
      if next == text { return text }
      text = next
    }
  }

  private func step(_ text: Scalars) -> Scalars {
    guard text.contains(where: { $0 >= 0x80 }), unlikely.matches(in: text) else { return text }
    for encoding in encodings {
      guard let encoded = encoding.bytes(of: text) else { continue }
      let candidate = bytes.repaired(encoded, from: encoding)
      if let decoded = UTF8Decoder.decode(candidate) { return decoded }
    }
    let repaired = sequences.replacing(in: text) { part in
      // Only a shorter text is repaired again: the same one would never end.
      part.count < text.count && unlikely.matches(in: Scalars(part)) ? self.repaired(Scalars(part)) : Scalars(part)
    }
    return repaired != text ? repaired : controls.applied(to: text)
  }
}

/// Finds runs of characters that spell UTF-8 sequences in some single-byte encoding, within any other text.
private struct EmbeddedSequences: Sendable {
  private let leads: [ScalarSet]  // of sequences of 2, 3 and 4 bytes
  private let continuation: ScalarSet
  private let strictContinuation: ScalarSet

  init(_ tables: RecordedTables) throws {
    leads = try (2...4).map { try tables.set("utf8_first_of_\($0)") }
    continuation = try tables.set("utf8_continuation")
    strictContinuation = try tables.set("utf8_continuation_strict")
  }

  func replacing(in text: Scalars, with replacement: (ArraySlice<UInt32>) -> Scalars) -> Scalars {
    var result: Scalars = []
    var position = 0
    while position < text.count {
      var end = position
      if position == 0 || !strictContinuation.contains(text[position - 1]) {
        while let length = sequenceLength(in: text, at: end) { end += length }
      }
      if end > position {
        result += replacement(text[position..<end])
        position = end
      } else {
        result.append(text[position])
        position += 1
      }
    }
    return result
  }

  private func sequenceLength(in text: Scalars, at start: Int) -> Int? {
    guard start < text.count else { return nil }
    for (index, lead) in leads.enumerated() where lead.contains(text[start]) {
      let length = index + 2
      guard start + length <= text.count else { continue }
      if text[(start + 1)..<(start + length)].allSatisfy(continuation.contains) { return length }
    }
    return nil
  }
}

/// Repairs bytes that would be UTF-8 if some of them had not been lost on the way, as ftfy 6.3.1 does.
struct ByteRepair: Sendable {
  /// A placeholder for a byte that became U+FFFD.
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

  /// Separates words that a repair would join: "Ã la" is "à la", a word of its own, so the space stays after the
  /// restored byte; in Portuguese "Ã s" and "Ã quele" are one word.
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
    /// Whether a byte is in `range`. A last byte may be a line feed instead: ftfy's patterns take it for the end of the
    /// text.
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

/// An encoding of one byte a character, with ASCII below 0x80.
///
/// The "sloppy" ones are Windows code pages whose unassigned bytes mean the scalar of the same number, as in HTML 5,
/// and whose byte 0x1A means U+FFFD, a character that was lost before.
struct SingleByteEncoding: Sendable {
  let isSloppy: Bool
  /// Whether a lost no-break space is possible. MacRoman spells an en dash 0xD0, which before a space is no sign of
  /// one.
  let mayHaveLostSpaces: Bool
  private let codes: ScalarMap

  static let names = [
    "latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253",
    "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437",
  ]

  init(named name: String, _ tables: RecordedTables) throws {
    isSloppy = name.hasPrefix("sloppy-")
    mayHaveLostSpaces = name != "macroman"
    codes = try tables.map("encoding.\(name)")
  }

  /// The text in this encoding, or `nil` if it has a character that the encoding lacks.
  func bytes(of text: Scalars) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    for scalar in text {
      if scalar < 0x80, !(isSloppy && scalar == ByteRepair.lost) {
        bytes.append(UInt8(scalar))
      } else if let code = codes[scalar]?.first {
        bytes.append(UInt8(truncatingIfNeeded: code))
      } else {
        return nil
      }
    }
    return bytes
  }
}
