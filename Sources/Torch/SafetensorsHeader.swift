/// The header of a safetensors file: which tensor lies where.
///
/// A file is the header's length (8 bytes, little-endian), the header (JSON), and the elements of all tensors, one
/// after another without gaps. The header maps each name to its `dtype`, `shape` and `data_offsets`, which count from
/// the header's end; `__metadata__` maps to an object of strings.
struct SafetensorsHeader {
  /// One tensor.
  struct Entry {
    let elementType: String
    let shape: [Int]
    /// Its bytes, counted from the header's end.
    let range: Range<Int>

    var kind: Tensor.Kind? { Tensor.Kind(rawValue: elementType) }
  }

  /// The longest header that is read, which is also the limit of the reference implementation.
  static let longest = 100_000_000
  static let metadataKey = "__metadata__"
  /// The length of the header's own length.
  static let prefix = 8

  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [String: Entry] = [:]
  let dataOffset: Int

  /// Reads the header of a file with these bytes, and checks that its tensors fill the rest of them exactly.
  init(of bytes: UnsafeRawBufferPointer) throws(SafetensorsFault) {
    guard bytes.count >= Self.prefix else { throw .tooShort(bytes: bytes.count) }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= Self.longest, length <= bytes.count - Self.prefix else {
      throw .headerLength(claimed: length, available: bytes.count - Self.prefix)
    }
    dataOffset = Self.prefix + Int(length)
    var scanner = HeaderScanner(UnsafeRawBufferPointer(rebasing: bytes[Self.prefix..<dataOffset]))
    try scanner.object { (name, scanner) throws(SafetensorsFault) in
      if name == Self.metadataKey {
        guard !scanner.takesNull() else { return }  // as Python's `safetensors` reads it
        try scanner.object { (key, scanner) throws(SafetensorsFault) in metadata[key] = try scanner.string() }
      } else {
        entries[name] = try Self.entry(of: name, &scanner)
      }
    }
    try scanner.end()
    try checkThatTensorsFill(bytes.count - dataOffset)
  }

  private static func entry(of name: String, _ scanner: inout HeaderScanner) throws(SafetensorsFault) -> Entry {
    var elementType: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.object { (key, scanner) throws(SafetensorsFault) in
      switch key {
      case "dtype": elementType = try scanner.string()
      case "shape": shape = try scanner.numbers()
      case "data_offsets": offsets = try scanner.numbers()
      default: try scanner.skipValue(deepest: 32)  // as Python's `safetensors` does
      }
    }
    guard let elementType else { throw .missing(name: name, key: "dtype") }
    guard let shape else { throw .missing(name: name, key: "shape") }
    guard let offsets else { throw .missing(name: name, key: "data_offsets") }
    guard offsets.count == 2, offsets[0] <= offsets[1] else { throw .offsets(name: name, found: offsets) }
    let entry = Entry(elementType: elementType, shape: shape, range: offsets[0]..<offsets[1])
    guard let kind = entry.kind else { return entry }
    guard Tensor.product(shape + [kind.bytesPerElement]) == entry.range.count else {
      throw .size(name: name, kind: kind, shape: shape, found: entry.range.count)
    }
    return entry
  }

  /// Whether each tensor begins where the one before it ends, from the first byte to the last.
  private func checkThatTensorsFill(_ count: Int) throws(SafetensorsFault) {
    let ordered = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    var end = 0
    for (name, entry) in ordered {
      guard entry.range.upperBound <= count else {
        throw .outside(name: name, end: entry.range.upperBound, available: count)
      }
      guard entry.range.lowerBound == end else { throw .gap(name: name, start: entry.range.lowerBound, expected: end) }
      end = entry.range.upperBound
    }
    guard end == count else { throw .surplus(bytes: count - end) }
  }
}
