import Images
import Support
import Testing

@Suite("Pictures become JPEG files and come back")
struct EncodingTests {
  /// The tolerance of a channel, at the highest quality: rounding of colours and of cosines.
  private static let tolerance = 4

  @Test("a smooth picture comes back within rounding", arguments: [(1, 1), (8, 8), (31, 17), (100, 3)])
  func roundTrip(width: Int, height: Int) throws {
    let pixels: [UInt8] = (0..<width * height).flatMap { place -> [UInt8] in
      [UInt8(60 + place % width), 130, UInt8(90 + place / width)]
    }
    let image = try Image(width: width, height: height, pixels: pixels)
    let decoded = try Image(decoding: image.jpeg(quality: 100), named: "picture")
    #expect(decoded.width == width && decoded.height == height)
    // Chroma has half the resolution, so the brightness alone is compared pixel by pixel.
    func brightness(_ image: Image) -> [Double] {
      stride(from: 0, to: image.pixels.count, by: 3).map { first -> Double in
        zip(image.pixels[first..<first + 3], [0.299, 0.587, 0.114]).reduce(0.0) { $0 + Double($1.0) * $1.1 }
      }
    }
    let differences = zip(brightness(image), brightness(decoded)).map { abs($0 - $1) }
    #expect(differences.max() ?? 0 < Double(Self.tolerance))
  }

  @Test("noise at the highest quality has room, and a lower quality takes less", arguments: [1, 7, 64, 200])
  func noise(side: Int) throws {
    var generator = SeededGenerator(seed: 3)
    let pixels = (0..<3 * side * side).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let image = try Image(width: side, height: side, pixels: pixels)
    let (best, worst) = try (image.jpeg(quality: 100), image.jpeg(quality: 1))
    #expect(best.count <= 4 * side * side + 2048 && worst.count <= best.count)
    #expect(try image.jpeg(quality: 900) == best && image.jpeg(quality: -5) == worst)
  }

  @Test("a side beyond what JPEG holds is refused")
  func tooLarge() throws {
    let image = try Image(width: 70_000, height: 1, pixels: [UInt8](repeating: 9, count: 210_000))
    #expect(throws: ImageError.notEncodable(width: 70_000, height: 1)) { try image.jpeg() }
  }
}
