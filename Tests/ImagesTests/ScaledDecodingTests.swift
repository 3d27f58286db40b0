import Foundation
import Images
import TestSupport
import Testing

/// What Scripts/oracle/record_scaled.py recorded from Pillow.
private struct ScaledFixture: Decodable {
  struct View: Decodable {
    let reduction: Int
    let region: [Int]
    let filter: Interpolation
    let isUpright: Bool
    let width: Int
    let height: Int
    let digest: String

    var record: Fixture.Record { Fixture.Record(width: width, height: height, digest: digest) }
    var view: ImageView {
      ImageView(
        of: .init(x: region[0], y: region[1], width: region[2], height: region[3]), width: width, height: height,
        interpolation: filter)
    }
    var reading: PhotoReading { PhotoReading(orientation: isUpright ? .exif : .ignored, decoding: .scaled) }
  }

  /// By the file's path.
  let files: [String: [View]]

  static let recorded = Result {
    try JSONDecoder().decode(
      ScaledFixture.self, from: Data(contentsOf: Fixture.folder.appending(path: "scaled.json")))
  }
}

@Suite("Scaled decoding equals Pillow's draft, exif_transpose and resize to the last bit")
struct ScaledDecodingTests {
  @Test("every variant of JPEG, reduced by 2, 4 and 8, in any orientation")
  func variants() throws {
    let files = try ScaledFixture.recorded.get().files
    #expect(files.count >= 45)
    #expect(Set(files.values.joined().map(\.reduction)) == [2, 4, 8])
    for (name, views) in files.sorted(by: { $0.key < $1.key }) {
      let data = try Data(contentsOf: Fixture.folder.appending(path: name))
      for expected in views {
        let seen = try expected.reading.image(decoding: data, named: name) { _, _ in expected.view }
        #expect(seen.record == expected.record, "\(name) \(expected)")
      }
    }
  }

