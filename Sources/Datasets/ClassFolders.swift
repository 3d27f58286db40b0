import Foundation

extension Dataset {
  /// Reads a folder of class folders, with or without `train`, `val` and `test` folders above them.
  ///
  /// Classes are the folders in the order of their names' code units; so are the images of each (`jpg`, `jpeg`, `png`,
  /// `webp`; hidden files are skipped). Without a `train` folder each class is divided at random,
  /// 50 % for training, 20 % for validation and 30 % for testing; the same seed divides alike on every machine.
  /// With one, `validation` or `valid` may stand for `val`; where `test` is absent, `val` is tested on, as on ImageNet.
  ///
  /// - Parameter seed: of the random division.
  /// - Throws: ``DatasetError``.
  public init(classFolders folder: URL, seed: Int = 1) throws {
    let source = ClassFolders(at: folder)
    var list = ExampleList(file: folder.path)
    var notices: [Notice] = []
    if let parts = try source.parts() {
      let images = try parts.mapValues { try source.classes(under: $0) }
      notices += source.isTestedOnValidation(parts) ? [.testIsValidation] : []
      notices += try source.append(images, to: &list)
    } else {
      notices.append(.randomDivision(seed: seed))
      notices += try source.append(source.classes(under: nil), dividedBy: RandomDivision(seed: seed), to: &list)
    }
    self = try list.dataset(name: source.name, notices: notices) { _ in folder }
  }
}

/// Class folders on disk, listed in an order that doesn't depend on the file system.
private struct ClassFolders {
  struct ClassFolder {
    let className: String
    /// Paths under the root.
    let images: [String]
    /// Links that lead nowhere.
    let lost: [String]
  }

  let root: URL
  let name: String
  /// What the folders of a published benchmark are called, where this is its image folder.
  let names: FolderNames

  init(at root: URL) {
    self.root = root
    name = root.standardizedFileURL.lastPathComponent
    names = FolderNames(ofImageFolder: name)
  }

  /// The sub-folder of each part, or `nil` where the class folders lie directly under the root.
  func parts() throws -> [Split: String]? {
    let folders = try Files.list(root).folders
    guard folders.contains("train"), try !Files.list(root.appending(path: "train")).folders.isEmpty else { return nil }
    let validation = ["val", "validation", "valid"].first(where: folders.contains)
    var parts: [Split: String] = [.train: "train"]
    if folders.contains("test") {
      parts[.test] = "test"
      parts[.val] = validation
    } else {
      parts[.test] = validation
    }
    return parts
  }

  func isTestedOnValidation(_ parts: [Split: String]) -> Bool {
    parts[.test].map { $0 != "test" } ?? false
  }

  /// The classes of one part, in the order of their folders' names; some may have no images.
  func classes(under part: String?) throws -> [ClassFolder] {
    let folder = part.map { root.appending(path: $0) } ?? root
    let listing = try Files.list(folder)
    let classes = try (listing.folders + listing.lost).sortedByCodeUnits().compactMap { name -> ClassFolder? in
      guard let className = names.className(of: name) else { return nil }
      let prefix = [part, name].compactMap { $0 }.joined(separator: "/")
      guard !listing.lost.contains(name) else { return ClassFolder(className: className, images: [], lost: [prefix]) }
      let content = try Files.list(folder.appending(path: name))
      return ClassFolder(
        className: className, images: content.images.map { "\(prefix)/\($0)" },
        lost: content.lost.filter(Listing.isImage).map { "\(prefix)/\($0)" })
    }
    guard classes.contains(where: { !$0.images.isEmpty }) else { throw DatasetError.noClasses(folder: folder.path) }
    return classes
  }

  /// Labels follow the sorted names of all parts together.
  func append(_ parts: [Split: [ClassFolder]], to list: inout ExampleList) throws -> [Notice] {
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

  /// Labels follow the folders' names.
  func append(
    _ classes: [ClassFolder], dividedBy division: RandomDivision, to list: inout ExampleList
  ) throws -> [Notice] {
    var division = division
    for (label, folder) in classes.filter({ !$0.images.isEmpty }).enumerated() {
      let parts = try division.divide(folder.images, of: folder.className)
      for split in Split.allCases {
        try append(parts[split] ?? [], of: folder, label: label, to: split, of: &list)
      }
    }
    return notices(of: classes, filled: Set(classes.filter { !$0.images.isEmpty }.map(\.className)))
  }

  private func append(
    _ images: [String], of folder: ClassFolder, label: Int, to split: Split, of list: inout ExampleList
  ) throws {
    for path in images {
      try list.append(StatedExample(path: path, label: label, className: folder.className, place: path), to: split)
    }
  }

  private func notices(of classes: [ClassFolder], filled: Set<String>) -> [Notice] {
    let lost = classes.flatMap(\.lost)
    let empty = Set(classes.filter(\.lost.isEmpty).map(\.className)).subtracting(filled).sortedByCodeUnits()
    return (empty.isEmpty ? [] : [.emptyFolders(empty)])
      + (lost.first.map { [.lostLinks(count: lost.count, first: $0)] } ?? [])
  }
}
