import Foundation
import Images
import Testing

@Suite("Photos of every size, shape and orientation are read, and those that cannot be are named")
struct PhotoOptionTests {
  private let photo: Data

  init() throws { photo = try Data(contentsOf: URL(filePath: Short.photo)) }

  private func predicting(_ options: String...) -> [String] {
    ["predict", "--model", "tiny-clip", "--classes", "bird,cat", "--format", "csv"] + options
  }

  private func plain(_ width: Int, _ height: Int) throws -> Data {
    try Image(width: width, height: height, pixels: [UInt8](repeating: 90, count: 3 * width * height)).png()
  }

  /// The photo with an orientation in EXIF.
  private func photo(orientation: UInt8) -> Data {
    let tiff: [UInt8] = [
      0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0,
    ]
    let exif = Array("Exif\0\0".utf8) + tiff
    return photo.prefix(2) + [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif + photo.dropFirst(2)
  }

  @Test("a photo beyond the limit is refused with an option that exists, and read with it")
  func limit() throws {
    try withWorkplace { place in
      try place.write(plain(1200, 1000), to: "large.png")
      let refused = try place.cocoop(predicting("--max-megapixels", "1", "large.png"))
      #expect(refused.status == 1)
      #expect(
        refused.errors == "Error: FOLDER/large.png claims 1200 × 1000 pixels, more than the 1000000 allowed. Use a "
          + "smaller copy, or, if the file is trusted, allow it with --max-megapixels 2.\n")
      #expect(try place.cocoop(predicting("--max-megapixels", "2", "large.png")).status == 0)
      #expect(try place.cocoop(predicting("large.png")).status == 0)
      let none = try place.cocoop(predicting("--max-megapixels", "0", "large.png"))
      #expect(none.status == 64)
      #expect(none.errors.contains("--max-megapixels must be from 1 to 100000, found 0."))
    }
  }

