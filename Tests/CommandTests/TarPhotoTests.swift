import Embedded
import Foundation
import Prediction
import TestSupport
import Testing

@Suite("Predict names the photos of tars as WebDataset packs them")
struct TarPhotoTests {
  private static let asking = [
    "predict", "--model", "tiny-clip", "--classes", "bird,cat", "--top", "1", "--format", "jsonl", "--no-cache",
  ]
  private static func photo(_ index: Int = 0) throws -> Data {
    try Data(contentsOf: Embedded.openclipart.appending(path: "images/bird/00\(index).jpg"))
  }

  private func lines(_ outcome: Outcome) throws -> [Prediction] {
    try outcome.output.split(separator: "\n").map { try JSONDecoder().decode(Prediction.self, from: Data($0.utf8)) }
  }

  /// A tar as img2dataset writes it.
  private static func shard(_ name: String, _ count: Int) throws -> TarWriter {
    var tar = TarWriter()
    for index in 0..<count {
      tar.add("\(name)000\(index).jpg", try photo(index))
      tar.add("\(name)000\(index).txt", Data("a bird".utf8))
      tar.add("\(name)000\(index).json", Data("{}".utf8))
    }
    return tar
  }

  @Test("names are those of tar and member, answers those of the files themselves")
  func answers() throws {
    try withWorkplace { place in
      try place.write(Self.shard("00000", 3).whole, to: "s/00000.tar")
      try place.write(Self.shard("00001", 2).whole, to: "s/00001.tar")
      try place.write(Self.photo(3), to: "last.jpg")
      let outcome = try place.cocoop(Self.asking + ["s/{00000..00001}.tar::last.jpg"])
      #expect(outcome.status == 0 && outcome.errors.isEmpty)
      let names = ["00000/0", "00000/1", "00000/2", "00001/0", "00001/1"].map { name in
        let parts = name.split(separator: "/")
        return "s/\(parts[0]).tar/\(parts[0])000\(parts[1]).jpg"
      }
      #expect(try lines(outcome).map(\.file) == names + ["last.jpg"])
      for index in 0..<3 { try place.write(Self.photo(index), to: "f/\(index).jpg") }
      let files = try lines(place.cocoop(Self.asking + ["f"]))
      #expect(try lines(outcome).prefix(3).map(\.top) == files.map(\.top))
      #expect(try lines(place.cocoop(Self.asking + ["s/*.tar"])).map(\.file) == names)
    }
  }

  @Test("gzip is found by the content, and a tar under it that is cut gives what is before")
  func gzip() throws {
    try withWorkplace { place in
      let tar = try place.write(Self.shard("00000", 4).whole, to: "a.tar")
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = ["gzip", "-k", "-n", tar.path]
      try process.run()
      process.waitUntilExit()
      let packed = try place.bytes("a.tar.gz")
      try place.write(packed, to: "b.tar")
      let plain = try lines(place.cocoop(Self.asking + ["a.tar"])).map(\.top)
      #expect(plain.count == 4)
      #expect(try lines(place.cocoop(Self.asking + ["a.tar.gz"])).map(\.top) == plain)
      #expect(try lines(place.cocoop(Self.asking + ["b.tar"])).map(\.top) == plain)
      try place.write(packed.prefix(packed.count * 3 / 4), to: "b.tar")
      let cut = try place.cocoop(Self.asking + ["b.tar"])
      #expect(try cut.status == 1 && lines(cut).filter { $0.error == nil }.count >= 2)
      #expect(try lines(cut).last?.error?.hasPrefix("b.tar ends too early, at byte ") == true)
    }
  }

