import Foundation
import Support

extension Dataset {
  /// Reads a folder of class folders, with or without folders for training, validation and testing above them.
  ///
  /// Classes are the folders in the order of their names' code units; so are the images of each, recognized by their
  /// extensions (`FolderListing.isImage`; hidden files are skipped). The splits' folders are called `train`, `val` and
  /// `test`, or by another of the words that ``Split/init(word:)`` knows. Without a folder of training images each
  /// class is divided at random: 50 % for training, 20 % for validation and 30 % for testing; the same seed gives the
  /// same division on every machine. With one, where `test` is absent, `val` is the test set, as on ImageNet. A folder
  /// that contains only one other folder, as archives are often unpacked, is passed through. A notice counts what is
  /// left out.
  ///
  /// - Parameters:
  ///   - division: the division of images where no folders give splits, or all are for training.
  ///   - isRecursive: whether a class has the photos in sub-folders of its folder too, links followed, as `ImageFolder`
  ///     of torchvision takes them.
  /// - Throws: ``DatasetError``.
  public init(
    classFolders folder: URL, division: Division = .reference(seed: 1), isRecursive: Bool = false
  ) throws {
    var source = try ClassFolders(at: folder, isRecursive: isRecursive)
    var list = DatasetBuilder(file: folder.path)
    var notices: [Notice] = []
    let parts = try source.parts()
    if let parts, parts.count > 1 {
      var images: [Split: [ClassFolders.ClassFolder]] = [:]
      for (split, part) in parts { images[split] = try source.classes(under: part.folder) }
      notices += parts[.test]?.isValidation == true ? [.testIsValidation] : []
      notices += try source.append(images, to: &list)
    } else {
      let classes = try source.classes(under: parts?[.train]?.folder ?? source.base)
      var divider = RandomSplit(division)
      let others = try source.append(classes, dividedBy: &divider, to: &list)
      notices += [divider.notice] + others
    }
    self = try list.dataset(name: source.name, notices: notices, requiring: division.required) { _ in folder }
  }
}

extension Split {
  /// The split that a folder name or a cell of a table means, in either case: `train` or `training`, `val`, `valid` or
  /// `validation`, `test` or `testing`.
  init?(word: String) {
    guard let split = Self.words.first(where: { $0.value.contains(word.lowercased()) })?.key else { return nil }
    self = split
  }

  /// The words of each split, the usual one first.
  fileprivate static let words: [Split: [String]] = [
    .train: ["train", "training"], .val: ["val", "validation", "valid"], .test: ["test", "testing"],
  ]
}

/// Class folders on disk, listed in an order that doesn't depend on the file system.
private struct ClassFolders {
  struct ClassFolder {
    let className: String
    /// The paths of the images, under the root.
    let images: [String]
    /// Links that lead nowhere.
    let lost: [String]
  }

  struct Part {
    /// The path of the folder, under the root.
    let folder: String
    let isValidation: Bool
  }

  let root: URL
  let name: String
  let isRecursive: Bool
  /// The folder under the root that contains all others; "" is the root itself.
  let base: String
  /// The class names of a published benchmark's folders, where this is its image folder.
  let names: FolderNames
  private var leftOut = LeftOutFiles()
  private var passedThrough: [String] = []

  init(at root: URL, isRecursive: Bool) throws {
    self.root = root
    self.isRecursive = isRecursive
    name = root.standardizedFileURL.lastPathComponent
    names = FolderNames(ofImageFolder: name)
    var base = ""
    while let inner = try Self.onlyFolder(in: base, of: root), Split(word: inner) == nil,
      !isRecursive || inner.lowercased() == (base.isEmpty ? name : base.lastComponent).lowercased()
    {
      base = base.appendingComponent(inner)
    }
    self.base = base
    if !base.isEmpty { passedThrough.append(base) }
  }

  /// The one sub-folder of a folder that holds no photos of its own; `nil` where there is not exactly one.
  private static func onlyFolder(in folder: String, of root: URL) throws -> String? {
    let listing = try Files.list(root.appending(folder))
    guard listing.folders.count == 1, let only = listing.folders.first, listing.images.isEmpty else { return nil }
    let inner = try Files.list(root.appending(folder.appendingComponent(only)))
    guard inner.images.isEmpty, !inner.folders.isEmpty else { return nil }
    // A link back to a folder above would continue for ever.
    return folder.utf8.count < 1024 ? only : nil
  }

  /// The folder of each split, or `nil` where the class folders are directly under the base.
  mutating func parts() throws -> [Split: Part]? {
    let listing = try Files.list(root.appending(base))
    func folder(of split: Split) -> String? {
      (Split.words[split] ?? []).lazy.compactMap { word in listing.folders.first { $0.lowercased() == word } }.first
    }
    guard let train = folder(of: .train) else { return nil }
    let content = try Files.list(root.appending(base.appendingComponent(train)))
    let (validation, test) = (folder(of: .val), folder(of: .test))
    guard !content.folders.isEmpty, content.images.isEmpty else { return nil }
    try countBeside([train, validation, test].compactMap { $0 }, listing)
    var parts: [Split: Part] = [.train: Part(folder: try place(of: train), isValidation: false)]
    if let test {
      parts[.test] = Part(folder: try place(of: test), isValidation: false)
      parts[.val] = try validation.map { Part(folder: try place(of: $0), isValidation: true) }
    } else {
      parts[.test] = try validation.map { Part(folder: try place(of: $0), isValidation: true) }
    }
    return parts
  }

