import Foundation

/// What `cocoop datasets check` prints: how many images and classes each part has, and which images are missing.
public struct DatasetReport: Sendable, Encodable, Equatable {
  public struct Part: Sendable, Encodable, Equatable {
    public let split: String
    public let images: Int
    /// Classes that have images in this part.
    public let classes: Int
    /// The fewest and the most images that any class has in this part.
    public let fewestPerClass, mostPerClass: Int
    public let missing: Int
  }

  public let name: String
  public let imageFolder: String
  public let classes: Int
  public let baseClasses, newClasses: Int
  public let parts: [Part]
  /// The paths of all missing images.
  public let missing: [String]
  public let notices: [String]

  /// Looks for every image of `dataset` on disk, without opening any.
  public init(checking dataset: Dataset) {
    name = dataset.name
    imageFolder = dataset.imageFolder.path
    classes = dataset.classNames.count
    baseClasses = ClassSubset.base.labels(of: classes).count
    newClasses = ClassSubset.new.labels(of: classes).count
    let absent = Set(dataset.missingImages())
    let classCount = classes
    parts = Split.allCases.map { split in
      let examples = dataset.examples(in: split)
      let counts = examples.counts(classes: classCount)
      return Part(
        split: split.rawValue, images: examples.count, classes: counts.count { $0 > 0 },
        fewestPerClass: counts.min() ?? 0, mostPerClass: counts.max() ?? 0,
        missing: examples.count { absent.contains($0.path) })
    }
    missing = absent.sortedByCodeUnits()
    notices = dataset.notices.map(\.description)
  }
}

extension DatasetReport {
  /// One line for a list of datasets.
  public var summary: String {
    "\(name)  \(classes) classes, " + parts.map { "\($0.images) \($0.split)" }.joined(separator: ", ")
  }

  /// A tree of ticks and crosses for a terminal.
  public var tree: String {
    let lines = parts.map { part in
      let state =
        part.images == 0
        ? "no images" : "\(part.images) images, \(part.fewestPerClass) to \(part.mostPerClass) a class"
      return "├─ \(part.missing == 0 ? "✓" : "✗") \(part.split): \(state)"
        + (part.missing == 0 ? "" : ", \(part.missing) missing")
    }
    return
      (["\(name) in \(imageFolder)"] + lines
      + ["└─ ✓ \(classes) classes: \(baseClasses) base, \(newClasses) new"] + notices.map { "note: \($0)." })
      .joined(separator: "\n")
  }
}

extension Dataset {
  /// The paths of images that don't lie where they should, each once: training, then validation, then test images.
  ///
  /// - Complexity: one question to the file system for each image, so it is asked only when wanted.
  public func missingImages() -> [String] {
    var seen: Set<String> = []
    return (training + validation + test).filter { seen.insert($0.path).inserted && !Files.fileExists(at: url(of: $0)) }
      .map(\.path)
  }

  /// Makes sure that every image is there.
  ///
  /// - Throws: ``DatasetError/missingImages(folder:count:of:first:)`` with the first five.
  public func checkImages() throws {
    let missing = missingImages()
    guard missing.isEmpty else {
      let total = Set((training + validation + test).lazy.map(\.path)).count
      throw DatasetError.missingImages(
        folder: imageFolder.path, count: missing.count, of: total, first: Array(missing.prefix(5)))
    }
  }
}
