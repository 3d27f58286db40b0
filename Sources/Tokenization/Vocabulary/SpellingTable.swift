import Support

/// Byte strings numbered in order of arrival, found by content: open addressing over one buffer, because 49,408
/// `String` keys would take most of the start-up of every command.
struct SpellingTable: Sendable {
  private var buffer: [UInt8] = []
  private var ends: [Int32] = [0]  // entry i is buffer[ends[i]..<ends[i + 1]]
  private var slots: [Int32]  // id + 1; 0 where free
  private let mask: Int

  /// - Parameter capacity: the most entries that will be appended.
  init(capacity: Int) {
    let size = 1 << (Int.bitWidth - (2 * max(capacity, 1) - 1).leadingZeroBitCount)
    slots = [Int32](repeating: 0, count: size)
    mask = size - 1
    buffer.reserveCapacity(capacity * 9)  // CLIP's entries have 8.3 bytes on average
    ends.reserveCapacity(capacity + 1)
  }

  subscript(id: Int) -> ArraySlice<UInt8> { buffer[Int(ends[id])..<Int(ends[id + 1])] }

  /// Appends an entry and returns its id.
  @discardableResult
  mutating func append(_ beginning: some Sequence<UInt8>, _ end: ArraySlice<UInt8> = []) -> Int {
    let start = buffer.count
    buffer += beginning
    buffer += end
    let id = ends.count - 1
    ends.append(Int32(buffer.count))
    var slot = Self.hash(buffer[start...]) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = Int32(id + 1)
    return id
  }

  func id(of spelling: ArraySlice<UInt8>) -> Int? {
    var slot = Self.hash(spelling) & mask
    while slots[slot] != 0 {
      let id = Int(slots[slot]) - 1
      if self[id].elementsEqual(spelling) { return id }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private static func hash(_ bytes: ArraySlice<UInt8>) -> Int {
    let hash = FNV1a.hash(bytes)
    return Int(truncatingIfNeeded: hash >> 32 ^ hash) & Int.max
  }
}