  /// Counts the photos outside the splits' folders.
  private mutating func countBeside(_ parts: [String], _ listing: FolderListing) throws {
    leftOut.loose += listing.images.count
    for name in listing.folders where !parts.contains(name) {
      let folder = root.appending(base.appendingComponent(name))
      guard let photos = try? Files.photos(in: folder, isRecursive: true, below: [root]).photos, !photos.isEmpty else {
        continue
      }
      leftOut.besideParts[name] = photos.count
    }
  }

  /// The folder that contains a split's class folders: its own, or one with its name inside it (`train/train`).
  private mutating func place(of part: String) throws -> String {
    var folder = base.appendingComponent(part)
    while let inner = try Self.onlyFolder(in: folder, of: root),
      inner.lowercased() == part.lowercased() || Split(word: inner) != nil && Split(word: inner) == Split(word: part)
    {
      folder = folder.appendingComponent(inner)
      passedThrough.append(folder)
    }
    return folder
  }

  /// The classes in one folder, in the order of their folders' names; some may have no images.
  mutating func classes(under part: String) throws -> [ClassFolder] {
    let folder = root.appending(part)
    let listing = try Files.list(folder)
    leftOut.loose += listing.images.count
    var classes: [ClassFolder] = []
    for name in (listing.folders + listing.lost).sortedByCodeUnits() {
      let prefix = part.appendingComponent(name)
      guard let className = names.className(of: name) else {
        let photos = try Files.photos(in: root.appending(prefix), isRecursive: true, below: [root, folder]).photos
        leftOut.clutter[name, default: 0] += photos.count
        continue
      }
      guard !listing.lost.contains(name) else {
        classes.append(ClassFolder(className: className, images: [], lost: [prefix]))
        continue
      }
      let content = try Files.photos(in: root.appending(prefix), isRecursive: isRecursive, below: [root, folder])
      leftOut += content.leftOut.nested(in: prefix)
      classes.append(
        ClassFolder(
          className: className, images: content.photos.map { "\(prefix)/\($0)" }.sortedByCodeUnits(),
          lost: content.lost.map { "\(prefix)/\($0)" }))
    }
    guard classes.contains(where: { !$0.images.isEmpty }) else {
      throw DatasetError.noClasses(folder: folder.path, loose: listing.images.count, deeper: try deeper(under: part))
    }
    return classes
  }

  /// The folders that photos lie in deeper than in class folders; `nil` where none do.
  private func deeper(under part: String) throws -> DatasetError.DeeperPhotos? {
    let photos = try Files.photos(in: root.appending(part), isRecursive: true, below: []).photos
      .filter { $0.utf8.contains(UInt8(ascii: "/")) }
    guard !photos.isEmpty else { return nil }
    let folders = Set(photos.map { $0.split(separator: "/").dropLast().joined(separator: "/") }).sortedByCodeUnits()
    let above = Set(folders.map { $0.split(separator: "/").dropLast().joined(separator: "/") }).sortedByCodeUnits()
    return DatasetError.DeeperPhotos(
      count: photos.count, folders: folders,
      above: above.map { root.appending(part.appendingComponent($0)).path })
  }

  /// Appends the splits' examples; labels follow the sorted names of all splits together.
  func append(_ parts: [Split: [ClassFolder]], to list: inout DatasetBuilder) throws -> [Notice] {
    let all = parts.values.joined()
    let filled = Set(all.filter { !$0.images.isEmpty }.map(\.className))
    let labels = Dictionary(uniqueKeysWithValues: zip(filled.sortedByCodeUnits(), 0...))
    for split in Split.allCases {
      for folder in parts[split] ?? [] {
        guard let label = labels[folder.className] else { continue }
        try append(folder.images, of: folder, label: label, to: split, of: &list)
      }
    }
    return notices(of: Array(all), filled: filled)
  }

  /// Appends examples; labels follow the folders' names.
  func append(
    _ classes: [ClassFolder], dividedBy division: inout RandomSplit, to list: inout DatasetBuilder
  ) throws -> [Notice] {
    for (label, folder) in classes.filter({ !$0.images.isEmpty }).enumerated() {
      let parts = try division.divide(folder.images, of: folder.className)
      for split in Split.allCases {
        try append(parts[split] ?? [], of: folder, label: label, to: split, of: &list)
      }
    }
    return notices(of: classes, filled: Set(classes.filter { !$0.images.isEmpty }.map(\.className)))
  }

  private func append(
    _ images: [String], of folder: ClassFolder, label: Int, to split: Split, of list: inout DatasetBuilder
  ) throws {
    for path in images {
      try list.append(RawExample(path: path, label: label, className: folder.className, place: path), to: split)
    }
  }

  private func notices(of classes: [ClassFolder], filled: Set<String>) -> [Notice] {
    let lost = classes.flatMap(\.lost)
    let empty = Set(classes.filter(\.lost.isEmpty).map(\.className)).subtracting(filled).sortedByCodeUnits()
    let unreadable = filled.filter { !FileName.isText($0) }.sortedByCodeUnits()
    return passedThrough.map { .passedThrough(folder: $0) }
      + (empty.isEmpty ? [] : [.emptyFolders(empty)])
      + (lost.first.map { [.lostLinks(count: lost.count, first: $0)] } ?? [])
      + (leftOut.isEmpty ? [] : [.leftOut(leftOut)])
      + (unreadable.isEmpty ? [] : [.namesInBytes(unreadable)])
  }
}

extension URL {
  /// A folder under this one; "" is this one.
  fileprivate func appending(_ path: String) -> URL {
    path.isEmpty ? self : appending(path: path, directoryHint: .isDirectory)
  }
}

extension String {
  fileprivate func appendingComponent(_ name: String) -> String {
    isEmpty ? name : name.isEmpty ? self : "\(self)/\(name)"
  }

  fileprivate var lastComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
