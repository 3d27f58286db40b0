import Datasets
import Foundation
import Support
import Testing
import TestSupport

@Suite("A file name is bytes")
struct FileNameTests {
  @Test(
    "each name has one spelling, from which it comes back",
    arguments: [
      (Array("plain.jpg".utf8), "plain.jpg"), (Array("café 猫.jpg".utf8), "café 猫.jpg"),
      ([0x63, 0xE9], #"c\xe9"#), ([0x5C, 0xFF, 0xC3, 0xA9], #"\\\xffé"#), ([0xE7, 0x8C], #"\xe7\x8c"#),
      (Array(#"a\b"#.utf8), #"a\b"#), (Array(#"a\xe9"#.utf8), #"a\\xe9"#), (Array(#"a\x41"#.utf8), #"a\x41"#),
      (Array(#"a\\xe9"#.utf8), #"a\\\\xe9"#), ([0xED, 0xA0, 0x80, 0x0A], "\\xed\\xa0\\x80\n"),
    ] as [([UInt8], String)])
  func spelling(bytes: [UInt8], expected: String) {
    #expect(FileName.spelling(of: bytes) == expected)
    #expect(FileName.bytes(of: expected) == bytes)
  }

  @Test("ten thousand random names come back from their spellings")
  func roundTrip() {
    var generator = SplitMix64(state: 20_261_128)
    let pieces: [[UInt8]] = [[0x5C], [0x78], [0x65], [0x39], [0xE9], [0xC3, 0xA9], [0x80], [0x66], [0x2E]]
    for _ in 0..<10_000 {
      let bytes = (0..<Int.random(in: 1...9, using: &generator)).flatMap { _ in
        pieces[Int.random(in: 0..<pieces.count, using: &generator)]
      }
      let spelling = FileName.spelling(of: bytes)
      #expect(FileName.bytes(of: spelling) == bytes)
      #expect(FileName.isText(spelling) == (String(validating: bytes, as: UTF8.self) != nil))
    }
  }

  /// Creates a file with a name that Foundation does not support.
  func make(_ name: [UInt8], in folder: URL) {
    let path = folder.path + "/" + FileName.spelling(of: name)
    let descriptor = FileSystem.withSystemPath(path) { open($0, O_WRONLY | O_CREAT, 0o644) }
    #expect(descriptor >= 0)
    close(descriptor)
  }

  #if os(Linux)
    @Test("folders, split files and tables of such names are read, and their spellings are kept")
    func datasets() throws {
      try withTemporaryFolder { folder in
        let latin: [UInt8] = Array("caf".utf8) + [0xE9]
        let made = FileSystem.withSystemPath(folder.path + "/" + FileName.spelling(of: latin)) { mkdir($0, 0o755) }
        #expect(made == 0)
        for number in 0..<4 {
          make(latin + Array("/p".utf8) + [0xFC, UInt8(ascii: "0") + UInt8(number)] + Array(".jpg".utf8), in: folder)
          try folder.write("", to: "dog/\(number).jpg")
        }
        let dataset = try Dataset(at: folder).located()
        #expect(dataset.classNames == [#"caf\xe9"#, "dog"] && dataset.sizes.reduce(0, +) == 8)
        #expect(dataset.training.contains { $0.path.hasPrefix(#"caf\xe9/p\xfc"#) })
        #expect(
          dataset.notices.last?.description
            == #"The name of a class folder is not UTF-8, and the model reads it as caf\xe9: rename the folder"#)

        let split = folder.appending(path: "split.json")
        try SplitFile(of: dataset).write(to: split)
        let again = try Dataset(splitFile: split)
        #expect(again.training == dataset.training)
        try again.checkImages()

        var table = Data("path,class\n".utf8)
        for number in 0..<4 {
          table += Data(latin + Array("/p".utf8) + [0xFC]) + Data("\(number).jpg,café\ndog/\(number).jpg,dog\n".utf8)
        }
        #expect(try Dataset(csv: folder.write(table, to: "list.csv")).located().sizes == [4, 2, 2])
        let bad = try folder.write(Data("path,class\na.jpg,".utf8) + Data(latin), to: "bad.csv")
        #expect(
          explanation(in: folder) { try Dataset(csv: bad) }
            == #"FOLDER/bad.csv, line 2: the class is not UTF-8: caf\xe9."#
            + " Save the file as UTF-8, in a spreadsheet as 'CSV UTF-8'.")
      }
    }
  #endif

  @Test("names of 255 bytes are names like others")
  func longNames() throws {
    try withTemporaryFolder { folder in
      let name = String(repeating: "é", count: 125) + "1.jpg"
      #expect(name.utf8.count == 255)
      for number in 1...3 { try folder.write("", to: "cat/" + name.replacing("1.jpg", with: "\(number).jpg")) }
      #expect(try Dataset(at: folder).located().sizes == [2, 0, 1])
    }
  }

  @Test(
    "images that are listed in another form of their names are found, and told",
    arguments: [
      ("Fotos für KI/é.jpg", "in another Unicode form"), ("fotos FÜR ki/É.JPG", "in other letter case"),
      (#"Fotos für KI\é.jpg"#, "with other separators"),
    ])
  func otherForms(path: String, phrase: String) throws {
    try withTemporaryFolder { folder in
      let place = "Fotos für KI/é.jpg".decomposedStringWithCanonicalMapping
      try folder.write("", to: place)
      try folder.write("", to: "b.jpg")
      let text = "path,class,split\n\(path.precomposedStringWithCanonicalMapping),cat,train\nb.jpg,cat,test\n"
      let dataset = try Dataset(csv: folder.write(text, to: "list.csv")).located()
      #expect(dataset.training[0].path.utf8.elementsEqual(place.utf8))
      #expect(
        dataset.notices.map(\.description) == [
          "1 photo is listed \(phrase) than on disk, such as \(path.precomposedStringWithCanonicalMapping):"
            + " it was found all the same"
        ])
    }
  }

  @Test("of two names that fit equally, neither is taken")
  func ambiguous() throws {
    try withTemporaryFolder { folder in
      for name in ["a.jpg", "A.jpg", "b.jpg"] { try folder.write("", to: name) }
      let text = "path,class,split\na.JPG,cat,train\nb.jpg,cat,test\n"
      #expect(
        explanation(in: folder) { try Dataset(csv: folder.write(text, to: "list.csv")).located() }
          == "1 of 2 images are missing in FOLDER: a.JPG. Unpack the images there, or correct the list.")
    }
  }
}
