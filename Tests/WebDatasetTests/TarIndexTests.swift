import Foundation
import Support
import TestSupport
import Testing
import WebDataset

@Suite("Images in a plain tar are files that are read in any order")
struct TarIndexTests {
  /// A tar with two labelled samples and one without an image.
  private func written(in place: URL) throws -> URL {
    var tar = TarWriter()
    tar.add("a.png", Data("A png".utf8))
    tar.add("a.cls", Data("3\n".utf8))
    tar.add("a.jpg", Data("A".utf8))
    tar.add("d/b.cls", Data(" 0".utf8))
    tar.add("d/b.webp", Data("BB".utf8))
    tar.add("c.txt")
    let file = place.appending(path: "x.tar")
    try tar.whole.write(to: file)
    return file
  }

  @Test("samples have their image and label, and each image its bytes")
  func contents() throws {
    try withTemporaryFolder { place in
      let file = try written(in: place)
      #expect(
        try TarMembers.index(of: file.path).samples.map { "\($0.key), \($0.image ?? "none"), \($0.label ?? .notAFile)" }
          == ["a, a.jpg, text(\"3\")", "d/b, d/b.webp, text(\"0\")", "c, none, notAFile"])
      for (name, text) in [("d/b.webp", "BB"), ("a.jpg", "A"), ("a.png", "A png")] {
        let path = "\(file.path)/\(name)"
        #expect(try TarMembers.contents(of: path, atMost: 10) == Data(text.utf8))
        #expect(try TarMembers.exists(path))
        #expect(FileStamp(of: path) == FileStamp(of: file.path))
      }
      #expect(throws: FileSystem.TooLarge.self) { try TarMembers.contents(of: "\(file.path)/a.png", atMost: 4) }
      for path in ["\(file.path)/none.jpg", "\(place.path)/none.tar/a.jpg", "\(place.path)/a.jpg"] {
        #expect(try TarMembers.contents(of: path, atMost: 10) == nil && !TarMembers.exists(path))
      }
    }
  }

  @Test("a tar that changes is read again")
  func changes() throws {
    try withTemporaryFolder { place in
      let file = try written(in: place)
      #expect(try TarMembers.exists("\(file.path)/a.jpg"))
      var other = TarWriter()
      other.add("z.jpg", Data("Z".utf8))
      try other.whole.write(to: file)
      #expect(try !TarMembers.exists("\(file.path)/a.jpg"))
      #expect(try TarMembers.contents(of: "\(file.path)/z.jpg", atMost: 10) == Data("Z".utf8))
    }
  }

  @Test("what cannot be read in any order is told")
  func refusals() throws {
    let packed = Bundle.module.bundleURL.appending(path: "Fixtures/plain-pax.tar.gz").path
    let error = #expect(throws: TarError.self) { try TarIndex(packed) }
    #expect(
      error?.explanation
        == "\(packed) is compressed, and its images can only be read in their order, as 'predict' does. Unpack it with "
        + "gunzip: images hardly shrink.")
    try withTemporaryFolder { place in
      let file = place.appending(path: "x.tar")
      func refusal(_ data: Data) throws -> String {
        try data.write(to: file)
        let error = #expect(throws: TarError.self) { try TarIndex(file.path) }
        return (error?.explanation ?? "").replacing(file.path, with: "TAR")
      }
      var tar = TarWriter()
      tar.add("../a.jpg", Data("A".utf8))
      let leading = try refusal(tar.whole)
      #expect(
        leading
          == "TAR/../a.jpg is not read: its name in the tar is absolute or has '..'. Pack the tar again without.")
      var cut = TarWriter()
      cut.add("a.jpg", Data("A".utf8))
      let ending = try refusal(cut.data)
      #expect(ending == "TAR is damaged at byte 1024: its end mark is missing. Fetch it again.")
      // Of a damaged tar nobody knows what is in it.
      #expect(throws: TarError.self) { try TarMembers.exists("\(file.path)/a.jpg") }
      #expect(throws: TarError.self) { try TarMembers.contents(of: "\(file.path)/a.jpg", atMost: 10) }
      var link = TarWriter()
      link.add("a.jpg", type: "2", linkedTo: "b.jpg")
      let linking = try refusal(link.whole)
      #expect(
        linking
          == "TAR/a.jpg is a link or a device in the tar, where an image was expected. Pack the files themselves.")
      var twice = TarWriter()
      for label in ["0", "1"] {
        twice.add("a.jpg", Data(label.utf8))
        twice.add("a.cls", Data(label.utf8))
      }
      let repeating = try refusal(twice.whole)
      #expect(repeating == "TAR has two images called 'a.jpg'. Pack the tar again with a name for each.")
    }
  }
}

