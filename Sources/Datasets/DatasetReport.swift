import Foundation
import Support

/// The output of `cocoop datasets check`: the number of images and classes of each split, and the missing images.
public struct DatasetReport: Sendable, Encodable, Equatable {
  public struct Part: Sendable, Encodable, Equatable {
    public let split: String
    public let images: Int
    /// The number of classes that have images in this split.
    public let classes: Int
    /// The fewest and the most images that any class has in this split.
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
  /// The problems of images that exist but cannot be read, one sentence each.
  public let broken: [String]
  public let notices: [String]

  /// Looks for every image of `dataset` on disk, without opening any.
  ///
  /// - Parameter broken: the problems that were found by opening them.
  /// - Throws: `TarError` where images are in a tar that cannot be read.
  public init(checking dataset: Dataset, broken: [String] = []) throws {
    self.broken = broken
    name = dataset.name
    imageFolder = dataset.imageFolder.path
    classes = dataset.classNames.count
    baseClasses = ClassSubset.base.labels(of: classes).count
    newClasses = ClassSubset.new.labels(of: classes).count
    let absent = Set(try dataset.missingImages())
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
  /// A summary in one line, for a list of datasets.
  public var summary: String {
    "\(name)  \(classes) classes, " + parts.map { "\($0.images) \($0.split)" }.joined(separator: ", ")
  }

  /// A tree of ticks and crosses for a terminal.
  public var tree: String {
    (["\(name) in \(imageFolder)"] + branches.dropLast().map { "├─ \($0)" } + branches.suffix(1).map { "└─ \($0)" }
      + notices.map { "note: \($0)." }).map(\.onOneLine).joined(separator: "\n")
  }

  /// The lines of the tree: one for each split and one for the classes, each with its tick or cross.
  var branches: [String] {
    parts.map { part in
      let state =
        part.images == 0
        ? "no images"
        : "\(part.images) images, \(part.fewestPerClass)"
          + (part.fewestPerClass == part.mostPerClass ? "" : " to \(part.mostPerClass)") + " a class"
      return "\(part.missing == 0 ? "✓" : "✗") \(part.split): \(state)"
        + (part.missing == 0 ? "" : ", \(part.missing) missing")
    } + (broken.isEmpty ? [] : ["✗ \(broken.count == 1 ? "1 image" : "\(broken.count) images") cannot be read"])
      + broken.map { "  ✗ \($0)" } + ["✓ \(classes) classes: \(baseClasses) base, \(newClasses) new"]
  }
}

extension Dataset {
  /// The paths of images that do not exist, each once: training, then validation, then test images.
  ///
  /// - Complexity: one listing for each folder, and one query for each image that no listing has.
  /// - Throws: `TarError` where images are in a tar that cannot be read.
  public func missingImages() throws -> [String] {
    var seen: Set<String> = []
    var listed: [String: Set<ExactName>] = [:]
    return try (training + validation + test).lazy.map(\.path).filter { path in
      guard seen.insert(path).inserted else { return false }
      let end = path.utf8.lastIndex(of: UInt8(ascii: "/"))
      let folder = end.map { String(path[..<$0]) } ?? ""
      let name = end.map { String(path[path.utf8.index(after: $0)...]) } ?? path
      if listed[folder] == nil {
        let url = folder.isEmpty ? imageFolder : imageFolder.appending(path: folder, directoryHint: .isDirectory)
        listed[folder] = Set(((try? Files.list(url).files) ?? []).map(ExactName.init))
      }
      // A listing may spell a name differently than the file system accepts it (case, accents), so it is no proof.
      return try listed[folder]?.contains(ExactName(text: name)) != true
        && !Files.imageExists(at: imageFolder.appending(path: path, directoryHint: .notDirectory))
    }
  }

  /// A name by its code units: Swift treats a composed and a decomposed é as equal, but most file systems do not.
  private struct ExactName: Hashable {
    let text: String
    static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }
    func hash(into hasher: inout Hasher) { for unit in text.utf8 { hasher.combine(unit) } }
  }

  /// This dataset with every image found. Images that the file system spells differently, in another Unicode form,
  /// letter case or with other separators, are used where they are, and a notice counts them.
  ///
  /// - Throws: ``DatasetError/missingImages(folder:count:of:first:)`` with the first five that were not found.
  public func located() throws -> Dataset {
    let found = try findingOtherSpellings()
    try found.checkImages()
    return found
  }

  /// This dataset with the paths of images changed to their spelling on disk, where that differs.
  ///
  /// - Throws: `TarError` where images are in a tar that cannot be read.
  public func findingOtherSpellings() throws -> Dataset {
    var search = SpellingSearch(Set(OtherSpelling.allCases))
    var places: [String: String] = [:]
    var notices: [OtherSpelling: (count: Int, first: String)] = [:]
    for path in try missingImages() {
      guard let (place, difference) = search.find(path, in: imageFolder.path),
        try Files.imageExists(at: imageFolder.appending(path: place, directoryHint: .notDirectory))
      else { continue }
      places[path] = place
      notices[difference] = ((notices[difference]?.count ?? 0) + 1, notices[difference]?.first ?? path)
    }
    guard !places.isEmpty else { return self }
    func placed(_ examples: [Example]) -> [Example] {
      examples.map { Example(path: places[$0.path] ?? $0.path, label: $0.label) }
    }
    return Dataset(
      name: name, imageFolder: imageFolder, classNames: classNames, training: placed(training),
      validation: placed(validation), test: placed(test),
      notices: self.notices
        + OtherSpelling.allCases.compactMap { difference in
          notices[difference].map { .otherSpelling(count: $0.count, difference: difference, first: $0.first) }
        }, otherClasses: otherClasses)
  }

  /// Checks that every image exists.
  ///
  /// - Throws: ``DatasetError/missingImages(folder:count:of:first:)`` with the first five.
  public func checkImages() throws {
    let missing = try missingImages()
    guard missing.isEmpty else {
      let total = Set((training + validation + test).lazy.map(\.path)).count
      throw DatasetError.missingImages(
        folder: imageFolder.path, count: missing.count, of: total, first: Array(missing.prefix(5)))
    }
  }
}
