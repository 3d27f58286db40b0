import Support

/// Damage that is the same in every run.
public struct Mutation {
  private var generator: SplitMix64
  private let pieces: [[UInt8]]

  /// - Parameter pieces: texts that are inserted, in addition to single bytes and parts of the original.
  public init(seed: UInt64, pieces: [String] = []) { self.init(seed: seed, pieces: pieces.map { Array($0.utf8) }) }

  public init(seed: UInt64, pieces: [[UInt8]]) {
    generator = SplitMix64(state: seed)
    self.pieces = pieces
  }

  /// Overwrites, flips, deletes, repeats, inserts or cuts off, up to three times.
  ///
  /// - Parameter other: a text that sometimes replaces the end.
  public mutating func callAsFunction(_ original: [UInt8], splicing other: [UInt8]? = nil) -> [UInt8] {
    var bytes = original
    for _ in 0...Int.random(in: 0..<3, using: &generator) where !bytes.isEmpty {
      let start = Int.random(in: bytes.indices, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 1...12, using: &generator))
      let piece = pieces.randomElement(using: &generator) ?? []
      switch Int.random(in: 0..<13, using: &generator) {
      case 0: bytes[start] = UInt8.random(in: .min ... .max, using: &generator)
      case 1: bytes.removeSubrange(start..<end)
      case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: bytes.indices, using: &generator))
      case 3: bytes.insert(contentsOf: piece, at: start)
      case 4: bytes.replaceSubrange(start..<end, with: piece)
      case 5: bytes.removeSubrange(start...)
      case 6: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 7:  // the least and the greatest values of stored lengths and counts
        let value: UInt8 = Bool.random(using: &generator) ? 0 : 0xFF
        for index in start..<min(end, start + 8) { bytes[index] = value }
      case 8: if let other { bytes.replaceSubrange(start..., with: other.suffix(other.count / 2)) }
      default: overwriteDigit(of: &bytes, after: start)
      }
    }
    return bytes
  }

  /// One of the originals, damaged, at times with the end of another.
  public mutating func damaged(_ originals: [[UInt8]]) -> [UInt8] {
    guard let original = originals.randomElement(using: &generator) else { return [] }
    return self(original, splicing: originals.randomElement(using: &generator))
  }

  /// Digits occur in sizes, so they are hit more often than by chance.
  private mutating func overwriteDigit(of bytes: inout [UInt8], after start: Int) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let index = bytes[start...].firstIndex(where: digits.contains) else { return }
    if Bool.random(using: &generator) {
      bytes[index] = UInt8.random(in: digits, using: &generator)
    } else {
      bytes.insert(contentsOf: [UInt8](repeating: UInt8.random(in: digits, using: &generator), count: 6), at: index)
    }
  }
}
