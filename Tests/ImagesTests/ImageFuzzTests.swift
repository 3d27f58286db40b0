import Foundation
import Images
import Testing
import TestSupport

@Suite("No file, however damaged, crashes or hangs a reader")
struct ImageFuzzTests {
  /// Small limits, so that a mutated size doesn't turn the test into one of memory.
  static let limits = DecodingLimits(maximumPixels: 1_000_000)
  /// The memory of a picture follows from its header, however short the file: three bytes a pixel here, and the
  /// decoders' own buffers, of which a progressive JPEG needs most: 16-bit coefficients of up to four components.
  static let bytesPerPixel = 16

  private static func samples(of kind: String) throws -> [[UInt8]] {
    let known = try Fixture.recorded.get().samples.keys.filter { $0.hasSuffix(".\(kind)") }.sorted()
    let others = try FormatsFixture.recorded.get().samples.keys.filter { $0.hasSuffix(".\(kind)") }.sorted()
    return try known.map { [UInt8](try Fixture.sample($0)) } + others.map { [UInt8](try FormatsFixture.sample($0)) }
  }

  /// Mutates orientations, and formats that are decoded row by row.
  @Test("mutated files are seen upright or refused", arguments: ["jpg", "png", "webp"])
  func orientations(kind: String) throws {
    let names = try FormatsFixture.recorded.get().oriented.keys.filter { $0.hasSuffix(".\(kind)") }.sorted()
    let originals = try names.map { [UInt8](try FormatsFixture.sample($0)) }
    var mutate = Mutation(seed: 0xE81F)
    let fuzzing = Fuzzing(
      "upright \(kind)", usually: 2000, allowance: 1 << 20 + Self.bytesPerPixel * Self.limits.maximumPixels)
    let reading = PhotoReading(limits: Self.limits, orientation: .exif)
    let report = try fuzzing { round in
      let damaged = mutate.damaged(originals)
      return kind == "png" && round % 2 == 0 ? [UInt8](PNGChunks.mended(Data(damaged))) : damaged
    } read: { data in
      try reading.image(decoding: data, named: "fuzz") {
        try ImageView.shorterEdge(8, ofWidth: $0, height: $1).centerCropped(to: 8)
      }
    } check: { image in
      #expect(image.width == 8 && image.height == 8)
    }
    #expect(report.problems.isEmpty)
    #expect(report.read > 50 && report.refused > 50, "\(report.read) read, \(report.refused) refused")
  }

  @Test("mutated files are read or refused", arguments: ["jpg", "png", "webp", "bmp", "gif", "tif"])
  func mutations(kind: String) throws {
    let originals = try Self.samples(of: kind)
    var mutate = Mutation(seed: 0xF022)
    let fuzzing = Fuzzing(
      kind.uppercased(), usually: 4000, allowance: 1 << 20 + Self.bytesPerPixel * Self.limits.maximumPixels)
    let report = try fuzzing { round in
      let damaged = mutate.damaged(originals)
      // With its checksums repaired, damage to a PNG reaches further than the check of the first chunk.
      return kind == "png" && round % 2 == 0 ? [UInt8](PNGChunks.mended(Data(damaged))) : damaged
    } read: { data in
      try Image(decoding: data, named: "fuzz", limits: Self.limits)
    } check: { image in
      #expect(image.pixels.count == image.width * image.height * 3)
    }
    #expect(report.problems.isEmpty)
    // Both must happen, otherwise the mutations would prove nothing.
    #expect(report.read > 100 && report.refused > 100, "\(report.read) read, \(report.refused) refused")
  }
}
