/// An encoding of one byte a character, with ASCII below 0x80.
///
/// The "sloppy" ones are Windows code pages whose unassigned bytes stand for the scalar of the same number, as in
/// HTML 5, and whose byte 0x1A stands for U+FFFD, a character that was lost before.
struct SingleByteEncoding: Sendable {
  let isSloppy: Bool
  /// MacRoman spells an en dash 0xD0, which before a space is no sign of a lost no-break space.
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
