import Foundation
import Images
import Testing
import TestSupport

@Suite("BMP, GIF and TIFF equal Pillow's pixels to the last bit")
struct FormatParityTests {
  @Test("every variant decodes as Pillow decodes it")
  func variants() throws {
    let samples = try FormatsFixture.recorded.get().samples
    #expect(samples.count >= 200)
    for (name, expected) in samples.sorted(by: { $0.key < $1.key }) {
      let image = try Image(decoding: FormatsFixture.sample(name), named: name)
      #expect(image.record == expected, "\(name)")
    }
  }

  @Test("a file that ends early is refused wherever Pillow refuses it")
  func truncation() throws {
    for (name, cuts) in try FormatsFixture.recorded.get().cuts {
      let whole = try FormatsFixture.sample(name)
      for cut in cuts {
        let reads = (try? Image(decoding: whole.prefix(cut.length), named: name)) != nil
        // This package is stricter in one case: Pillow shows the readable part of a TIFF whose directory is cut.
        #expect(
          reads == cut.reads || name.hasSuffix(".tif") && !reads, "\(name) cut at \(cut.length) of \(whole.count)")
      }
    }
  }
}

@Suite("Photos are turned upright as Pillow's exif_transpose turns them")
struct OrientationTests {
  private let upright = PhotoReading(orientation: .exif)

  @Test("all eight values, in JPEG, PNG and WebP, by EXIF and by XMP, whole and in views")
  func values() throws {
    let samples = try FormatsFixture.recorded.get().oriented
    #expect(samples.count >= 36)
    for (name, expected) in samples.sorted(by: { $0.key < $1.key }) {
      let data = try FormatsFixture.sample(name)
      func seen(_ view: (Int, Int) -> ImageView) throws -> Fixture.Record {
        try upright.image(decoding: data, named: name, seenAs: view).record
      }
      #expect(try upright.image(decoding: data, named: name).record == expected.upright, "\(name)")
      #expect(
        try seen { ImageView(of: .init(width: $0, height: $1), width: 20, height: 5) } == expected.wide, "\(name)")
      #expect(
        try seen { ImageView(of: .init(width: $0, height: $1), width: 7, height: 24) } == expected.high, "\(name)")
      let crop = try seen { width, height in
        let (x, y) = (width / 5, height / 7)
        return ImageView(
          of: .init(x: x, y: y, width: width - 3 - x, height: height - 2 - y), width: 16, height: 16,
          interpolation: .bilinear)
      }
      #expect(crop == expected.crop, "\(name)")
    }
  }

  @Test("an orientation that is ignored, or is none, changes nothing")
  func ignored() throws {
    for name in ["jpeg-6.jpg", "png-5.png", "webp-8.webp"] {
      let data = try FormatsFixture.sample(name)
      #expect(try Image(decoding: data, named: name).width == 37, "\(name)")
    }
    for name in ["jpeg-0.jpg", "jpeg-9.jpg", "png-9.png"] {
      let data = try FormatsFixture.sample(name)
      #expect(try upright.image(decoding: data, named: name) == Image(decoding: data, named: name), "\(name)")
    }
  }

  @Test("damaged EXIF is passed over")
  func damaged() throws {
    let data = try FormatsFixture.sample("jpeg-6.jpg")
    let start = try #require(data.firstRange(of: Array("Exif\0\0".utf8)))
    let plain = try Image(decoding: data, named: "plain")
    for (offset, value) in [(6, UInt8(0)), (10, 0xFF), (14, 0)] {
      var damaged = data
      damaged[start.lowerBound + offset] = value
      #expect(try upright.image(decoding: damaged, named: "damaged") == plain, "byte \(offset)")
    }
  }
}

@Suite("What is seen of a picture equals its steps one by one")
struct ImageViewTests {
  @Test(
    "regions of any size, up and down, equal Pillow's crop and resize by all instructions",
    arguments: ResamplingInstructions.allCases.filter(\.isAvailable))
  func regions(instructions: ResamplingInstructions) throws {
    let views = try FormatsFixture.recorded.get().views
    #expect(views.count == 2000)
    for view in views {
      let image = try Fixture.synthetic(width: view.from[0], height: view.from[1])
      let region = ImageView.Rectangle(
        x: view.region[0], y: view.region[1], width: view.region[2], height: view.region[3])
      let seen = try image.seen(
        as: ImageView(of: region, width: view.width, height: view.height, interpolation: view.filter),
        with: instructions)
      #expect(seen.record == view.record, "\(view.from) \(view.region)")
    }
  }

  @Test("a line of pixels is resized as in PyTorch, without the picture between")
  func slivers() throws {
    for expected in try FormatsFixture.recorded.get().slivers {
      let (width, height) = (expected.from[0], expected.from[1])
      let image = try Fixture.synthetic(width: width, height: height)
      let view = try ImageView.shorterEdge(expected.size, ofWidth: width, height: height)
        .centerCropped(to: expected.size)
      #expect(try image.seen(as: view).record == expected.record, "\(expected.from)")
      let file = try image.png()
      #expect(try PhotoReading().image(decoding: file, named: "line") { _, _ in view }.record == expected.record)
    }
  }

  @Test("decoding row by row gives the bits of decoding whole", arguments: [Orientation.ignored, .exif])
  func bands(orientation: Orientation) throws {
    let reading = PhotoReading(orientation: orientation)
    let (known, others) = try (Fixture.recorded.get(), FormatsFixture.recorded.get())
    let files =
      try known.samples.keys.map { ($0, try Fixture.sample($0)) }
      + (Array(others.samples.keys) + Array(others.oriented.keys)).map { ($0, try FormatsFixture.sample($0)) }
    for (name, data) in files {
      let whole = try reading.image(decoding: data, named: name)
      let (width, height) = (whole.width, whole.height)
      let region = ImageView.Rectangle(x: width / 3, y: height / 4, width: width / 2, height: height / 2)
      let views = [
        try ImageView.shorterEdge(16, ofWidth: width, height: height).centerCropped(to: 16),
        ImageView(of: region, width: 5, height: 40, interpolation: .bilinear),
        ImageView(of: region, width: 40, height: 3),
        ImageView(
          of: .init(width: width, height: height), width: width, height: height,
          window: .init(x: -3, y: 5, width: width + 9, height: 4)),
        ImageView(of: region, width: 9, height: 9, window: .init(x: 20, y: 20, width: 2, height: 2)),
      ]
      for (number, view) in views.enumerated() {
        let seen = try reading.image(decoding: data, named: name) { _, _ in view }
        #expect(try seen == whole.seen(as: view), "\(name), view \(number)")
      }
    }
  }

  @Test("a large photo is read in the memory of a few of its rows", arguments: ["JPEG", "PNG"])
  func memory(format: String) throws {
    let (width, height) = (6000, 4000)
    let image = try Image(
      width: width, height: height, pixels: [UInt8](repeating: 90, count: 3 * width * height))
    let data = try format == "JPEG" ? image.jpeg() : image.png()
    // The whole picture would take 72 MB.
    let report = try Fuzzing(once: format, allowance: 6 << 20) { _ in
      [UInt8](data)
    } read: { data in
      try PhotoReading().image(decoding: data, named: "large") {
        try ImageView.shorterEdge(224, ofWidth: $0, height: $1).centerCropped(to: 224)
      }
    } check: {
      #expect($0.pixels.allSatisfy { abs(Int($0) - 90) <= 1 })
    }
    #expect(report.problems.filter { $0.contains("bytes") }.isEmpty)
    #expect(report.read == 1)
  }
}