  @Test("one image a sample, the first of jpg, png, jpeg and webp, whatever their order")
  func choice() throws {
    try withWorkplace { place in
      var tar = TarWriter()
      tar.add("a.PNG", try Self.photo(1))
      tar.add("a.jpg", try Self.photo(0))
      tar.add("b.txt")
      tar.add("c.seg.jpg", try Self.photo(0))
      tar.add("c.webp", try Self.photo(2))
      tar.add("__meta__/d.jpg", try Self.photo(0))
      tar.add("e.jpg", try Self.photo(0))
      tar.add("e.jpg", try Self.photo(1))
      try place.write(tar.whole, to: "x.tar")
      let found = try lines(place.cocoop(Self.asking + ["x.tar"]))
      #expect(found.map(\.file) == ["x.tar/a.jpg", "x.tar/c.webp", "x.tar/e.jpg", "x.tar/e.jpg"])
    }
  }

  @Test("a link with an image's name is told where its sample has no other image, and only there")
  func links() throws {
    try withWorkplace { place in
      var tar = TarWriter()
      tar.add("a.jpg", type: "2", linkedTo: "b.jpg")
      tar.add("a.png", try Self.photo())
      tar.add("b.jpg", type: "2", linkedTo: "a.png")
      try place.write(tar.whole, to: "x.tar")
      let outcome = try place.cocoop(Self.asking + ["x.tar"])
      #expect(outcome.status == 1)
      let found = try lines(outcome)
      #expect(found.map(\.file) == ["x.tar/a.png", "x.tar/b.jpg"])
      #expect(found.map { $0.error == nil } == [true, false])
    }
  }

  @Test("one photo of a damaged tar has the tar's error, and the others are named")
  func oneOfDamaged() throws {
    try withWorkplace { place in
      try place.write(Self.shard("0", 2).data.dropLast(700), to: "x.tar")
      try place.write(Self.photo(), to: "a.jpg")
      let outcome = try place.cocoop(Self.asking + ["x.tar/00000.jpg", "a.jpg"])
      #expect(outcome.status == 1)
      let found = try lines(outcome)
      #expect(found.map(\.file) == ["x.tar/00000.jpg", "a.jpg"])
      #expect(found.first?.error?.contains("x.tar is damaged at byte ") == true && found.last?.error == nil)
    }
  }

