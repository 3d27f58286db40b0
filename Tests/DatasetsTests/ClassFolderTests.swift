import Datasets
import Foundation
import Testing
import TestSupport

@Suite("Class folders become a dataset without any list")
struct ClassFolderTests {
  /// Writes empty files in place of images: datasets never open them.
  func fill(_ folder: URL, _ paths: [String]) throws {
    for path in paths { try folder.write("", to: path) }
  }

  @Test("without train, val and test folders, each class is divided at random by the seed")
  func divided() throws {
    try withTemporaryFolder { folder in
      try fill(folder, (0..<10).flatMap { ["dog/\($0).JPG", "cat/\($0).webp", "cat/.\($0).jpg", "cat/\($0).txt"] })
      let dataset = try Dataset(at: folder, seed: 3)
      #expect(dataset.classNames == ["cat", "dog"])
      #expect(dataset.sizes == [10, 4, 6])
      #expect(Set(dataset.training + dataset.validation + dataset.test).count == 20)
      #expect(try Dataset(at: folder, seed: 3).training == dataset.training)
      #expect(try Dataset(at: folder, seed: 4).training != dataset.training)
      #expect(
        dataset.notices.map(\.description) == [
          Notice.randomDivision(seed: 3).description, "Left out: 10 files are no images this reads: 10 .txt",
        ])
      try dataset.checkImages()
    }
  }

  @Test("train, val and test folders are taken as they are, in the order of code units")
  func parts() throws {
    try withTemporaryFolder { folder in
      try fill(
        folder,
        ["train/b/2.jpg", "train/b/10.jpg", "train/Z/1.png", "valid/Z/2.jpg", "test/b/3.jpeg", "test/Z/3.jpg"])
      let dataset = try Dataset(classFolders: folder)
      #expect(dataset.classNames == ["Z", "b"])
      #expect(dataset.training.map(\.path) == ["train/Z/1.png", "train/b/10.jpg", "train/b/2.jpg"])
      #expect(dataset.validation == [Example(path: "valid/Z/2.jpg", label: 0)])
      #expect(dataset.test.map(\.label) == [0, 1])
      #expect(dataset.notices.isEmpty)
    }
  }

  @Test("where test is absent, val is tested on")
  func validationIsTest() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["train/a/2.jpg", "train/a/10.jpg", "val/a/1.jpg", "train/empty/notes.txt"])
      let dataset = try Dataset(classFolders: folder)
      #expect(dataset.training.map(\.path) == ["train/a/10.jpg", "train/a/2.jpg"])
      #expect(dataset.validation.isEmpty)
      #expect(dataset.test.map(\.path) == ["val/a/1.jpg"])
      #expect(
        dataset.notices.map(\.description) == [
          Notice.testIsValidation.description, "Left out, because no photos lie in them: empty",
          "Left out: 1 file is no image this reads: 1 .txt",
        ])
    }
  }

  @Test("Caltech101's folders get their published names, and its clutter is left out")
  func caltech() throws {
    try withTemporaryFolder { folder in
      let root = folder.appending(path: "101_ObjectCategories")
      let names = ["airplanes", "Faces", "Faces_easy", "BACKGROUND_Google", "Leopards", "Motorbikes", "ant"]
      try fill(root, names.flatMap { ["\($0)/1.jpg", "\($0)/2.jpg"] })
      #expect(try Dataset(classFolders: root).classNames == ["face", "leopard", "motorbike", "airplane", "ant"])
    }
  }

  @Test("what folders can lack is told")
  func messages() throws {
    try withTemporaryFolder { folder in
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "FOLDER has no class folders with images in them."
          + " Put each class's photos into a folder that has the class's name.")
      try fill(folder, ["a/1.jpg"])
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "Class 'a' has 1 photo: too few to train and to test. Add photos: at least two, better sixteen or more; "
          + "'train --test none' learns from all and tests nothing.")
      try fill(folder, ["train/a/1.jpg"])
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "Class 'a' has 1 photo: too few to train and to test. Add photos: at least two, better sixteen or more; "
          + "'train --test none' learns from all and tests nothing.")
      try fill(folder, ["test/a/1.jpg", "test/b/1.jpg"])
      #expect(
        explanation(in: folder) { try Dataset(at: folder) }
          == "FOLDER: class 'b' has no training images. Every class needs at least one training and one test image.")
    }
  }
}
