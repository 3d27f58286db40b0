import Datasets
import Foundation
import Testing
import TestSupport

@Suite("What a benchmark lacks is told, with what belongs where")
struct BenchmarkMessageTests {
  func check(_ benchmark: PublishedDataset, _ expected: String, _ prepare: (URL) throws -> Void) throws {
    try withTemporaryFolder { root in
      try prepare(root)
      #expect(explanation(in: root) { try Dataset(benchmark, root: root) } == expected)
    }
  }

  @Test("the folder")
  func folder() throws {
    try check(
      .caltech101,
      "FOLDER has no folder 'caltech-101', where Caltech101 belongs. Give as --root the folder that holds it."
    ) { _ in }
    try check(
      .flowers102,
      "FOLDER has no folder 'oxford_flowers', where Flowers102 belongs, but one called 'flowers102'."
        + " Did you mean 'flowers102'? Rename it to 'oxford_flowers' or link to it."
    ) { try $0.write("", to: "flowers102/x.jpg") }
    try withTemporaryFolder { root in
      try root.write("", to: "dtd/images/x.jpg")
      #expect(
        explanation(in: root) { try Dataset(.dtd, root: root.appending(path: "dtd")) }
          == "FOLDER/dtd has no folder 'dtd', where DTD belongs: it is that folder itself."
          + " Give the folder above it as --root.")
    }
    #expect(
      explanation { try Dataset(.dtd, root: URL(filePath: "/nowhere")) }
        == "There is no file or folder /nowhere. Check the path.")
  }

  @Test("lists")
  func lists() throws {
    try check(
      .oxfordPets,
      "OxfordPets in FOLDER/oxford_pets has neither split_zhou_OxfordPets.json nor what it could be rebuilt from:"
        + " annotations/trainval.txt, annotations/test.txt are missing."
        + " 'cocoop datasets check oxford_pets --root FOLDER' says what belongs where."
    ) { try Miniature.write(.oxfordPets, to: $0, lists: false) }
    try check(
      .imageNet,
      "ImageNet in FOLDER/imagenet has no classnames.txt."
        + " 'cocoop datasets check imagenet --root FOLDER' says what belongs where."
    ) { try Miniature.write(.imageNet, to: $0, lists: false) }
    try check(
      .sun397,
      "FOLDER/sun397/Testing_01.txt, line 1: expected an image under a class folder of ClassName.txt, found '/z/zoo/1.jpg'."
        + " Unpack the file again."
    ) { root in
      try Miniature.write(.sun397, to: root)
      try root.write("/z/zoo/1.jpg", to: "sun397/Testing_01.txt")
    }
    try check(
      .flowers102,
      "FOLDER/oxford_flowers/imagelabels.mat is not a MATLAB file. Download it again."
    ) { root in
      try Miniature.write(.flowers102, to: root)
      try root.write("<html>", to: "oxford_flowers/imagelabels.mat")
    }
    try check(
      .flowers102,
      "FOLDER/oxford_flowers/imagelabels.mat: expected label 1 to be a number that cat_to_name.json names."
        + " Unpack the file again."
    ) { root in
      try Miniature.write(.flowers102, to: root)
      try root.write(#"{"1": "colt's foot"}"#, to: "oxford_flowers/cat_to_name.json")
    }
  }

  @Test("ImageNet's folders")
  func imageNet() throws {
    try check(
      .imageNet,
      "FOLDER/imagenet/images/val has no class folders, but 2 images that no folder tells the class of."
        + " Put each class's images into a folder of its own, called by its WordNet number (n01440764)."
    ) { root in
      try Miniature.write(.imageNet, to: root)
      try FileManager.default.removeItem(at: root.appending(path: "imagenet/images/val"))
      for name in ["1", "2"] { try root.write("", to: "imagenet/images/val/\(name).JPEG") }
    }
    try check(
      .imageNet,
      "The class folder 'n02' lies in FOLDER/imagenet/images/train and not in FOLDER/imagenet/images/val."
        + " Unpack both parts whole."
    ) { root in
      try Miniature.write(.imageNet, to: root)
      try FileManager.default.removeItem(at: root.appending(path: "imagenet/images/val/n02"))
    }
    try check(
      .imageNetV2,
      "The folder '7' in FOLDER/imagenetv2/imagenetv2-matched-frequency-format-val has no class name in"
        + " FOLDER/imagenetv2/classnames.txt. Remove the folder, or take the list that belongs to these images."
    ) { root in
      try Miniature.write(.imageNetV2, to: root)
      try root.write("", to: "imagenetv2/imagenetv2-matched-frequency-format-val/7/1.jpg")
    }
  }

  @Test("a tree of ticks and crosses")
  func tree() throws {
    try withTemporaryFolder { root in
      try root.write("", to: "stanford_cars/cars_train/1.jpg")
      let report = try PublishedDatasetReport(checking: .stanfordCars, root: root)
      #expect(report.isIncomplete)
      #expect(
        report.tree.replacing(root.path, with: "FOLDER") == """
          StanfordCars in FOLDER
          ├─ ✓ stanford_cars/cars_train
          ├─ ✗ stanford_cars/cars_test is missing: put it there from cars_test.tgz
          ├─ – stanford_cars/split_zhou_StanfordCars.json is not there: split_zhou_StanfordCars.json, linked in CoOp's DATASETS.md
          ├─ ✗ stanford_cars/devkit/cars_train_annos.mat is missing: put it there from car_devkit.tgz
          ├─ ✗ stanford_cars/devkit/cars_meta.mat is missing: put it there from car_devkit.tgz
          ├─ ✗ stanford_cars/cars_test_annos_withlabels.mat is missing: put it there from cars_test_annos_withlabels.mat
          └─ ✗ StanfordCars in FOLDER/stanford_cars has neither split_zhou_StanfordCars.json nor what it could be rebuilt \
          from: devkit/cars_train_annos.mat, devkit/cars_meta.mat, cars_test_annos_withlabels.mat are missing. \
          'cocoop datasets check stanford_cars --root FOLDER' says what belongs where.
          """)
      try Miniature.write(.oxfordPets, to: root)
      try FileManager.default.removeItem(at: root.appending(path: "oxford_pets/images/Abyssinian_0.jpg"))
      let pets = try PublishedDatasetReport(checking: .oxfordPets, root: root)
      #expect(pets.isIncomplete)
      #expect(pets.tree.contains("1 missing"))
      #expect(pets.differences.first == "8 train images, 2944 published")
    }
  }
}
