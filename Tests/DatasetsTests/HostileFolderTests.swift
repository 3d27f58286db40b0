import Datasets
import Foundation
import Testing

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
          == "Left out, because they are links that lead nowhere: 2 files or folders, such as cat/3.jpg")
    }
  }

  @Test("names with line breaks are names like others, on one line in what is printed")
  func lineBreaks() throws {
    try withTemporaryFolder { folder in
      for path in ["big\ncat/1\n.jpg", "big\ncat/2.jpg"] { try folder.write("", to: path) }
      let dataset = try Dataset(classFolders: folder)
      #expect(PromptTemplate.words(of: dataset.classNames[0]) == "big cat")
      try dataset.checkImages()
      #expect(DatasetReport(checking: dataset).tree.split(separator: "\n").count == 6)
    }
  }

  @Test("UTF-16 is recognized, with its mark and without", arguments: [String.Encoding.utf16, .utf16LittleEndian])
  func utf16(encoding: String.Encoding) throws {
    try withTemporaryFolder { folder in
      for name in ["a.csv", "a.json"] {
        let data = try #require("{\"path\",class\n".data(using: encoding))
        let file = try folder.write(data, to: name)
        guard name == "a.csv" || encoding == .utf16 else { continue }
        #expect(
          explanation(in: folder) { try Dataset(at: file) }
            == "FOLDER/\(name) is text in UTF-16. Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'.")
      }
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
