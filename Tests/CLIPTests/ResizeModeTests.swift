import CLIP
import Foundation
import Images
import Testing
import TestSupport

/// The recording of open_clip's transforms by Scripts/oracle/record_preprocessing.py.
struct RecordedSquare: Decodable, Sendable {
  let width, height, size: Int
  let mode, interpolation, hash: String
}

@Suite("Each resize mode gives the pixels of open_clip's transform")
struct ResizeModeTests {
  struct Recipe: Decodable { let squares: [RecordedSquare] }

  @Test("180 squares of ten pictures")
  func squares() throws {
    let file = Bundle.module.bundleURL.appending(path: "Fixtures/preprocessing.json")
    let recorded = try JSONDecoder().decode(Recipe.self, from: Data(contentsOf: file)).squares
    #expect(recorded.count == 180)
    for square in recorded {
      let preprocessing = try Self.preprocessing(square)
      let pixels = try preprocessing.square(Self.picture(width: square.width, height: square.height)).pixels
      #expect(Self.hash(pixels) == square.hash, "\(square)")
    }
  }

  /// The preprocessing, read from a configuration file, since its words are open_clip's.
  private static func preprocessing(_ square: RecordedSquare) throws -> Preprocessing {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      let text = ConfigurationTests.text(
        vision: #""image_size": \#(square.size), "patch_size": 16"#,
        preprocessing: #"""
          {"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "\#(square.interpolation)",
          "resize_mode": "\#(square.mode)", "size": \#(square.size), "mode": "RGB", "fill_color": 0}
          """#)
      try Data(text.utf8).write(to: file)
      return try CLIPConfiguration(openCLIP: file).preprocessing
    }
  }

  private static func picture(width: Int, height: Int) throws -> Image {
    let pixels = (0..<height).flatMap { y in
      (0..<width).flatMap { x in
        (0..<3).map { c in UInt8(truncatingIfNeeded: 37 * x * x + 11 * y * y + 13 * x * y + 91 * c) }
      }
    }
    return try Image(width: width, height: height, pixels: pixels)
  }

  private static func hash(_ bytes: [UInt8]) -> String {
    String(bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }, radix: 16)
  }
}
