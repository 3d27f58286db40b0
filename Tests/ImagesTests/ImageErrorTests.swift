import Foundation
import Images
import Support
import Testing

@Suite("Bad input is refused in one line that says what to do")
struct ImageErrorTests {
  /// The message of decoding the bytes as a file named "photo".
  private func message(_ data: Data, limits: DecodingLimits = .standard) -> String {
    do {
      let image = try Image(decoding: data, named: "photo", limits: limits)
      return "read \(image.width) × \(image.height)"
    } catch {
      return "\(error)"
    }
  }

  private func message(at url: URL, limits: DecodingLimits = .standard) -> String {
    do {
      _ = try Image(contentsOf: url, limits: limits)
      return "read"
    } catch {
      return "\(error)".replacingOccurrences(of: url.path, with: "PATH")
    }
  }

  @Test("files that are none")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "images-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let empty = folder.appending(path: "empty.jpg")
    try Data().write(to: empty)
    let sample = Fixture.folder.appending(path: "samples/420.jpg")

    #expect(message(at: folder.appending(path: "none.jpg")) == "There is no file PATH. Check the path.")
    #expect(message(at: sample.appending(path: "inside.jpg")) == "There is no file PATH. Check the path.")
    #expect(message(at: folder) == "PATH is a folder, where an image file was expected. Name a file in it.")
    #expect(
      message(at: URL(filePath: "/dev/zero"))
        == "PATH is a device or a pipe, where an image file was expected. Copy the data into a file.")
    #expect(message(at: empty) == "PATH is empty, where an image was expected. Fetch or export it again.")
    let size = try Data(contentsOf: sample).count
    #expect(
      message(at: sample, limits: DecodingLimits(maximumBytes: 100))
        == "PATH has \(size) bytes, more than the 100 allowed. Use a smaller file."
    )
  }

  @Test("a file without permission", .enabled(if: geteuid() != 0, "root may read everything"))
  func permissions() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString).jpg")
    try Fixture.sample("420.jpg").write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: file.path)
    #expect(message(at: file) == "Cannot read PATH: Permission denied. Check its permissions.")
  }

  @Test(
    "bytes that are no picture are named",
    arguments: [
      ("%PDF-1.7", "a PDF document"), ("{\"a\": 1}", "plain text"), ("BMW drives", "plain text"),
      ("\n<!DOCTYPE html><html>", "an HTML page"), ("<?xml version='1.0'?><svg>", "an SVG drawing"),
      ("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file it stands for"),
      ("\0\0\0\0\0\0", "nothing but zero bytes"),
      ("\u{1}\u{2}\u{3}\u{4}\u{5}", "unknown data that begin with 01 02 03 04"),
      ("\0\0\0\u{20}ftypisom", "a video"), ("RIFF\0\0\0\0WAVE", "unknown data that begin with 52 49 46 46"),
    ])
  func content(text: String, name: String) {
    #expect(
      message(Data(text.utf8))
        == "photo is not a picture of a kind that is read: it looks like \(name). "
        + "Convert it to JPEG, PNG or WebP, or remove it.")
  }

  @Test("a file that ends early", arguments: [("420.jpg", "JPEG"), ("rgb-8.png", "PNG"), ("lossless.webp", "WebP")])
  func truncated(name: String, format: String) throws {
    let data = try Fixture.sample(name)
    let expected = "photo is a truncated \(format) image: its data end too early. Fetch or export it again."
    #expect(message(data.dropLast(data.count / 2)) == expected)
    #expect(message(data.prefix(24)) == expected)
  }

  @Test("a file that contradicts its format")
  func damaged() throws {
    var png = try Fixture.sample("rgb-8.png")
    png[png.count - 13] ^= 0x55  // the last byte of the pixels' checksum, before the 12 of IEND
    #expect(message(png) == "photo is a damaged PNG image: IDAT: CRC error. Fetch or export it again.")
    var jpeg = try Fixture.sample("420.jpg")
    let frame = try #require(jpeg.firstRange(of: [0xFF, 0xC0]))
    jpeg[frame.lowerBound + 4] = 12
    #expect(
      message(jpeg) == "photo is a damaged JPEG image: Unsupported JPEG data precision 12. Fetch or export it again.")
    var webp = try Fixture.sample("lossy.webp")
    webp.replaceSubrange(30..<60, with: repeatElement(0xFF, count: 30))
    #expect(
      message(webp)
        == "photo is a damaged WebP image: its picture data cannot be decoded. Fetch or export it again.")
  }

  @Test("a JPEG of two components")
  func unsupported() throws {
    #expect(
      message(try Fixture.sample("two-components.jpg"))
        == "photo is a kind of JPEG that is not read: 2 colour components; 1, 3 and 4 are read. "
        + "Convert it to JPEG, PNG or WebP, or remove it.")
  }

  @Test("a size of zero")
  func zero() throws {
    #expect(
      message(Bomb.png(width: 0, height: 5))
        == "photo holds no pixels: its size is 0 × 5. Convert it to JPEG, PNG or WebP, or remove it.")
    var jpeg = try Fixture.sample("420.jpg")
    let frame = try #require(jpeg.firstRange(of: [0xFF, 0xC0]))
    jpeg.replaceSubrange(frame.lowerBound + 5..<frame.lowerBound + 7, with: [0, 0])
    #expect(
      message(jpeg)
        == "photo is a damaged JPEG image: Empty JPEG image (DNL not supported). Fetch or export it again.")
  }

  @Test("a decompression bomb is refused from its header, before memory is claimed")
  func bomb() throws {
    #expect(
      message(Bomb.png(width: 100_000, height: 100_000))
        == "photo claims 100000 × 100000 pixels, more than the 200000000 allowed. "
        + "Use a smaller copy, or, if the file is trusted, allow it with --max-megapixels 10000.")
    #expect(message(Bomb.png(width: 20_001, height: 10_000)).hasPrefix("photo claims 20001 × 10000 pixels"))
    let whole = DecodingLimits(maximumPixels: 10_000)
    #expect(message(Bomb.png(width: 100, height: 100), limits: whole).hasPrefix("photo is a truncated PNG image"))
    let sample = try Fixture.sample("420.jpg")
    #expect(
      message(sample, limits: DecodingLimits(maximumPixels: 2866))
        == "photo claims 61 × 47 pixels, more than the 2866 allowed. "
        + "Use a smaller copy, or, if the file is trusted, allow it with --max-megapixels 1.")
    #expect(message(sample, limits: DecodingLimits(maximumPixels: 2867)) == "read 61 × 47")
    #expect(message(sample, limits: .unlimited) == "read 61 × 47")
  }

  @Test("sizes, values and settings that make no sense")
  func arguments() throws {
    func text(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    let thin = try Fixture.synthetic(width: 1, height: 500_000)
    #expect(
      text { _ = try thin.resized(shorterEdge: 224) }
        == "Resizing 1 × 500000 pixels to 224 × 112000000 would exceed the 200000000 allowed. "
        + "Crop the image to a less extreme shape first, or ask for a smaller size.")
    let noSize = "An image of 0 × 4 pixels was asked for, but a side is at least 1. Ask for at least 1 × 1."
    #expect(text { _ = try thin.resized(width: 0, height: 4) } == noSize)
    #expect(text { _ = try thin.cropped(x: 0, y: 0, width: 0, height: 4) } == noSize)
    #expect(text { _ = try Image(width: 0, height: 4, pixels: []) } == noSize)
    #expect(
      text { _ = try Image(width: 2, height: 2, pixels: [1, 2, 3]) }
        == "An RGB image of 2 × 2 pixels cannot have 3 values. Give 12 values: height × width × 3.")
    #expect(
      text { _ = try RandomResizedCrop(size: 8, scale: 0.5...2) }
        == "The scale range 0.5...2.0 of a random crop is not above 0 and at most 1. Correct the augmentation's settings."
    )
    #expect(
      text { _ = try TrainingAugmentation(crop: RandomResizedCrop(size: 8), flipProbability: 1.5) }
        == "The probability of a flip is 1.5, but it lies in 0...1. Correct the augmentation's settings.")
    #expect(
      text { _ = try RandAugment(magnitude: 31) }
        == "The magnitude of RandAugment must be from 0 to 30, found 31. Correct the augmentation's settings.")
    #expect(
      text { _ = try SeededGenerator(state: [0, 0, 0, 0]) }
        == "A generator's state has four words that are not all 0, but 4 words were found, all 0. "
        + "Restore the state from an intact checkpoint, or start from a seed.")
  }

  @Test("a BMP and a TIFF of kinds that are not read")
  func variants() throws {
    var bmp = try FormatsFixture.sample("rgb-24.bmp")
    bmp[28] = 2  // bits a pixel
    #expect(
      message(bmp)
        == "photo is a kind of BMP that is not read: 2 bits a pixel; 1, 4, 8, 16, 24 and 32 are read. "
        + "Convert it to JPEG, PNG or WebP, or remove it.")
    bmp[14] = 41
    #expect(message(bmp).hasPrefix("photo is not a picture of a kind that is read: it looks like unknown data"))
    let tiff = try FormatsFixture.sample("rgb-8.tif")
    #expect(message(tiff.prefix(20)).hasPrefix("photo is a damaged TIFF image: "))
    let gif = try FormatsFixture.sample("plain.gif")
    #expect(
      message(gif.prefix(gif.count / 2))
        == "photo is a truncated GIF image: its data end too early. Fetch or export it again.")
  }

  @Test("a shape that the model's preprocessing makes nothing of is told with its file")
  func shape() throws {
    let line = try Fixture.synthetic(width: 1, height: 3000).png()
    let error = #expect(throws: ImageError.self) {
      try PhotoReading().image(decoding: line, named: "line.png") { width, height in
        ImageView(of: .init(width: width, height: height), width: 0, height: 224)
      }
    }
    #expect(
      error?.explanation
        == "line.png is 1 × 3000 pixels, which cannot be made what the model sees: An image of 0 × 224 "
        + "pixels was asked for, but a side is at least 1. Crop it to a less extreme shape, or remove it.")
  }
}
