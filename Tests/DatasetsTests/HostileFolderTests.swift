import Datasets
import Foundation
import Testing
import TestSupport

@Suite("Odd folders and texts are read or told, and never followed in circles")
struct HostileFolderTests {
  @Test("links that lead nowhere or in a circle are left out, and told")
  func loops() throws {
    try withTemporaryFolder { folder in
      for path in ["cat/1.jpg", "cat/2.jpg"] { try folder.write("", to: path) }
      func link(_ path: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
          atPath: folder.appending(path: path).path, withDestinationPath: target)
      }
      try link("loop", to: "loop")
      try link("cat/up", to: "..")
      try link("cat/3.jpg", to: "gone.jpg")
      let dataset = try Dataset(classFolders: folder)
      #expect(dataset.classNames == ["cat"])
      #expect(
        dataset.notices.last?.description
          == "Left out, because they are links that lead nowhere or in a circle: 2 files or folders, such as cat/3.jpg")
    }
  }

  @Test("names with line breaks are names like others, on one line in what is printed")
  func lineBreaks() throws {
    try withTemporaryFolder { folder in
      for path in ["big\ncat/1\n.jpg", "big\ncat/2.jpg"] { try folder.write("", to: path) }
      let dataset = try Dataset(classFolders: folder)
      #expect(PromptTemplate.words(of: dataset.classNames[0]) == "big cat")
      try dataset.checkImages()
      #expect(try DatasetReport(checking: dataset).tree.split(separator: "\n").count == 6)
    }
  }

  @Test(
    "UTF-16 is read, with its mark and without",
    arguments: [String.Encoding.utf16, .utf16LittleEndian, .utf16BigEndian])
  func utf16(encoding: String.Encoding) throws {
    try withTemporaryFolder { folder in
      let split = #"{"train": [["é.jpg", 0, "cat"]], "val": [], "test": [["b.jpg", 0, "cat"]]}"#
      let table = "path\tclass\tsplit\né.jpg\tcat\ttrain\nb.jpg\tcat\ttest\n"
      for (name, text) in [("a.txt", table), ("a.json", split)] {
        let dataset = try Dataset(at: folder.write(try #require(text.data(using: encoding)), to: name))
        #expect(dataset.training.map(\.path) == ["é.jpg"] && dataset.classNames == ["cat"])
      }
      let half = try folder.write(Data([0xFF, 0xFE, 0x41, 0x00, 0x42]), to: "half.csv")
      #expect(
        explanation(in: folder) { try Dataset(at: half) }
          == "FOLDER/half.csv is not text in UTF-8 or UTF-16. Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'.")
    }
  }

  @Test("a division that is kept outlives images that are added")
  func kept() throws {
    try withTemporaryFolder { folder in
      for number in 0..<10 { try folder.write("", to: "cat/\(number).jpg") }
      let before = try Dataset(classFolders: folder)
      #expect(before.isDividedHere)
      try folder.write("", to: "cat/00.jpg")
      let after = try Dataset(classFolders: folder).divided(as: SplitFile(of: before), of: "split.json")
      #expect(after.training == before.training && after.test == before.test)
      #expect(
        after.notices.last?.description
          == "The folder has changed: 1 photo that the run's division doesn't know was left out, such as cat/00.jpg")
    }
  }
}