@Suite("Whoever reads a tar finds the same samples, by one rule")
struct TarSamplesTests {
  /// The samples of a tar, as texts: key, image with its contents or fault, label.
  private func samples(_ tar: TarWriter) throws -> [String] {
    try withTemporaryFolder { place in
      let file = place.appending(path: "x.tar")
      try tar.whole.write(to: file)
      let reader = TarSamples(file.path) { member, stream throws(TarStream.Damage) in
        String(decoding: try stream.contents(of: member), as: UTF8.self)
      }
      var found: [String] = []
      while true {
        do {
          guard let sample = try reader.next() else { return found }
          let image = sample.image.map { image in
            switch image.content {
            case .success(let text): "\(image.name)=\(text)"
            case .failure(let fault): "\(image.name): \(fault)"
            }
          }
          let label = sample.label.map { ", \($0)" } ?? ""
          found.append("\(sample.key): \(image ?? "none")\(label), \(sample.places.map(\.name))")
        } catch is TarStream.Damage {
          found.append("damage")
        }
      }
    }
  }

  @Test("the image is the first that can be read, and where none can, the first with its fault")
  func choice() throws {
    var tar = TarWriter()
    tar.add("a.jpg", type: "2", linkedTo: "b.jpg")
    tar.add("a.png", Data("A".utf8))
    tar.add("b.webp", Data("W".utf8))
    tar.add("b.jpg", Data("J".utf8))
    tar.add("b.png", Data("P".utf8))
    tar.add("c.png", type: "2", linkedTo: "b.jpg")
    tar.add("c.jpg", type: "3")
    tar.add("/d.jpg", Data("D".utf8))
    tar.add("e.txt", type: "2", linkedTo: "b.jpg")
    tar.add("f.txt")
    #expect(
      try samples(tar) == [
        "a: a.png=A, [\"a.png\"]", "b: b.jpg=J, [\"b.webp\", \"b.jpg\", \"b.png\"]", "c: c.jpg: notAFile, []",
        "/d: /d.jpg: leadsOut, []", "f: none, []",
      ])
  }

  @Test("a label is a text, or the reason why it is none")
  func labels() throws {
    var tar = TarWriter()
    tar.add("a.cls", Data(" 7\n".utf8))
    tar.add("b.cls", Data(String(repeating: "0", count: 65).utf8))
    tar.add("c.cls", type: "2", linkedTo: "a.cls")
    #expect(
      try samples(tar) == [
        "a: none, text(\"7\"), []", "b: none, tooLong(bytes: 65), []", "c: none, notAFile, []",
      ])
  }

  @Test("a damaged header ends its sample, and a name that comes again begins another")
  func damage() throws {
    var tar = TarWriter()
    tar.add("a.jpg", Data("1".utf8))
    tar.add("a.jpg", Data("2".utf8))
    tar.add("a.txt", isDamaged: true)
    tar.add("a.png", Data("3".utf8))
    #expect(
      try samples(tar) == [
        "a: a.jpg=1, [\"a.jpg\"]", "a: a.jpg=2, [\"a.jpg\"]", "damage", "a: a.png=3, [\"a.png\"]",
      ])
  }
}
