import Datasets
import Foundation
import Testing

@Suite("Published split files are read as they were published")
struct PublishedSplitTests {
  struct Size: Sendable {
    let name: String
    let train, val, test, classes, base: Int
  }

  static let published = [
    Size(name: "Caltech101", train: 4128, val: 1649, test: 2465, classes: 100, base: 50),
    Size(name: "OxfordPets", train: 2944, val: 736, test: 3669, classes: 37, base: 19),
    Size(name: "StanfordCars", train: 6509, val: 1635, test: 8041, classes: 196, base: 98),
    Size(name: "OxfordFlowers", train: 4093, val: 1633, test: 2463, classes: 102, base: 51),
    Size(name: "DescribableTextures", train: 2820, val: 1128, test: 1692, classes: 47, base: 24),
    Size(name: "EuroSAT", train: 13500, val: 5400, test: 8100, classes: 10, base: 5),
    Size(name: "UCF101", train: 7639, val: 1898, test: 3783, classes: 101, base: 51),
  ]

  func check(_ size: Size) throws {
    let dataset = try Shared.split(size.name)
    #expect(dataset.name == size.name)
    #expect(dataset.sizes == [size.train, size.val, size.test])
    #expect(dataset.classNames.count == size.classes)
    #expect(try dataset.base.classNames.count == size.base)
    #expect(try dataset.new.classNames.count == size.classes - size.base)
    #expect(dataset.notices.isEmpty)
  }

  @Test("openclipart has its 28 classes, and all its images are there")
  func openclipart() throws {
    try check(Size(name: "openclipart", train: 335, val: 59, test: 289, classes: 28, base: 14))
    try Shared.split("openclipart").checkImages()
  }

  @Test("sizes, classes and halves", .enabled(if: Shared.hasSplits), arguments: published)
  func sizes(size: Size) throws { try check(size) }

  @Test(
    "images are found under the one sub-folder, or where the authors put them", .enabled(if: Shared.hasImages),
    arguments: [(PublishedDataset.caltech101, 100), (.flowers102, 102)])
  func images(benchmark: PublishedDataset, classes: Int) throws {
    let root = Shared.folder.appending(path: "data")
    let found = try Dataset(at: root.appending(path: benchmark.folder))
    try found.checkImages()
    let stated = try Dataset(benchmark, root: root)
    #expect(stated.imageFolder.standardizedFileURL.path == found.imageFolder.standardizedFileURL.path)
    let report = try DatasetReport(checking: stated)
    #expect(report.missing.isEmpty)
    #expect(report.classes == classes)
  }

  @Test("Caltech101's class folders have the published classes in the published order", .enabled(if: Shared.hasImages))
  func caltechFolders() throws {
    let folder = Shared.folder.appending(path: "data/caltech-101/101_ObjectCategories")
    #expect(try Dataset(classFolders: folder).classNames == Shared.split("Caltech101").classNames)
  }
}
