import Foundation
import Support

/// ImageNet and its four variants: folders named by WordNet's numbers, and the class names of `classnames.txt` (CoOp,
/// `datasets/imagenet*.py`).
///
/// Labels follow the sorted folders, so that ImageNet-A and -R have 200 classes of their own. Images are sorted too,
/// where the reference uses the file system's order: no other machine can repeat its few-shot samples of ImageNet, see
/// ``FewShotList``.
enum ImageNetFolders {
  /// ImageNet: the validation images are the test set, as is usual, and none are left for validation.
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let names = try ClassNameList(folder)
    let (train, test) = (try folders("train", of: folder), try folders("val", of: folder))
    if let odd = Set(train).symmetricDifference(test).sortedByCodeUnits().first {
      throw DatasetError.unpairedFolder(
        folder: folder.images.path, name: odd, present: train.contains(odd) ? "train" : "val")
    }
    return SplitFile(
      train: try entries(in: train, under: "train", of: folder, names: names), val: [],
      test: try entries(in: test, under: "val", of: folder, names: names))
  }

  /// ImageNet-Sketch, -A and -R: test images of the classes that are there.
  static func testImages(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let names = try ClassNameList(folder)
    let folders = try folders(nil, of: folder)
    return SplitFile(train: [], val: [], test: try entries(in: folders, under: nil, of: folder, names: names))
  }

  /// ImageNetV2: folders called 0 to 999, which are the labels.
  static func numberedTestImages(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let names = try ClassNameList(folder)
    let labels = try folders(nil, of: folder).map { name in
      guard let label = Int(name), names.ordered.indices.contains(label) else {
        throw DatasetError.unnamedFolder(folder: folder.images.path, name: name, list: names.file)
      }
      return label
    }
    return SplitFile(
      train: [], val: [],
      test: try labels.sorted().flatMap { label in
        try images(in: "\(label)", of: folder, label: label, className: names.ordered[label])
      })
  }

  private static func folders(_ part: String?, of folder: PublishedDatasetFolder) throws -> [String] {
    let url = part.map { folder.images.appending(path: $0) } ?? folder.images
    let listing = try Files.list(url)
    guard !listing.folders.isEmpty else {
      throw DatasetError.noClassFolders(folder: url.path, images: listing.images.count)
    }
    return listing.folders
  }

  private static func entries(
    in folders: [String], under part: String?, of folder: PublishedDatasetFolder, names: ClassNameList
  ) throws -> [SplitFile.Entry] {
    try folders.enumerated().flatMap { label, name in
      guard let className = names.byFolder[name] else {
        throw DatasetError.unnamedFolder(folder: folder.images.path, name: name, list: names.file)
      }
      let path = [part, name].compactMap { $0 }.joined(separator: "/")
      return try images(in: path, of: folder, label: label, className: className)
    }
  }

  private static func images(
    in path: String, of folder: PublishedDatasetFolder, label: Int, className: String
  ) throws -> [SplitFile.Entry] {
    try Files.images(in: folder.images.appending(path: path)).map {
      SplitFile.Entry(path: "\(path)/\($0)", label: label, className: className)
    }
  }
}

/// ImageNet's `classnames.txt`: a line reads `n01440764 tench`, a folder and its class name.
private struct ClassNameList {
  let file: String
  let byFolder: [String: String]
  let ordered: [String]

  init(_ folder: PublishedDatasetFolder) throws {
    let list = try TextList(folder.list("classnames.txt"))
    file = list.file
    let pairs = try list.map(expecting: "a folder and its class name") { line -> (String, String)? in
      let fields = line.split(separator: " ", maxSplits: 1).map(String.init)
      return fields.count == 2 ? (fields[0], fields[1]) : nil
    }
    byFolder = Dictionary(pairs, uniquingKeysWith: { _, last in last })
    ordered = pairs.map(\.1)
  }
}
