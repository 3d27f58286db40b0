import Datasets
import Foundation
import Testing
import TestSupport

@Suite("A benchmark is read by name from the reference's layout")
struct BenchmarkTests {
  struct Expected: Sendable, CustomTestStringConvertible {
    let benchmark: PublishedDataset
    let classes: [String]
    let sizes: [Int]
    let first: String
    var testDescription: String { benchmark.rawValue }
  }

  static let expected = [
    Expected(
      benchmark: .imageNet, classes: ["tench", "great white shark"], sizes: [20, 0, 4], first: "train/n01/0.JPEG"),
    Expected(
      benchmark: .caltech101, classes: ["face", "airplane", "ant"], sizes: [15, 6, 9], first: "Faces/"),
    Expected(
      benchmark: .oxfordPets, classes: ["abyssinian", "great_pyrenees"], sizes: [8, 2, 10], first: "Abyssinian_"),
    Expected(
      benchmark: .stanfordCars, classes: ["2012 Audi TTS Coupe", "2008 Acura TL Sedan"], sizes: [8, 2, 10],
      first: "cars_train/"),
    Expected(benchmark: .flowers102, classes: ["colt's foot", "globe-flower"], sizes: [10, 4, 6], first: "image_000"),
    Expected(benchmark: .food101, classes: ["apple_pie", "baklava"], sizes: [10, 4, 6], first: "apple_pie/"),
    Expected(benchmark: .fgvcAircraft, classes: ["707-320", "F/A-18"], sizes: [4, 2, 4], first: "0000.jpg"),
    Expected(benchmark: .sun397, classes: ["abbey", "exterior balcony"], sizes: [8, 2, 10], first: "a/abbey/"),
    Expected(benchmark: .dtd, classes: ["banded", "zigzagged"], sizes: [10, 4, 6], first: "banded/"),
    Expected(
      benchmark: .euroSAT, classes: ["Annual Crop Land", "Forest", "Sea or Lake"], sizes: [15, 6, 9],
      first: "AnnualCrop/"),
    Expected(
      benchmark: .ucf101, classes: ["Apply_Eye_Makeup", "Yo_Yo"], sizes: [8, 2, 10], first: "Apply_Eye_Makeup/v_"),
    Expected(
      benchmark: .imageNetV2, classes: ["tench", "great white shark", "missile"], sizes: [0, 0, 6], first: "0/0.jpg"),
    Expected(
      benchmark: .imageNetSketch, classes: ["tench", "great white shark", "missile"], sizes: [0, 0, 6],
      first: "n01/0.jpg"),
    Expected(benchmark: .imageNetA, classes: ["great white shark", "missile"], sizes: [0, 0, 4], first: "n02/0.jpg"),
    Expected(benchmark: .imageNetR, classes: ["great white shark", "missile"], sizes: [0, 0, 4], first: "n02/0.jpg"),
  ]

  @Test("without a split file, as the reference would rebuild it", arguments: expected)
  func rebuilt(expected: Expected) throws {
    try withTemporaryFolder { root in
      try Miniature.write(expected.benchmark, to: root)
      let before = try FileManager.default.subpathsOfDirectory(atPath: root.path).sorted()
      let dataset = try Dataset(expected.benchmark, root: root)
      #expect(dataset.name == expected.benchmark.rawValue)
      #expect(dataset.classNames == expected.classes)
      #expect(dataset.sizes == expected.sizes)
      let images = dataset.isTestOnly ? dataset.test : dataset.training
      #expect(images[0].path.hasPrefix(expected.first), "\(images[0].path)")
      #expect(dataset.isDividedHere == (expected.benchmark.splitFile != nil))
      try dataset.checkImages()
      #expect(try FileManager.default.subpathsOfDirectory(atPath: root.path).sorted() == before)

      let report = try PublishedDatasetReport(checking: expected.benchmark, root: root)
      #expect(!report.isIncomplete, "\(report.tree)")
    }
  }

  @Test(
    "its published split file decides, where it is there",
    arguments: PublishedDataset.allCases.filter { $0.splitFile != nil })
  func published(benchmark: PublishedDataset) throws {
    try withTemporaryFolder { root in
      try Miniature.write(benchmark, to: root)
      let rebuilt = try Dataset(benchmark, root: root)
      try FileManager.default.removeItem(at: root)
      try Miniature.write(benchmark, to: root, lists: false)
      let file = root.appending(path: "\(benchmark.folder)/\(benchmark.splitFile ?? "")")
      try SplitFile(of: rebuilt).write(to: file)
      let dataset = try Dataset(benchmark, root: root)
      #expect(dataset.notices.isEmpty)
      #expect(dataset.training == rebuilt.training && dataset.test == rebuilt.test)
      try dataset.checkImages()
      #expect(try !PublishedDatasetReport(checking: benchmark, root: root).isIncomplete)
    }
  }

  @Test(
    "any usual spelling of the name",
    arguments: [
      ("caltech101", PublishedDataset.caltech101), ("Caltech-101", .caltech101), ("OxfordFlowers", .flowers102),
      ("flowers102", .flowers102), ("describable_textures", .dtd), ("imagenetv2", .imageNetV2),
      ("ImageNetSketch", .imageNetSketch), ("imagenet_a", .imageNetA), ("imagenet-rendition", .imageNetR),
      ("fgvc_aircraft", .fgvcAircraft), ("EUROSAT", .euroSAT), ("sun397", .sun397),
    ])
  func spellings(name: String, benchmark: PublishedDataset) { #expect(PublishedDataset(named: name) == benchmark) }

  @Test(
    "a slip of the keyboard, or half a name, gets a suggestion",
    arguments: [
      ("caltech", "caltech101"), ("flowers", "oxford_flowers"), ("oxford_pet", "oxford_pets"), ("textures", "dtd"),
      ("imagnet", "imagenet"), ("sun", "sun397"), ("zebra", nil),
    ])
  func nearest(name: String, suggestion: String?) { #expect(PublishedDataset.nearest(to: name) == suggestion) }

  @Test("variants of ImageNet are measured on and never learned from")
  func testOnly() throws {
    try withTemporaryFolder { root in
      try Miniature.write(.imageNetA, to: root)
      let dataset = try Dataset(.imageNetA, root: root)
      #expect(try dataset.base.classNames == ["great white shark"])
      #expect(
        explanation { try dataset.fewShot(16, seed: 1) }
          == "ImageNet-A has test images only: there is nothing to learn from."
          + " Learn on another dataset and evaluate on this one.")
    }
  }

  @Test("ImageNet's class names stand in for those of a variant that has none")
  func sharedClassNames() throws {
    try withTemporaryFolder { root in
      try Miniature.write(.imageNetR, to: root, lists: false)
      try root.write(Miniature.wordNetNames, to: "imagenet/classnames.txt")
      #expect(try Dataset(.imageNetR, root: root).classNames == ["great white shark", "missile"])
    }
  }
}
