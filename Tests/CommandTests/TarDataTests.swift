import Embedded
import Foundation
import TestSupport
import Testing

@Suite("Labelled tars are data to train and evaluate on, as the files in them are")
struct TarDataTests {
  private static let names = ["bird", "bread", "clock"]

  /// Photos of a class, with their names.
  private static func photos(of name: String, _ range: Range<Int>) throws -> [Data] {
    try range.map { index in
      try Data(contentsOf: Embedded.openclipart.appending(path: "images/\(name)/00\(index).jpg"))
    }
  }

  /// The same photos and splits as tars in `tars` and as a table in `files`.
  private static func write(in place: Workplace) throws {
    var table = "path,class,split\n"
    for (split, range) in [("train", 0..<3), ("test", 3..<6)] {
      var tars = [TarWriter(), TarWriter()]
      for (label, name) in names.enumerated() {
        for (index, photo) in try photos(of: name, range).enumerated() {
          let key = "\(label)000\(index)"
          tars[label % 2].add("\(key).jpg", photo)
          tars[label % 2].add("\(key).cls", Data("\(label)\n".utf8))
        }
      }
      for (index, tar) in tars.enumerated() { try place.write(tar.whole, to: "tars/\(split)/\(index).tar") }
      // The order of the tars.
      for label in [0, 2, 1] {
        for (index, photo) in try photos(of: names[label], range).enumerated() {
          let path = "\(split)/\(label)000\(index).jpg"
          try place.write(photo, to: "files/\(path)")
          table += "\(path),\(names[label]),\(split)\n"
        }
      }
    }
    try place.write(names.joined(separator: "\n") + "\n", to: "tars/classnames.txt")
    try place.write(table, to: "files/data.csv")
  }

  private static func train(_ data: String, _ output: String) -> [String] {
    [
      "train", "--method", "cocoop", "--data", data, "--shots", "2", "--epochs", "2", "--output", output, "--quiet",
      "--no-cache",
    ]
  }

