import Acquisition
import Datasets
import Foundation
import Support
import TestSupport

/// A published dataset in small: archives in the layout of the real ones, and the table's row with their sizes and
/// hashes, whose addresses lead to a server of the test.
struct MiniatureSource {
  let source: DatasetSource
  /// The archives and lists by their names.
  let files: [String: Data]
  /// The files that the real row has no address for.
  let byHand: [String]

  /// - Parameters:
  ///   - server: the address before the files' names, such as `http://127.0.0.1:1234`.
  ///   - folder: an empty folder to work in.
  init(of dataset: PublishedDataset, at server: String, in folder: URL) throws {
    let real = DatasetSource(of: dataset)
    try Miniature.write(dataset, to: folder)
    let tree = folder.appending(path: dataset.folder)
    var files = try Self.archives(of: dataset, from: tree, in: folder)
    for list in real.lists {
      if list.file.hasPrefix("split_zhou_") {
        files[list.file] = try JSONEncoder().encode(SplitFile(of: Dataset(dataset, root: folder)))
      } else {
        files[list.file] = try Data(contentsOf: tree.appending(path: list.file))
      }
    }
    func addresses(_ real: [String], _ file: String) -> [String] {
      real.isEmpty
        ? [] : [real[0].contains("/uc?") ? "\(server)/uc?id=\(file)&export=download" : "\(server)/\(file)"]
    }
    let archives = real.archives.compactMap { archive -> DatasetSource.Archive? in
      guard let data = files[archive.file] else { return nil }
      let digests = archive.digests.map { FileDigest($0.algorithm, Self.hash(data, $0.algorithm)) }
      return DatasetSource.Archive(
        archive.file, addresses(archive.addresses, archive.file), bytes: data.count, isSizeExact: archive.isSizeExact,
        digests, files: archive.files, archive.content, provides: archive.provides)
    }
    let lists = real.lists.map { list in
      DatasetSource.List(
        list.file, addresses(list.addresses, list.file), bytes: files[list.file]?.count,
        list.digest.map { FileDigest($0.algorithm, Self.hash(files[list.file] ?? Data(), $0.algorithm)) },
        isReplaceable: list.isReplaceable)
    }
    source = DatasetSource(
      dataset, terms: real.terms, page: real.page, needs: real.needs, archives: archives, lists: lists,
      obstacle: real.obstacle, copies: real.copies)
    self.files = files
    byHand = archives.filter { $0.addresses.isEmpty && !$0.provides.allSatisfy { !real.needs.contains($0) } }
      .map(\.file)
  }

  /// The same with one archive's data in place of the good ones.
  ///
  /// - Parameter isHashKnown: whether the row has the hash of these data, or none.
  init(_ good: MiniatureSource, replacing file: String, by data: Data, isHashKnown: Bool = true) {
    var files = good.files
    files[file] = data
    let row = good.source
    source = DatasetSource(
      row.dataset, terms: row.terms, page: row.page, needs: row.needs,
      archives: row.archives.map { archive in
        guard archive.file == file else { return archive }
        return DatasetSource.Archive(
          file, archive.addresses, bytes: data.count, isSizeExact: isHashKnown,
          isHashKnown ? [.sha256(Self.hash(data, .sha256))] : [], files: archive.files, archive.content,
          provides: archive.provides)
      }, lists: row.lists, obstacle: row.obstacle, copies: row.copies)
    self.files = files
    byHand = good.byHand
  }

  private static func hash(_ data: Data, _ algorithm: FileDigest.Algorithm) -> String {
    FileDigest(algorithm, "").hash(of: data)
  }