  @Test(
    "a line of pixels is resized; what cannot be read among test images is told at the end, with the others' figures")
  func evaluation() throws {
    try withWorkplace { place in
      for part in ["train", "test"] {
        for name in ["bird", "cat"] {
          for number in 0..<2 { try place.write(photo, to: "data/\(part)/\(name)/\(number).jpg") }
        }
      }
      try place.write(plain(1, 3000), to: "data/test/bird/line.png")
      try place.cocoop(
        "train --data data --classes all --shots 1 --epochs 1 --image-views 1 --output run --method coop --quiet --no-cache"
      )
      let whole = try place.cocoop("evaluate --run run --json --quiet --no-cache")
      #expect(whole.status == 0 && whole.errors.isEmpty)
      #expect(try (whole.json() as Figures).images == 5)

      try place.write(photo.prefix(500), to: "data/test/bird/1.jpg")
      try place.write("", to: "data/test/cat/0.jpg")
      for caching in ["", " --no-cache"] {
        let partial = try place.cocoop("evaluate --run run --json --quiet" + caching)
        #expect(partial.status == 1)
        #expect(try (partial.json() as Figures).images == 3)
        #expect(
          partial.errors
            == "Error: FOLDER/data/test/bird/1.jpg is a truncated JPEG image: its data end too early. Fetch "
            + "or export it again.\n"
            + "Error: FOLDER/data/test/cat/0.jpg is empty, where an image was expected. Fetch or export it again.\n"
            + "Error: 2 of 5 images could not be read. The figures are those of the others, and are not kept with the "
            + "run.\n")
      }
    }
  }

  private struct Figures: Decodable { let images: Int }

  @Test("photos are turned upright unless the option says otherwise")
  func orientation() throws {
    try withWorkplace { place in
      try place.write(photo, to: "a.jpg")
      let stored = try place.cocoop(predicting("a.jpg")).output
      try place.write(photo(orientation: 3), to: "a.jpg")
      #expect(try place.cocoop(predicting("--orientation", "ignored", "a.jpg")).output == stored)
      let turned = try place.cocoop(predicting("a.jpg")).output
      #expect(turned != stored)
      #expect(try place.cocoop(predicting("--orientation", "exif", "a.jpg")).output == turned)
    }
  }

  @Test("a run on a user's own photos records that they were turned, and one on published images that they were not")
  func recorded() throws {
    struct Run: Decodable {
      struct Configuration: Decodable { let orientation: String? }
      let configuration: Configuration
    }
    try withWorkplace { place in
      for name in ["bird", "cat"] {
        for number in 0..<4 { try place.write(photo, to: "data/\(name)/\(number).jpg") }
      }
      let rest = "--method zero-shot --classes all --quiet"
      for (data, option, expected) in [
        ("data", "", "exif"), ("data", " --orientation ignored", nil), ("openclipart", "", nil),
        ("openclipart", " --orientation exif", "exif"),
      ] {
        #expect(try place.cocoop("train --data \(data) --output run --force \(rest)" + option).status == 0)
        let run = try JSONDecoder().decode(Run.self, from: Data(contentsOf: place.file("run/run.json")))
        #expect(run.configuration.orientation == expected, "\(data)\(option)")
      }
    }
  }

  @Test("a server says of a JPEG that is too large to send a smaller copy, and how it turns photos")
  func server() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      let large = try Image(
        width: 1200, height: 1000, pixels: [UInt8](repeating: 90, count: 3 * 1_200_000)
      ).jpeg()
      try place.serving("runs/x", ["--max-megapixels", "1", "--orientation", "ignored"]) { server in
        let text = try server.classify(large).text
        #expect(text.contains("The image claims 1200 × 1000 pixels, more than the 1000000 allowed"))
        #expect(text.contains("Send a smaller copy") && !text.contains("Send a JPEG"))
        #expect(try server.classify(photo).text.contains("\"orientation\":\"ignored\""))
        #expect(try server.ask("GET", "/v1/model").text.contains("\"orientation\":\"ignored\""))
      }
    }
  }

  @Test("scaled decoding is recorded by a run, goes on in what uses it, and changes the answers for large JPEGs alone")
  func decoding() throws {
    struct Run: Decodable {
      struct Configuration: Decodable { let photoDecoding: String? }
      let configuration: Configuration
    }
    try withWorkplace { place in
      for name in ["bird", "cat"] {
        for number in 0..<4 { try place.write(photo, to: "data/\(name)/\(number).jpg") }
      }
      let rest = "train --data data --output run --force --method zero-shot --classes all --quiet"
      for (option, expected) in [("", nil), (" --photo-decoding exact", nil), (" --photo-decoding scaled", "scaled")] {
        #expect(try place.cocoop(rest + option).status == 0)
        let run = try JSONDecoder().decode(Run.self, from: Data(contentsOf: place.file("run/run.json")))
        #expect(run.configuration.photoDecoding == expected, "\(option)")
      }
      let large = try Image(decoding: photo, named: "photo").resized(shorterEdge: 1000)
      try place.write(large.jpeg(), to: "large.jpg")
      try place.write(large.png(), to: "large.png")
      func answer(_ options: String...) throws -> String {
        try place.cocoop(["predict", "--run", "run", "--format", "csv", "--no-cache"] + options).output
      }
      let scaled = try answer("large.jpg")
      #expect(try answer("--photo-decoding", "scaled", "large.jpg") == scaled)
      #expect(try answer("--photo-decoding", "exact", "large.jpg") != scaled)
      #expect(try answer("--photo-decoding", "exact", "large.png") == answer("large.png"))
      try place.serving("run", []) { server in
        let answers = try [server.classify(photo).text, server.ask("GET", "/v1/model").text]
        #expect(answers.allSatisfy { $0.contains("\"photoDecoding\":\"scaled\"") })
      }
      let refused = try place.cocoop(predicting("--photo-decoding", "fast", "large.jpg"))
      #expect(refused.status == 64 && refused.errors.contains("one of 'exact' and 'scaled'"))
    }
  }

  @Test("features of photos seen before are used again, until a photo changes")
  func seenBefore() throws {
    try withWorkplace { place in
      try place.write(photo, to: "p/a.jpg")
      try place.write(photo(orientation: 3), to: "p/b.jpg")
      let first = try place.cocoop(predicting("p"))
      #expect(first.status == 0 && first.errors.isEmpty)
      #expect(try place.cocoop(predicting("p")).output == first.output)
      #expect(try place.cocoop(predicting("--no-cache", "p")).output == first.output)
      #expect(try place.cocoop(predicting("--orientation", "ignored", "p")).output != first.output)
      try place.write(photo(orientation: 6), to: "p/b.jpg")
      let changed = try place.cocoop(predicting("p")).output
      #expect(changed != first.output)
      #expect(try place.cocoop(predicting("--no-cache", "p")).output == changed)
    }
  }
}
