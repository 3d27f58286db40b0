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
        try TarMembers.index(of: file.path).samples.map { [$0.key, $0.image, $0.label] } == [
          ["a", "a.jpg", "3"], ["d/b", "d/b.webp", "0"], ["c", nil, nil],
        ])
      for (name, text) in [("d/b.webp", "BB"), ("a.jpg", "A"), ("a.png", "A png")] {
        let path = "\(file.path)/\(name)"
        #expect(try TarMembers.contents(of: path, atMost: 10) == Data(text.utf8))
        #expect(TarMembers.exists(path))
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
      #expect(TarMembers.exists("\(file.path)/a.jpg"))
      var other = TarWriter()
      other.add("z.jpg", Data("Z".utf8))
      try other.whole.write(to: file)
      #expect(!TarMembers.exists("\(file.path)/a.jpg"))
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
          == "TAR has the member '../a.jpg', whose name is absolute or has '..'. Pack the tar again without.")
      var cut = TarWriter()
      cut.add("a.jpg", Data("A".utf8))
      let ending = try refusal(cut.data)
      #expect(ending == "TAR is damaged at byte 1024: its end mark is missing. Fetch it again.")
    }
  }
}