  @Test("a photo in memory gives the same, and a window of a view the same part")
  func memory() throws {
    try withTemporaryFolder { folder in
      for (name, views) in try ScaledFixture.recorded.get().files {
        let file = folder.appending(path: name.replacing("/", with: "-"))
        try FileManager.default.copyItem(at: Fixture.folder.appending(path: name), to: file)
        for isUpright in [true, false] {
          let memory = PhotoMemory(
            limit: 1 << 24, reading: PhotoReading(orientation: isUpright ? .exif : .ignored, decoding: .scaled))
          for expected in views where expected.isUpright == isUpright {
            #expect(
              try memory.image(at: file) { _, _ in expected.view }.record == expected.record, "\(name) \(expected)")
          }
        }
        for expected in views.prefix(4) {
          let whole = try expected.reading.image(at: file) { _, _ in expected.view }
          let window = ImageView.Rectangle(
            x: expected.width / 3, y: expected.height / 3, width: (expected.width + 1) / 2,
            height: (expected.height + 1) / 2)
          var view = expected.view
          view.window = window
          #expect(
            try expected.reading.image(at: file) { _, _ in view }
              == whole.cropped(x: window.x, y: window.y, width: window.width, height: window.height))
        }
      }
    }
  }

  @Test("less than twice the wanted size is left of no photo, and other formats are decoded exactly")
  func bounds() throws {
    let exact = PhotoReading()
    let scaled = PhotoReading(decoding: .scaled)
    let (jpeg, png) = try (Fixture.sample("420.jpg"), Fixture.sample("rgb-8.png"))
    let size = try Image(decoding: jpeg, named: "420.jpg")
    func view(_ width: Int, _ height: Int) -> ImageView {
      ImageView(of: .init(width: size.width, height: size.height), width: width, height: height)
    }
    // Three quarters of its size: reduced by 2 it would be too small.
    let near = view(size.width * 3 / 8, size.height * 3 / 8)
    #expect(
      try scaled.image(decoding: jpeg, named: "a") { _, _ in near }
        == exact.image(decoding: jpeg, named: "a") { _, _ in near })
    let far = view(size.width / 8, size.height / 8)
    #expect(
      try scaled.image(decoding: jpeg, named: "a") { _, _ in far }
        != exact.image(decoding: jpeg, named: "a") { _, _ in far })
    let small = { (width: Int, height: Int) in ImageView(of: .init(width: width, height: height), width: 3, height: 3) }
    #expect(
      try scaled.image(decoding: png, named: "b", seenAs: small)
        == exact.image(decoding: png, named: "b", seenAs: small))
    // A whole picture is never reduced.
    #expect(try scaled.image(decoding: jpeg, named: "a") == exact.image(decoding: jpeg, named: "a"))
  }

  @Test("a file that ends early is refused, wherever it ends and whatever part of it is seen")
  func truncation() throws {
    let whole = try Data(contentsOf: Fixture.folder.appending(path: "scaled/420.jpg"))
    let top = { (width: Int, _: Int) in ImageView(of: .init(width: width, height: 40), width: 20, height: 5) }
    let middle = { (width: Int, height: Int) in
      try ImageView.shorterEdge(12, ofWidth: width, height: height).centerCropped(to: 12)
    }
    for decoding in PhotoDecoding.allCases {
      let reading = PhotoReading(decoding: decoding)
      for view in [top, middle] {
        _ = try reading.image(decoding: whole, named: "whole", seenAs: view)
        for length in stride(from: 10, to: whole.count - 2, by: 97) + [whole.count - 3] {
          #expect(throws: ImageError.self) {
            try reading.image(decoding: whole.prefix(length), named: "cut", seenAs: view)
          }
        }
      }
    }
  }

  @Test("a JPEG of one column and 60,000 rows, upright and turned", arguments: PhotoDecoding.allCases)
  func line(decoding: PhotoDecoding) throws {
    let data = try Fixture.synthetic(width: 1, height: 60_000).jpeg()
    let exif: [UInt8] =
      Array("Exif\0\0".utf8) + [
        0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
      ]
    let turned = data.prefix(2) + [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif + data.dropFirst(2)
    let reading = PhotoReading(orientation: .exif, decoding: decoding)
    for (data, isTurned) in [(data, false), (turned, true)] {
      let seen = try reading.image(decoding: data, named: "line") { width, height in
        #expect(width == (isTurned ? 60_000 : 1) && height == (isTurned ? 1 : 60_000))
        return try ImageView.shorterEdge(32, ofWidth: width, height: height).centerCropped(to: 32)
      }
      let squashed = try reading.image(decoding: data, named: "line") { width, height in
        ImageView(of: .init(width: width, height: height), width: 32, height: 32)
      }
      #expect(seen.width == 32 && seen.height == 32 && squashed.width == 32 && squashed.height == 32)
      #expect(seen != squashed)
    }
  }

  @Test("a bomb with an orientation is refused from its header", arguments: [6, 0, 9] as [UInt8])
  func bomb(orientation: UInt8) throws {
    var data = try Data(contentsOf: Fixture.folder.appending(path: "scaled/444.jpg"))
    // The size stands five bytes into the frame's segment.
    let frame = try #require(data.firstRange(of: Data([0xFF, 0xC0])))
    data.replaceSubrange(frame.lowerBound + 5..<frame.lowerBound + 9, with: Data([0xFF, 0xDC, 0xFF, 0xDC]))
    let exif: [UInt8] =
      Array("Exif\0\0".utf8) + [
        0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0,
      ]
    let bomb = data.prefix(2) + [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif + data.dropFirst(2)
    for decoding in PhotoDecoding.allCases {
      #expect(throws: ImageError.tooLarge(file: "bomb", width: 65_500, height: 65_500, maximumPixels: 200_000_000)) {
        try PhotoReading(orientation: .exif, decoding: decoding).image(decoding: bomb, named: "bomb") {
          try ImageView.shorterEdge(32, ofWidth: $0, height: $1).centerCropped(to: 32)
        }
      }
    }
  }
}
