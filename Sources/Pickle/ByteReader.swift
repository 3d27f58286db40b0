/// Reads the bytes of a file from front to back, and never past its end.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  let path: String
  private(set) var position: Int

  init(_ bytes: UnsafeRawBufferPointer, from position: Int = 0, path: String) {
    self.bytes = bytes
    self.position = position
    self.path = path
  }

  /// The next `count` bytes, without copying them.
  mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count >= 0, count <= bytes.count - position else {
      throw PickleError.truncated(path: path, position: position)
    }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  mutating func byte() throws -> UInt8 { try take(1)[0] }

  /// An unsigned little-endian number of `size` bytes, at most 8.
  mutating func count(_ size: Int) throws -> Int {
    let start = position
    let value = try take(size).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let count = Int(exactly: value) else { throw PickleError.truncated(path: path, position: start) }
    return count
  }

  /// A signed little-endian number of 4 bytes.
  mutating func integer() throws -> Int { try Int(Int32(truncatingIfNeeded: count(4))) }

  /// Bytes that are preceded by their number, in `size` bytes.
  mutating func counted(_ size: Int) throws -> UnsafeRawBufferPointer { try take(count(size)) }

  /// The bytes up to the next line feed, which is consumed and not returned.
  mutating func line() throws -> UnsafeRawBufferPointer {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else {
      throw PickleError.truncated(path: path, position: bytes.count)
    }
    let line = try take(end - position)
    position += 1
    return line
  }
}
