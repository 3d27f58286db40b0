import Datasets
import Foundation
import Support
import Testing
import TestSupport

@Suite("Nothing that lies in a folder of photos is left out in silence")
struct LeftOutTests {
  func fill(_ folder: URL, _ paths: [String]) throws {
    for path in paths { try folder.write("", to: path) }
  }

  /// The notices except that of a random division.
  func notices(of folder: URL, isRecursive: Bool = false) throws -> [String] {
    try Dataset(at: folder, isRecursive: isRecursive).notices.filter { $0 != .randomDivision(seed: 1) }
      .map(\.description)
  }

  @Test("every ending that phones, scanners and browsers give counts as a photo, in either case")
  func endings() throws {
    try withTemporaryFolder { folder in
      let endings = [
        "jpg", "JPEG", "jpe", "jfif", "PNG", "webp", "bmp", "dib", "tif", "TIFF", "gif", "HEIC", "heif", "avif",
      ]
      try fill(folder, endings.flatMap { ["cat/1.\($0)", "dog/2.\($0)"] } + ["cat/Thumbs.db", "cat/.DS_Store"])
      let dataset = try Dataset(at: folder)
      #expect(dataset.sizes.reduce(0, +) == 28)
      #expect(try notices(of: folder).isEmpty)
    }
  }

  @Test("what is no photo is counted by its ending, and what lies elsewhere by its place")
  func reasons() throws {
    try withTemporaryFolder { folder in
      try fill(
        folder,
        ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"]
          + ["cat/a.PSD", "cat/b.PSD", "dog/notes.txt", "dog/noending", "loose.png"]
          + (1...16).map { "cat/batch/deep/\($0).jpg" })
      #expect(
        try notices(of: folder) == [
          "Left out: 4 files are no images this reads: 2 .PSD, 1 of no usual ending, 1 .txt;"
            + " 16 photos lie in sub-folders of a class folder (cat/batch/deep): --recursive takes them into that class; a"
            + " class of its own belongs beside the others; 1 photo lies in no class folder"
        ])
    }
  }

  @Test("--recursive takes photos as deep as they lie, in the order of their paths, links followed, circles not")
  func recursive() throws {
    try withTemporaryFolder { folder in
      try fill(
        folder, ["train/cat/b/2.jpg", "train/cat/a.jpg", "train/cat/b/1.jpg", "test/cat/x/y/1.jpg", "other/9.jpg"])
      for (link, target) in [("train/cat/up", ".."), ("train/cat/linked", "../../other")] {
        try FileManager.default.createSymbolicLink(
          atPath: folder.appending(path: link).path, withDestinationPath: target)
      }
      let dataset = try Dataset(at: folder, isRecursive: true)
      #expect(
        dataset.training.map(\.path) == [
          "train/cat/a.jpg", "train/cat/b/1.jpg", "train/cat/b/2.jpg", "train/cat/linked/9.jpg",
        ])
      #expect(dataset.test.map(\.path) == ["test/cat/x/y/1.jpg"])
      #expect(
        try notices(of: folder, isRecursive: true) == [
          "Left out, because it is a link that leads nowhere or in a circle: train/cat/up",
          "Left out: 1 photo lies in folders that are neither train, val nor test: other",
        ])
    }
  }

  @Test(
    "parts are known by their usual names, in any case",
    arguments: [
      ["Training", "Validation", "Test"], ["TRAIN", "Val", "Testing"], ["train", "valid", "TEST"],
    ])
  func parts(names: [String]) throws {
    try withTemporaryFolder { folder in
      try fill(folder, names.map { "\($0)/cat/1.jpg" } + names.map { "\($0)/dog/1.jpg" })
      let dataset = try Dataset(at: folder)
      #expect(dataset.sizes == [2, 2, 2] && dataset.classNames == ["cat", "dog"] && dataset.notices.isEmpty)
    }
  }

  @Test("a class called train, of vehicles, is a class")
  func trainIsAClass() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["bus", "train"].flatMap { ["\($0)/1.jpg", "\($0)/2.jpg"] })
      #expect(try Dataset(at: folder).classNames == ["bus", "train"])
    }
  }

  @Test("a doubled folder is passed through, and told")
  func doubled() throws {
    try withTemporaryFolder { folder in
      let pets = folder.appending(path: "pets")
      try fill(pets, ["pets/train/train/cat/1.jpg", "pets/Test/Testing/cat/1.jpg", "pets/__MACOSX/cat/._1.jpg"])
      let dataset = try Dataset(at: pets)
      #expect(dataset.training.map(\.path) == ["pets/train/train/cat/1.jpg"] && dataset.test.count == 1)
      func told(_ folder: String) -> String {
        "The images lie in \(folder), one folder deeper than expected, and were taken from there"
      }
      #expect(
        try notices(of: pets) == [told("pets"), told("pets/train/train"), told("pets/Test/Testing")])
    }
  }

  @Test("where class folders lie deeper than anybody looks, the message says where")
  func deeper() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["seg_train/seg_train/sea/1.jpg", "seg_test/seg_test/sea/1.jpg", "loose.jpg"])
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "FOLDER has no class folders with images in them, but 1 photo that no folder tells the class of and 2 photos"
          + " that lie deeper, in seg_test/seg_test/sea, seg_train/seg_train/sea. If these folders are the classes, put"
          + " them side by side into one folder or give one such as FOLDER/seg_test/seg_test; if the folders above them"
          + " are, --recursive takes all photos below each.")
    }
  }

  @Test("classes inside classes are called by their folders, with what to do")
  func nested() throws {
    try withTemporaryFolder { folder in
      try fill(
        folder, ["Fruit/Apple/Golden", "Fruit/Apple/Red", "Fruit/Pear/Anjou", "Herb/Leek"].map { "\($0)/1.jpg" })
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "FOLDER has no class folders with images in them, but 4 photos that lie deeper, in Fruit/Apple/Golden,"
          + " Fruit/Apple/Red, Fruit/Pear/Anjou, …. If these folders are the classes, put them side by side into one"
          + " folder or give one such as FOLDER/Fruit/Apple; if the folders above them are, --recursive takes all photos"
          + " below each.")
      try fill(folder, ["Fruit/1.jpg", "Fruit/2.jpg", "Leek/1.jpg", "Leek/2.jpg"])
      #expect(
        try notices(of: folder) == [
          "Left out, because no photos lie in them: Herb",
          "Left out: 4 photos lie in sub-folders of a class folder (Fruit/Apple/Golden, Fruit/Apple/Red,"
            + " Fruit/Pear/Anjou, …): --recursive takes them into that class; a class of its own belongs beside the others",
        ])
    }
  }
}
