import Images

/// Damage that is the same in every run.
public struct Mutation {
  private var generator: SeededGenerator
  private let pieces: [[UInt8]]

  /// - Parameter pieces: texts that are put in, besides single bytes and parts of the original.
  public init(seed: UInt64, pieces: [String]) {
    generator = SeededGenerator(seed: seed)
    self.pieces = pieces.map { Array($0.utf8) }
  }

  /// Overwrites, deletes, repeats, inserts or cuts off, up to three times.
  public mutating func callAsFunction(_ original: [UInt8]) -> [UInt8] {
    var bytes = original
    for _ in 0...Int.random(in: 0..<3, using: &generator) where !bytes.isEmpty {
      let start = Int.random(in: bytes.indices, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 1...12, using: &generator))
      let piece = pieces.randomElement(using: &generator) ?? []
      switch Int.random(in: 0..<9, using: &generator) {
      case 0: bytes[start] = UInt8.random(in: .min ... .max, using: &generator)
      case 1: bytes.removeSubrange(start..<end)
      case 2: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: bytes.indices, using: &generator))
      case 3: bytes.insert(contentsOf: piece, at: start)
      case 4: bytes.replaceSubrange(start..<end, with: piece)
      case 5: bytes.removeSubrange(start...)
      default: overwriteDigit(of: &bytes, after: start)
      }
    }
    return bytes
  }

  /// Numbers are what sizes are made of, so they are hit more often than chance would.
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
