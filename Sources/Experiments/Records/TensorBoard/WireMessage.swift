/// A message in Protocol Buffers' wire format: each field is its number and kind, then its value
/// (protobuf.dev, *Encoding*).
struct WireMessage {
  private(set) var bytes: [UInt8] = []

  private enum Kind: UInt64 { case varint = 0, eightBytes = 1, lengthAndBytes = 2, fourBytes = 5 }

  mutating func add(_ field: Int, _ value: Int) {
    tag(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: Int, _ value: Double) {
    tag(field, .eightBytes)
    littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, _ value: Float) {
    tag(field, .fourBytes)
    littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, _ value: some Collection<UInt8>) {
    tag(field, .lengthAndBytes)
    varint(UInt64(value.count))
    bytes += value
  }

  mutating func add(_ field: Int, _ text: String) { add(field, text.utf8) }
  mutating func add(_ field: Int, _ message: WireMessage) { add(field, message.bytes) }

  private mutating func tag(_ field: Int, _ kind: Kind) { varint(UInt64(field) << 3 | kind.rawValue) }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func littleEndian(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}
