import Foundation
import Images
import Testing

@Suite("Pictures keep their laws")
struct ImageLawTests {
  @Test("resizing to the same size changes nothing", arguments: Interpolation.allCases)
  func identity(interpolation: Interpolation) throws {
    let image = try Fixture.synthetic(width: 31, height: 17)
    #expect(try image.resized(width: 31, height: 17, interpolation: interpolation) == image)
    #expect(try image.resized(shorterEdge: 17, interpolation: interpolation) == image)
  }

  @Test("a picture of one colour keeps it at every size", arguments: Interpolation.allCases)
  func constant(interpolation: Interpolation) throws {
    let image = try Image(width: 13, height: 9, pixels: (0..<13 * 9).flatMap { _ in [7, 130, 255] as [UInt8] })
    for (width, height) in [(1, 1), (50, 3), (4, 90), (13, 40)] {
      let resized = try image.resized(width: width, height: height, interpolation: interpolation)
      #expect(resized.pixels == (0..<width * height).flatMap { _ in [7, 130, 255] as [UInt8] })
    }
  }

  @Test("two flips are none, and one exchanges left and right")
  func flips() throws {
    let image = try Fixture.synthetic(width: 5, height: 3)
    let flipped = image.flippedHorizontally()
    #expect(flipped.flippedHorizontally() == image)
    #expect(try flipped.cropped(x: 0, y: 0, width: 1, height: 3) == image.cropped(x: 4, y: 0, width: 1, height: 3))
  }

  @Test("a crop of the whole is the whole, and crops compose")
  func crops() throws {
    let image = try Fixture.synthetic(width: 20, height: 10)
    #expect(try image.cropped(x: 0, y: 0, width: 20, height: 10) == image)
    let twice = try image.cropped(x: 3, y: 2, width: 12, height: 7).cropped(x: 4, y: 1, width: 5, height: 5)
    #expect(try twice == image.cropped(x: 7, y: 3, width: 5, height: 5))
    #expect(try Fixture.synthetic(width: 9, height: 9).centerCropped(to: 9) == Fixture.synthetic(width: 9, height: 9))
  }

  @Test(
    "what lies outside the picture is black",
    arguments: [(-2, -1), (4, 2), (100, 0), (0, -100), (Int.max, Int.min)])
  func outside(x: Int, y: Int) throws {
    let image = try Image(width: 6, height: 4, pixels: Array(repeating: 255, count: 72))
    let crop = try image.cropped(x: x, y: y, width: 6, height: 4)
    for row in 0..<4 {
      for column in 0..<6 {
        let (sourceX, overflowsX) = column.addingReportingOverflow(x)
        let (sourceY, overflowsY) = row.addingReportingOverflow(y)
        let isInside = !overflowsX && !overflowsY && (0..<6).contains(sourceX) && (0..<4).contains(sourceY)
        #expect(crop.pixels[3 * (row * 6 + column)] == (isInside ? 255 : 0))
      }
    }
  }

  @Test("squashing ignores the shape")
  func squash() throws {
    let image = try Fixture.synthetic(width: 40, height: 10)
    #expect(try image.resized(squareOf: 8) == image.resized(width: 8, height: 8))
  }

  @Test("the name of a file plays no part in how it is read")
  func names() throws {
    let data = try Fixture.sample("rgb-8.png")
    #expect(try Image(decoding: data, named: "holiday.jpg") == Image(decoding: data, named: "rgb-8.png"))
  }

  @Test("a slice of a larger buffer decodes like a copy of it")
  func slices() throws {
    let data = try Fixture.sample("lossy.webp")
    let slice = (Data(repeating: 1, count: 13) + data).dropFirst(13)
    #expect(try Image(decoding: slice, named: "slice") == Image(decoding: data, named: "copy"))
  }

  @Test("many tasks decode and resize at once and all see the same pixels")
  func concurrency() async throws {
    let names = ["420-progressive.jpg", "ycck.jpg", "rgba-16-interlaced.png", "palette-8.png", "animated.webp"]
    func views() throws -> [Image] {
      try names.map { try Image(decoding: Fixture.sample($0), named: $0).resized(shorterEdge: 64) }
    }
    let expected = try views()
    try await withThrowingTaskGroup(of: [Image].self) { group in
      for _ in 0..<16 { group.addTask { try (0..<10).flatMap { _ in try views() } } }
      for try await found in group { #expect(found == (0..<10).flatMap { _ in expected }) }
    }
  }
}
