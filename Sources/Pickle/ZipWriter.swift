/// Writes a zip archive of stored entries, each aligned to 64 bytes, as `torch.save` does.
public struct ZipWriter {
  private let append: (UnsafeRawBufferPointer) throws -> Void
  private var directory: [UInt8] = []
  private var position = 0
  private var count = 0

  /// - Parameter append: takes the archive piece by piece.
  public init(append: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.append = append }

  /// Adds an entry; names must differ.
  ///
  /// - Precondition: the entry and all before it stay below 4 GB.
  public mutating func add(_ name: String, _ contents: UnsafeRawBufferPointer) throws {
    let start = position
    let padding = (64 - (start + 30 + name.utf8.count + 4) % 64) % 64
    let extra = [0x46, 0x42] + Self.number(padding, 2) + [UInt8](repeating: 0x5A, count: padding)  // torch's "FB"
    // Version 2.0, flags: names in UTF-8, stored, 1 January 1980.
    let common = Self.number(20, 2) + Self.number(0x800, 2) + Self.number(0, 4) + Self.number(0x21, 2)
    let sizes =
      Self.number(Int(CRC32.checksum(contents)), 4) + Self.number(contents.count, 4) + Self.number(contents.count, 4)
    try put([0x50, 0x4B, 3, 4] + common + sizes + Self.number(name.utf8.count, 2) + Self.number(extra.count, 2))
    try put(Array(name.utf8) + extra)
    try append(contents)
    position += contents.count
    directory += [0x50, 0x4B, 1, 2] + Self.number(20, 2) + common + sizes + Self.number(name.utf8.count, 2)
    directory += Self.number(0, 12) + Self.number(start, 4) + name.utf8
    count += 1
  }

  /// Writes the directory, with which the archive is whole.
  public mutating func finish() throws {
    let start = position
    try put(directory)
    try put(
      [0x50, 0x4B, 5, 6] + Self.number(0, 4) + Self.number(count, 2) + Self.number(count, 2)
        + Self.number(directory.count, 4) + Self.number(start, 4) + Self.number(0, 2))
  }

  private mutating func put(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes(append)
    position += bytes.count
  }

  private static func number(_ value: Int, _ size: Int) -> [UInt8] {
    (0..<size).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
  }
}

/// The checksum of zip archives (ISO 3309).
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
  }

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }
}