  @Test("what is learned and measured has the bits of the files'")
  func sameBits() throws {
    try withWorkplace { place in
      try Self.write(in: place)
      for (data, output) in [("tars", "a"), ("files/data.csv", "b")] {
        let outcome = try place.cocoop(Self.train(data, output))
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      #expect(try place.losses(of: "a") == place.losses(of: "b"))
      func figures(_ run: String) throws -> NSDictionary {
        let outcome = try place.cocoop(["evaluate", "--run", run, "--json", "--quiet", "--no-cache"])
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        return NSDictionary(dictionary: (object ?? [:]).filter { $0.key != "seconds" })
      }
      #expect(try figures("a") == figures("b") && figures("a")["images"] as? Int == 9)
      let cached = try place.cocoop(["evaluate", "--run", "a", "--json", "--quiet"])
      #expect(cached.status == 0)
      let check = try place.cocoop("datasets check tars")
      #expect(check.status == 0 && check.output.contains("9 images"), "\(check.output)\(check.errors)")
    }
  }

  @Test("tars in one folder are divided, and one tar is data too")
  func undivided() throws {
    try withWorkplace { place in
      try Self.write(in: place)
      try FileManager.default.moveItem(at: place.file("tars/train"), to: place.file("tars/both"))
      try FileManager.default.moveItem(at: place.file("tars/test/0.tar"), to: place.file("tars/both/2.tar"))
      try FileManager.default.moveItem(at: place.file("tars/test/1.tar"), to: place.file("tars/both/3.tar"))
      let outcome = try place.cocoop(Self.train("tars/both", "a"))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(place.exists("a/split.json"))
      #expect(try place.cocoop(["evaluate", "--run", "a", "--quiet"]).status == 0)
    }
  }

  @Test("only a test folder measures what was learned elsewhere")
  func testAlone() throws {
    try withWorkplace { place in
      try Self.write(in: place)
      #expect(try place.cocoop(Self.train("files/data.csv", "run")).status == 0)
      try FileManager.default.removeItem(at: place.file("tars/train"))
      let outcome = try place.cocoop(["evaluate", "tars", "--run", "run", "--quiet"])
      #expect(outcome.status == 0 && outcome.output.contains("images    9 of 3 classes"), "\(outcome.errors)")
    }
  }

  @Test("class folders beside a tar are read, unless the folder itself has the tars' names")
  func leftOverTar() throws {
    try withWorkplace { place in
      for name in Self.names {
        for (index, photo) in try Self.photos(of: name, 0..<6).enumerated() {
          try place.write(photo, to: "imagenet/images/train/\(name)/\(index).jpg")
        }
      }
      // As ImageNet is laid out for CoOp, with what it was unpacked from.
      try place.write("n01 bird\nn02 bread\n", to: "imagenet/classnames.txt")
      var tar = TarWriter()
      tar.add("a.JPEG", try Self.photos(of: "bird", 0..<1)[0])
      for folder in ["imagenet/images", "imagenet/images/train"] {
        try place.write(tar.whole, to: "\(folder)/val.tar")
        let check = try place.cocoop(["datasets", "check", folder])
        #expect(check.status == 0 && check.output.contains("3 classes"), "\(check.output)\(check.errors)")
      }
      try place.write("bird\n", to: "imagenet/images/classnames.txt")
      let check = try place.cocoop(["datasets", "check", "imagenet/images"])
      #expect(check.status == 1 && check.errors.contains("The sample val.tar/a cannot be used: it has no .cls"))
    }
  }

  @Test("a list of images in a tar that is damaged tells the tar, not that they are missing")
  func damagedTarOfList() throws {
    try withWorkplace { place in
      try Self.write(in: place)
      let whole = try place.bytes("tars/train/0.tar")
      try place.write(whole.prefix(2000), to: "tars/train/0.tar")
      let rows = ["train", "test"].enumerated().map { "train/0.tar/0000\($0).jpg,bird,\($1)\n" }
      try place.write("path,class,split\n" + rows.joined(), to: "tars/data.csv")
      let outcome = try place.cocoop("datasets check tars/data.csv")
      #expect(outcome.status == 1 && outcome.errors.hasPrefix("Error: FOLDER/tars/train/0.tar is damaged at byte "))
    }
  }

  @Test("what is missing or damaged is told in one line, before anything is learned")
  func refusals() throws {
    try withWorkplace { place in
      func refusal(_ data: String) throws -> String {
        let outcome = try place.cocoop(Self.train(data, "run"))
        #expect(outcome.status == 1 && !place.exists("run"))
        return outcome.errors
      }
      func write(_ label: String?) throws {
        var tar = TarWriter()
        tar.add("a.jpg", try Self.photos(of: "bird", 0..<1)[0])
        if let label { tar.add("a.cls", Data(label.utf8)) }
        try place.write(tar.whole, to: "tars/0.tar")
      }
      try write("0")
      #expect(
        try refusal("tars")
          == "Error: FOLDER/tars has tars and no classnames.txt, which names their classes. Write it there, with one name a "
          + "line, in the order of the numbers in .cls.\n")
      try place.write("bird\ncat\n", to: "tars/classnames.txt")
      let remedy = "Pack the tar again with the labels.\n"
      for (label, reason) in [
        (nil, "it has no .cls"),
        (String(repeating: "0", count: 65), "its .cls has 65 bytes, where a whole number was expected"),
        ("bird", "its .cls is 'bird', where a whole number was expected"),
        ("2", "its .cls is 2, and FOLDER/tars/classnames.txt has 2 names, from 0"),
      ] {
        try write(label)
        #expect(try refusal("tars") == "Error: The sample 0.tar/a cannot be used: \(reason). \(remedy)")
      }
      try write("0")
      let whole = try place.bytes("tars/0.tar")
      try place.write(whole.prefix(2000), to: "tars/0.tar")
      #expect(try refusal("tars").hasPrefix("Error: FOLDER/tars/0.tar is damaged at byte "))
      try place.write(Data([0x1F, 0x8B]) + Data(count: 100), to: "tars/0.tar")
      #expect(try refusal("tars").hasPrefix("Error: FOLDER/tars/0.tar is "))
    }
  }
}