  @Test("damaged members, hostile names, links and large claims cost themselves alone, and each is told")
  func damage() throws {
    try withWorkplace { place in
      var tar = TarWriter()
      tar.add("a.jpg", try Self.photo())
      tar.add("broken.jpg", Data("no photo".utf8))
      tar.add("/etc/shadow.jpg", try Self.photo())
      tar.add("b/../../up.jpg", try Self.photo())
      tar.add("link.jpg", type: "2", linkedTo: "/etc/passwd")
      tar.add("hard.jpg", type: "1", linkedTo: "a.jpg")
      tar.add("device.jpg", type: "3")
      tar.add("lost.jpg", try Self.photo(), isDamaged: true)
      tar.add("z.jpg", try Self.photo())
      try place.write(tar.whole, to: "x.tar")
      try place.write(Self.shard("1", 2).data.dropLast(700), to: "y.tar")
      try place.write(Data("no tar".utf8), to: "z.tar")
      try place.write(TarWriter().whole, to: "none.tar")
      let outcome = try place.cocoop(Self.asking + ["x.tar", "y.tar", "z.tar", "none.tar"])
      #expect(outcome.status == 1)
      let found = try lines(outcome)
      #expect(
        found.filter { $0.error == nil }.map(\.file) == [
          "x.tar/a.jpg", "x.tar/z.jpg", "y.tar/10000.jpg", "y.tar/10001.jpg",
        ])
      let errors = Dictionary(grouping: found.filter { $0.error != nil }, by: \.file).mapValues {
        $0.map { $0.error ?? "" }
      }
      #expect(errors["x.tar/broken.jpg"]?.first?.hasPrefix("x.tar/broken.jpg is not a picture") == true)
      for name in ["x.tar//etc/shadow.jpg", "x.tar/b/../../up.jpg"] {
        #expect(
          errors[name]
            == ["\(name) is not read: its name in the tar is absolute or has '..'. Pack the tar again without."])
      }
      for name in ["link", "hard", "device"] {
        #expect(
          errors["x.tar/\(name).jpg"]
            == [
              "x.tar/\(name).jpg is a link or a device in the tar, where an image was expected. Pack the files themselves."
            ])
      }
      #expect(errors["x.tar"]?.count == 1 && errors["x.tar"]?[0].hasPrefix("x.tar is damaged at byte ") == true)
      #expect(errors["y.tar"]?.first?.hasPrefix("y.tar ends too early, at byte ") == true)
      #expect(errors["z.tar"]?.first?.hasPrefix("z.tar is damaged at byte 0: ") == true)
      #expect(
        outcome.errors.hasSuffix("Error: \(found.count - 4) of \(found.count) photos could not be read.\n"))
      #expect(place.contents == ["none.tar", "x.tar", "y.tar", "z.tar"])
    }
  }

  @Test("a member of 2 GB is passed over, not read, and those after it are named")
  func largeMember() throws {
    try withWorkplace { place in
      var tar = TarWriter()
      tar.add("a.jpg", try Self.photo())
      tar.add("b.jpg", size: 2 << 30)
      let file = try place.write(tar.data, to: "x.tar")
      let handle = try FileHandle(forWritingTo: file)
      try handle.seek(toOffset: UInt64(tar.data.count + 2 << 30))  // a hole: the disk need not have it
      var rest = TarWriter()
      rest.add("c.jpg", try Self.photo())
      try handle.write(contentsOf: rest.whole)
      try handle.close()
      let outcome = try place.cocoop(Self.asking + ["x.tar"])
      let found = try lines(outcome)
      #expect(found.map(\.file) == ["x.tar/a.jpg", "x.tar/b.jpg", "x.tar/c.jpg"])
      #expect(
        found[1].error == "x.tar/b.jpg has 2147483648 bytes, more than the 1073741824 allowed. Use a smaller file.")
    }
  }

  @Test("a million members take the memory of one, and seconds")
  func manyMembers() throws {
    try withWorkplace { place in
      var block = TarWriter()
      for index in 0..<1000 { block.add("\(index).txt") }
      let file = try place.write(Data(), to: "x.tar")
      let handle = try FileHandle(forWritingTo: file)
      for _ in 0..<1000 { try handle.write(contentsOf: block.data) }
      var last = TarWriter()
      last.add("a.jpg", try Self.photo())
      try handle.write(contentsOf: last.whole)
      try handle.close()
      let outcome = try place.cocoop(Self.asking + ["x.tar"])
      #expect(try outcome.status == 0 && lines(outcome).map(\.file) == ["x.tar/a.jpg"])
    }
  }

  @Test("a gap in a list is told before anything is computed")
  func gap() throws {
    try withWorkplace { place in
      for index in 0..<3 where index != 1 { try place.write(Self.shard("\(index)", 1).whole, to: "\(index).tar") }
      let outcome = try place.cocoop(Self.asking + ["{0..2}.tar"])
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(
        outcome.errors
          == "Error: 1 of the 3 files that '{0..2}.tar' names is missing: 1.tar. Fetch it, or name those that "
          + "are there, with '::' between two lists.\n")
    }
  }

  @Test("tars are divided whole, and the answers have the same bits in any number of shards", arguments: [2, 3, 5])
  func shards(count: Int) throws {
    try withWorkplace { place in
      for index in 0..<3 { try place.write(Self.shard("\(index)", index + 1).whole, to: "\(index).tar") }
      let arguments = Self.asking + ["--batch-size", "2", "{0..2}.tar"]
      let whole = try place.cocoop(arguments)
      for number in 1...count {
        #expect(try place.cocoop(arguments + ["--shard", "\(number)/\(count)", "--output", "out"]).status == 0)
      }
      let gathered = try place.cocoop(["predict", "--gather", "--output", "out", "--format", "jsonl"])
      #expect(whole.status == 0 && gathered.output == whole.output)
    }
  }
}
