import Foundation
import Images
import TestSupport
import Testing

@Suite("No file, however damaged, crashes or hangs a reader")
struct ImageFuzzTests {
  /// Small, so that a mutated size doesn't turn the test into one of memory.
  static let limits = DecodingLimits(maximumPixels: 1_000_000)
  /// A picture takes what its header says, however short the file: three bytes a pixel here, and the decoders' own
  /// buffers, of which a progressive JPEG needs most: 16-bit coefficients of up to four components.
  static let bytesPerPixel = 16

  @Test("mutated files are read or refused", arguments: ["jpg", "png", "webp"])
  func mutations(kind: String) throws {
    let samples = try Fixture.recorded.get().samples.keys.filter { $0.hasSuffix(".\(kind)") }.sorted()
    let originals = try samples.map { [UInt8](try Fixture.sample($0)) }
    var mutate = Mutation(seed: 0xF022)
    let fuzzing = Fuzzing(
      kind.uppercased(), usually: 4000, allowance: 1 << 20 + Self.bytesPerPixel * Self.limits.maximumPixels)
    let report = try fuzzing { round in
      let damaged = mutate.damaged(originals)
      // With its checksums mended, damage to a PNG reaches further than the check of the first chunk.
      return kind == "png" && round % 2 == 0 ? [UInt8](PNGChunks.mended(Data(damaged))) : damaged
    } read: { data in
      try Image(decoding: data, named: "fuzz", limits: Self.limits)
    } check: { image in
      #expect(image.pixels.count == image.width * image.height * 3)
    }
    #expect(report.problems.isEmpty)
    // Both happen, or the mutations would prove nothing.
    #expect(report.read > 100 && report.refused > 100, "\(report.read) read, \(report.refused) refused")
  }
}
