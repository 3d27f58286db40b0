import Archives
import Foundation
import Support
import TestSupport
import Testing
import WebDataset

@Suite("A tar is read member by member, and what is damaged costs itself alone")
struct TarStreamTests {
  /// What a tar gives: names with sizes of contents, and damages.
  private func read(_ data: Data, gzip: Bool = false) throws -> (files: [String], damages: [TarStream.Damage]) {
    try withTemporaryFolder { place in
      let file = place.appending(path: "a.tar")
      try data.write(to: file)
      var (files, damages): ([String], [TarStream.Damage]) = ([], [])
      try withArchiveNames {
        let stream = try TarStream(file.path)
        while true {
          do {
            guard let member = try stream.next() else { return }
            let contents = try stream.contents(of: member)
            files.append("\(FileName.spelling(of: member.path)) \(contents.count)")
          } catch let damage as TarStream.Damage {
            damages.append(damage)
          }
        }
      }
      return (files, damages)
    }
  }

  private static func bytes(_ count: Int, _ value: UInt8 = 7) -> Data { Data(repeating: value, count: count) }

  @Test("names in ustar, GNU's and pax's form, in UTF-8 and not")
  func names() throws {
    let long = String(repeating: "x", count: 150) + ".jpg"
    var tar = TarWriter()
    tar.add("été.jpg", Self.bytes(3))
    tar.add("././@LongLink", Data(long.utf8) + Data(count: 1), type: "L")
    tar.add("short", Self.bytes(4))
    let record = "path=\(long)p\n"
    let length = record.utf8.count + 4
    tar.add("PaxHeader", Data("\(length) \(record)".utf8), type: "x")
    tar.add("short", Self.bytes(5))
    #expect(try read(tar.whole).files == ["été.jpg 3", "\(long) 4", "\(long)p 5"])
  }

  @Test("a damaged header loses its member, and those after it are read")
  func damagedHeader() throws {
    var tar = TarWriter()
    tar.add("a.jpg", Self.bytes(700))
    tar.add("b.jpg", Self.bytes(5000), isDamaged: true)
    tar.add("c.jpg", Self.bytes(10))
    let (files, damages) = try read(tar.whole)
    #expect(files == ["a.jpg 700", "c.jpg 10"])
    #expect(damages.map(\.isCut) == [false] && damages.map(\.byte) == [2048])
  }

  @Test("a tar that is cut anywhere gives the members before it, and says that it is cut")
  func cuts() throws {
    var tar = TarWriter()
    for (name, size) in [("a.jpg", 700), ("b.jpg", 512), ("c.jpg", 0), ("d.jpg", 1300)] {
      tar.add(name, Self.bytes(size))
    }
    let whole = tar.whole
    // Where the contents end; what fills up the last block may be missing.
    let ends = [512 + 700, 1536 + 512 + 512, 2560 + 512, 3072 + 512 + 1300]
    for length in stride(from: 512, to: whole.count - 1024, by: 256) {
      let (files, damages) = try read(whole.prefix(length))
      #expect(files.count == ends.count { $0 <= length }, "\(length)")
      #expect(damages.map(\.isCut) == [true], "\(length)")
    }
    // One block of zeros is an end mark.
    #expect(try read(whole.dropLast(512)).damages.isEmpty && read(whole).damages.isEmpty)
    let damages = try read(whole.dropLast(1024)).damages
    #expect(damages.map(\.isCut) == [true] && damages.map(\.byte) == [5120])
    #expect(damages.map(\.reason) == ["its end mark is missing"])
  }

  @Test("a size that no file has ends the tar and costs no memory")
  func hugeClaim() throws {
    var tar = TarWriter()
    tar.add("a.jpg", Self.bytes(5))
    tar.add("b.jpg", Self.bytes(5), size: 0o77777777777)
    tar.add("c.jpg", Self.bytes(5))
    let (files, damages) = try read(tar.whole)
    #expect(files == ["a.jpg 5"] && damages.map(\.isCut) == [true])
  }

  @Test("what is no tar is refused", arguments: ["", "hello", String(repeating: "no tar ", count: 1000)])
  func noTar(text: String) throws {
    #expect(throws: TarStream.Damage.self) { try read(Data(text.utf8)) }
  }
}

@Suite("Files with one key are a sample")
struct SampleTests {
  @Test(
    "the key ends at the first dot of the last component",
    arguments: [
      ("a/b.seg.PNG", "a/b", "seg.png"), ("000420007.jpg", "000420007", "jpg"), ("a.b/c.jpg", "a.b/c", "jpg"),
      ("./x.JPG", "./x", "jpg"), ("b/.jpg", "b/", "jpg"), ("b/.hid.jpg", "b/", "hid.jpg"), ("a.", "a", ""),
    ])
  func names(path: String, key: String, ending: String) {
    let name = SampleName(Array(path.utf8))
    #expect(name?.key == Array(key.utf8) && name?.fileExtension == ending)
  }

  @Test(
    "names that belong to no sample", arguments: ["README", "a/b", ".hidden", "__meta__", "__meta__/a.jpg", "./.a.jpg"])
  func none(path: String) {
    #expect(SampleName(Array(path.utf8)) == nil)
  }

  @Test("another key begins a sample, and so does an extension that comes again")
  func grouping() {
    var grouping = SampleGrouping()
    let files = ["a.jpg", "a.txt", "b.txt", "b.jpg", "a.jpg", "a.txt", "a.jpg"]
    let begins = files.compactMap { SampleName(Array($0.utf8)) }.map { grouping.begins($0) }
    #expect(begins == [true, false, true, false, true, false, true])
  }
}
