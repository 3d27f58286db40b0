import Foundation
import Images
import Testing

@Suite("No file, however damaged, crashes or hangs a reader")
struct ImageFuzzTests {
  /// Small, so that a mutated size doesn't turn the test into one of memory.
  static let limits = DecodingLimits(maximumPixels: 1_000_000)
  static let mutationsPerReader = 4000

  @Test("4,000 mutated files per reader are read or refused", arguments: ["jpg", "png", "webp"])
  func mutations(kind: String) throws {
    let samples = try Fixture.recorded.get().samples.keys.filter { $0.hasSuffix(".\(kind)") }.sorted()
    let originals = try samples.map(Fixture.sample)
    var generator = SeededGenerator(seed: 0xF022)
    var (read, refused) = (0, 0)
    for round in 0..<Self.mutationsPerReader {
      let original = originals[round % originals.count]
      let other = originals[Int.random(in: 0..<originals.count, using: &generator)]
      let mutation = Mutation.allCases[round / originals.count % Mutation.allCases.count]
      var data = mutation.applied(to: original, other: other, using: &generator)
      // With its checksums mended, damage to a PNG reaches further than the check of the first chunk.
      if kind == "png", round % 2 == 0 { data = PNGChunks.mended(data) }
      do {
        let image = try Image(decoding: data, named: "fuzz", limits: Self.limits)
        #expect(image.pixels.count == image.width * image.height * 3)
        read += 1
      } catch is ImageError {
        refused += 1
      }
    }
    // Both happen, or the mutations would prove nothing.
    #expect(read > 100 && refused > 100, "\(read) read, \(refused) refused")
  }
}

/// Ways to damage a file.
private enum Mutation: CaseIterable {
  case flips, header, truncation, duplication, removal, splice, extremes

  func applied(to data: Data, other: Data, using generator: inout SeededGenerator) -> Data {
    var bytes = [UInt8](data)
    func position(below end: Int, _ generator: inout SeededGenerator) -> Int {
      Int.random(in: 0..<max(1, end), using: &generator)
    }
    func range(_ generator: inout SeededGenerator) -> Range<Int> {
      let start = position(below: bytes.count, &generator)
      return start..<min(bytes.count, start + Int.random(in: 1...64, using: &generator))
    }
    switch self {
    case .flips:
      for _ in 0..<Int.random(in: 1...16, using: &generator) {
        bytes[position(below: bytes.count, &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
    case .header:
      bytes[position(below: min(64, bytes.count), &generator)] = UInt8.random(in: 0...255, using: &generator)
    case .truncation: bytes.removeLast(position(below: bytes.count, &generator))
    case .duplication:
      let part = Array(bytes[range(&generator)])
      bytes.insert(contentsOf: part, at: position(below: bytes.count, &generator))
    case .removal: bytes.removeSubrange(range(&generator))
    case .splice: bytes = bytes.prefix(position(below: bytes.count, &generator)) + other.suffix(other.count / 2)
    case .extremes:
      let value: UInt8 = Bool.random(using: &generator) ? 0 : 255
      for index in range(&generator).prefix(8) { bytes[index] = value }
    }
    return Data(bytes)
  }
}
