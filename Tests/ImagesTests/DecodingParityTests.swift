import Embedded
import Foundation
import Images
import Testing

@Suite("Pixels equal Pillow's to the last bit")
struct DecodingParityTests {
  @Test("every variant of JPEG, PNG and WebP decodes as Pillow decodes it")
  func variants() throws {
    let samples = try Fixture.recorded.get().samples
    #expect(samples.count >= 70)
    for (name, expected) in samples.sorted(by: { $0.key < $1.key }) {
      let image = try Image(decoding: Fixture.sample(name), named: name)
      #expect(image.record == expected, "\(name)")
    }
  }

  @Test("a file that ends early is refused wherever Pillow refuses it")
  func truncation() throws {
    for (name, cuts) in try Fixture.recorded.get().cuts {
      let whole = try Fixture.sample(name)
      for cut in cuts {
        let image = Result { try Image(decoding: whole.prefix(cut.length), named: name) }
        // This package is stricter in one case: where only the end of a PNG's pixel stream is cut, which no pixel needs
        // (its last code, two checksums of 4 bytes, with the 12 of IEND after them), Pillow shows pixels that libpng
        // cannot verify.
        let isChecksumCut = name.hasSuffix(".png") && (12...22).contains(whole.count - cut.length)
        let reads = (try? image.get()) != nil
        #expect(reads == cut.reads || isChecksumCut && !reads, "\(name) cut at \(cut.length) of \(whole.count)")
      }
    }
  }

  @Test("all 683 openclipart drawings decode and resize, up and down, as in Pillow")
  func clipart() throws {
    let drawings = try Fixture.recorded.get().clipart
    #expect(drawings.count == 683)
    try compare(drawings, in: Embedded.openclipart)
  }

  @Test("photos of Caltech101 and Flowers102 too", .enabled(if: Fixture.shared != nil, "needs ../shared"))
  func photos() throws {
    let photos = try Fixture.recorded.get().photos
    #expect(photos.count >= 200)
    try compare(photos, in: #require(Fixture.shared))
  }

  private func compare(_ photos: [String: Fixture.Photo], in folder: URL) throws {
    for (path, expected) in photos {
      let image = try Image(contentsOf: folder.appending(path: path))
      let (width, height) = (image.width, image.height)
      let down = try image.resized(width: width * 3 / 5 + 1, height: height * 2 / 5 + 1)
      let up = try image.resized(width: width * 5 / 4 + 3, height: height * 3 / 2 + 1)
      let bilinear = try image.resized(width: width / 2 + 1, height: height * 5 / 4, interpolation: .bilinear)
      #expect(image.record == expected.decoded, "\(path)")
      #expect(down.record == expected.down, "\(path)")
      #expect(up.record == expected.up, "\(path)")
      #expect(bilinear.record == expected.bilinear, "\(path)")
    }
  }
}

@Suite("Resizing and cropping equal Pillow's and torchvision's to the last bit")
struct ResizingParityTests {
  @Test("odd sizes, from 1 × 1 to 3000 × 7, by both filters")
  func oddSizes() throws {
    for expected in try Fixture.recorded.get().oddSizes {
      let image = try Fixture.synthetic(width: expected.from[0], height: expected.from[1])
      let resized = try image.resized(
        width: expected.width, height: expected.height, interpolation: expected.filter)
      #expect(resized.record == expected.record, "\(expected.from) by \(expected.filter)")
    }
  }

  @Test("the shorter edge and the centre are those of torchvision's Resize and CenterCrop")
  func views() throws {
    for expected in try Fixture.recorded.get().views {
      let image = try Fixture.synthetic(width: expected.from[0], height: expected.from[1])
      let name = "\(expected.from) to \(expected.size)"
      let whole = try image.resized(shorterEdge: expected.size)
      #expect(whole.record == expected.shorterEdge, "\(name)")
      #expect(try image.centerCropped(to: expected.size).record == expected.centre, "\(name)")
      #expect(try whole.centerCropped(to: expected.size).record == expected.both, "\(name)")
    }
  }
}
