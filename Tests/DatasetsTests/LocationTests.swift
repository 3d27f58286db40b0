import Datasets
import Foundation
import Testing
import TestSupport

@Suite("A location is recognized, and what is missing there is told")
struct LocationTests {
  static let pets =
    #"{"train": [["a/1.jpg", 0, "cat"]], "val": [["a/2.jpg", 0, "cat"]], "test": [["a/3.jpg", 0, "cat"]]}"#

  @Test("images lie beside the split file, under its one sub-folder, or where the caller says")
  func imageFolder() throws {
    try withTemporaryFolder { folder in
      let file = try folder.write(Self.pets, to: "split_pets.json")
      #expect(try Dataset(at: file).imageFolder.lastPathComponent == folder.lastPathComponent)
      try folder.write("", to: "images/a/1.jpg")
      #expect(try Dataset(at: file).imageFolder.lastPathComponent == "images")
      try folder.write("", to: "a/1.jpg")
      #expect(try Dataset(at: file).imageFolder.lastPathComponent == folder.lastPathComponent)
      #expect(try Dataset(splitFile: file, images: URL(filePath: "/data")).imageFolder.path == "/data")
    }
    try withTemporaryFolder { folder in
      let file = try folder.write(Self.pets, to: "split_pets.json")
      try folder.write("", to: "a/1.jpg")  // the one sub-folder is a class, not the image folder
      let dataset = try Dataset(at: file)
      #expect(try dataset.missingImages() == ["a/2.jpg", "a/3.jpg"])
      #expect(dataset.url(of: dataset.training[0]).path == folder.appending(path: "a/1.jpg").path)
    }
  }

  @Test("a split file needs no extension, and a folder stands for its one split file")
  func forms() throws {
    try withTemporaryFolder { folder in
      #expect(try Dataset(at: folder.write(" \n" + Self.pets, to: "pets")).name == "pets")
      try folder.write(Self.pets, to: "split_zhou_Pets.json")
      #expect(try Dataset(at: folder).name == "Pets")
      try folder.write(Self.pets, to: "split_b.json")
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "FOLDER holds several split files: split_b.json, split_zhou_Pets.json. Name the one that you mean.")
      let photo = try folder.write("RIFF", to: "a.txt")
      #expect(
        explanation(in: folder) { try Dataset(at: photo) }
          == "FOLDER/a.txt is neither a split file (.json) nor a table (.csv)."
          + " Give a split file, a table or a folder of class folders.")
    }
  }

  @Test("missing, not regular, not text")
  func unreadable() throws {
    let forms = "Give a split file (.json), a table (.csv) or a folder of class folders."
    #expect(
      explanation { try Dataset(at: URL(filePath: "/nowhere/x.json")) }
        == "There is no file or folder /nowhere/x.json. Check the path.")
    #expect(explanation { try Dataset(at: URL(filePath: "/dev/zero")) } == "/dev/zero is not a regular file. \(forms)")
    try withTemporaryFolder { folder in
      #expect(explanation(in: folder) { try Dataset(splitFile: folder) } == "FOLDER is not a regular file. \(forms)")
      let file = try folder.write("", to: "a.csv")
      try Data([0x70, 0xFF, 0x0A]).write(to: file)
      #expect(
        explanation(in: folder) { try Dataset(at: file) }
          == "FOLDER/a.csv is not text in UTF-8 or UTF-16. Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'.")
      #expect(
        explanation(in: folder) { try Dataset(classFolders: file) } == "FOLDER/a.csv is not a folder. \(forms)")
    }
  }

  @Test("missing images: the count and the first five; a report counts them by part")
  func missingImages() throws {
    try withTemporaryFolder { folder in
      let rows = (1...7).map { "\($0).jpg,cat,train\n" }.joined() + "8.jpg,cat,test\n"
      let dataset = try Dataset(csv: folder.write("path,class,split\n" + rows, to: "pets.csv"))
      try folder.write("", to: "8.jpg")
      #expect(
        explanation(in: folder) { try dataset.checkImages() }
          == "7 of 8 images are missing in FOLDER, such as 1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg."
          + " Unpack the images there, or correct the list.")
      let report = try DatasetReport(checking: dataset)
      #expect(report.parts.map(\.missing) == [7, 0, 0])
      #expect(report.parts.map(\.images) == [7, 0, 1])
      #expect(report.parts[0].fewestPerClass == 7)
      #expect(report.missing.count == 7)
    }
  }

  @Test("an image that is learned from and tested on is noticed")
  func leak() throws {
    try withTemporaryFolder { folder in
      let table = "path,class,split\n1.jpg,cat,train\n1.jpg,cat,test\n"
      let dataset = try Dataset(csv: folder.write(table, to: "pets.csv"))
      #expect(
        dataset.notices.map(\.description) == [
          "1 photo for training or validation is among the test images too, such as 1.jpg: accuracies will be too high"
        ])
    }
  }

  @Test("shots below 1")
  func requests() throws {
    let dataset = try Shared.split("openclipart")
    for shots in [0, -1] {
      #expect(
        explanation { try dataset.fewShot(shots, seed: 1) }
          == "Cannot sample \(shots) images a class. Ask for at least 1.")
    }
  }
}