  /// The archives in the layout of the real ones, from a tree as the reference has it.
  private static func archives(
    of dataset: PublishedDataset, from tree: URL, in folder: URL
  ) throws -> [String: Data] {
    func packed(_ form: TestArchive.Form, _ entries: [TestArchive.Entry]) throws -> Data {
      let file = folder.appending(path: "archive-\(UUID().uuidString)")
      try TestArchive.write(entries, as: form, to: file)
      return try Data(contentsOf: file)
    }
    func part(_ path: String, as prefix: String? = nil) throws -> [TestArchive.Entry] {
      try TestArchive.entries(of: tree.appending(path: path), under: prefix ?? "\(path)/")
    }
    switch dataset {
    case .caltech101:
      let inner = try packed(.tarGzip, part("101_ObjectCategories"))
      return [
        "caltech-101.zip": try packed(
          .zip,
          [
            .init("caltech-101/101_ObjectCategories.tar.gz", .file(inner)), .file("caltech-101/Annotations.tar", "x"),
            .file("__MACOSX/caltech-101/._101_ObjectCategories.tar.gz", "x"),
          ])
      ]
    case .oxfordPets:
      return [
        "images.tar.gz": try packed(.tarGzip, part("images")),
        "annotations.tar.gz": try packed(.tarGzip, part("annotations")),
      ]
    case .stanfordCars:
      return try [
        "cars_train.tgz": packed(.tarGzip, part("cars_train")), "cars_test.tgz": packed(.tarGzip, part("cars_test")),
        "car_devkit.tgz": packed(.tarGzip, part("devkit")),
      ]
    case .flowers102:
      return [
        "102flowers.tgz": try packed(.tarGzip, part("jpg")),
        "imagelabels.mat": try Data(contentsOf: tree.appending(path: "imagelabels.mat")),
      ]
    case .food101:
      return [
        "food-101.tar.gz": try packed(
          .tarGzip,
          [.file("food-101/README.txt"), .file("food-101/meta/train.txt")] + part("images", as: "food-101/images/"))
      ]
    case .fgvcAircraft:
      let entries = try TestArchive.entries(of: tree, under: "fgvc-aircraft-2013b/data/")
      return [
        "fgvc-aircraft-2013b.tar.gz": try packed(.tarGzip, [.file("fgvc-aircraft-2013b/README.md")] + entries)
      ]
    case .sun397: return ["SUN397.tar.gz": try packed(.tarGzip, part("SUN397"))]
    case .dtd:
      return [
        "dtd-r1.0.1.tar.gz": try packed(
          .tarGzip, [.file("dtd/labels/labels_joint_anno.txt")] + part("images", as: "dtd/images/"))
      ]
    case .euroSAT: return ["EuroSAT.zip": try packed(.zip, part("2750"))]
    case .ucf101: return ["UCF-101-midframes.zip": try packed(.zip, part("UCF-101-midframes"))]
    case .imageNet: return try imageNet(from: tree, packed)
    case .imageNetV2:
      // A plain tar in spite of its name.
      return ["imagenetv2-matched-frequency.tar.gz": try packed(.tar, part(dataset.images))]
    case .imageNetSketch: return ["ImageNet-Sketch.zip": try packed(.zip, part("images", as: "sketch/"))]
    case .imageNetA: return ["imagenet-a.tar": try packed(.tar, part("imagenet-a"))]
    case .imageNetR: return ["imagenet-r.tar": try packed(.tar, part("imagenet-r"))]
    }
  }

  private static func imageNet(
    from tree: URL, _ packed: (TestArchive.Form, [TestArchive.Entry]) throws -> Data
  ) throws -> [String: Data] {
    let classes = ["n02", "n01"]
    let training = try classes.map { name in
      let images = try TestArchive.entries(of: tree.appending(path: "images/train/\(name)"), under: "")
      return TestArchive.Entry("\(name).tar", .file(try packed(.tar, images)))
    }
    // The first image is of class 2, whose folder is n01.
    let truth = "2\n1\n1\n2\n"
    let records = classes.enumerated().map { [MatWriter.Value.numbers([Double($0 + 1)]), .text($1)] }
    let meta = MatWriter().file([("synsets", .records(fields: ["ILSVRC2012_ID", "WNID"], records))])
    return [
      "ILSVRC2012_img_train.tar": try packed(.tar, training),
      "ILSVRC2012_img_val.tar": try packed(.tar, (1...4).map { .file("ILSVRC2012_val_0000000\($0).JPEG", "\($0)") }),
      DatasetSource.kitFile: try packed(
        .tarGzip,
        [
          .file("ILSVRC2012_devkit_t12/readme.txt"),
          .file("ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", truth),
          .init("ILSVRC2012_devkit_t12/data/meta.mat", .file(meta)),
        ]),
    ]
  }
}
