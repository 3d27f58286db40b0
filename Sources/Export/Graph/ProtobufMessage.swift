/// A message in Protocol Buffers' wire format, which is only ever written here.
///
/// A field is a tag, `number << 3 | type`, and its value: a varint (type 0), four bytes (5), or a length and as many
/// bytes (2). Fields are added in the order of their numbers, as Google's own writers do, so that equal messages have
/// equal bytes.
///
/// Source: protobuf.dev, "Encoding".
struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: Int, _ value: Int) {
    addTag(field, type: 0)
    addVarint(UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: Int, _ value: Float) {
    addTag(field, type: 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  mutating func add(_ field: Int, _ text: String) { add(field, bytes: Array(text.utf8)) }

  mutating func add(_ field: Int, _ message: ProtobufMessage) { add(field, bytes: message.bytes) }

  mutating func add(_ field: Int, bytes content: [UInt8]) {
    addLength(field, content.count)
    bytes += content
  }

  /// Adds the tag and the length of a field whose `count` bytes follow elsewhere.
  mutating func addLength(_ field: Int, _ count: Int) {
    addTag(field, type: 2)
    addVarint(UInt64(count))
  }

  private mutating func addTag(_ field: Int, type: UInt64) { addVarint(UInt64(field) << 3 | type) }

  /// Seven bits a byte, the lowest first; the eighth says that more follow.
  private mutating func addVarint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
