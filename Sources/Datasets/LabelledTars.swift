import Foundation
import Support
import WebDataset

extension Dataset {
  /// Reads tars as WebDataset packs labelled images: each sample has an image and a `.cls`, a whole number that counts
  /// the lines of `classnames.txt` from 0.
  ///
  /// The tars are in folders called `train`, `val` and `test`, or together in one, whose images are then divided at
  /// random, as by ``init(classFolders:seed:isRecursive:)``. `classnames.txt` has one name a line and is in the folder
  /// or the one above. Images stay in the tars and are read from there; a path is `test/0.tar/000012.jpg`.
  ///
  /// - Parameters:
  ///   - location: the folder, or one tar.
  ///   - division: the division of images where no folders give the splits.
  /// - Throws: ``DatasetError``; `TarError` for a tar that is compressed or damaged, or has images that cannot be read.
  init(tars location: URL, division: Division) throws {
    let isFolder = try Files.kind(of: location) == .folder
    let folder = isFolder ? location : location.deletingLastPathComponent()
    let parts =
      isFolder ? try LabelledTars.parts(of: folder) : [(split: nil, tars: [location.lastPathComponent])]
    let names = try LabelledTars.classNames(for: folder)
    var builder = DatasetBuilder(file: location.path)
    var divider = RandomSplit(division)
    let isDivided = parts.contains { $0.split != nil }
    var undivided: [Int: [RawExample]] = [:]
    for (split, tars) in parts {
      for tar in tars {
        for example in try LabelledTars.examples(of: tar, in: folder, names) {
          if isDivided, let split {
            try builder.append(example, to: split)
          } else {
            undivided[example.label, default: []].append(example)
          }
        }
      }
    }
    for (label, examples) in undivided.sorted(by: { $0.key < $1.key }) {
      let divided = try divider.divide(examples, of: names.names[label])
      for split in Split.allCases { for example in divided[split] ?? [] { try builder.append(example, to: split) } }
    }
    self = try builder.dataset(
      name: location.deletingPathExtension().lastPathComponent, notices: isDivided ? [] : [divider.notice],
      requiring: isDivided
        ? [Split.train, .test].filter { split in parts.contains { $0.split == split } } : division.required
    ) { _ in folder }
  }
}

/// The layout of folders with tars of labelled images.
enum LabelledTars {
  private static let namesFile = "classnames.txt"

  /// Whether a folder is one of tars: it has some, or its folders called as splits have. A tar beside class folders is
  /// what they were unpacked from, unless the folder itself has a list of class names; one in the folder above may be
  /// that of class folders, as ImageNet's is.
  static func areIn(_ folder: URL) throws -> Bool {
    let parts = try parts(of: folder)
    guard !parts.isEmpty else { return false }
    let folders = Set(parts.flatMap(\.tars).map { folder.appending(path: $0).deletingLastPathComponent() })
    return try Files.fileExists(at: folder.appending(path: namesFile))
      || folders.allSatisfy { try Files.list($0).folders.isEmpty }
  }

  private static func namesFile(for folder: URL) -> URL? {
    [folder, folder.deletingLastPathComponent()].map { $0.appending(path: namesFile) }.first(
      where: Files.fileExists(at:))
  }

  /// The tars by split; `nil` as the split where they are not divided.
  ///
  /// - Returns: paths below the folder, in order.
  static func parts(of folder: URL) throws -> [(split: Split?, tars: [String])] {
    let listing = try Files.list(folder)
    let own = listing.files.filter(TarList.isTar)
    if !own.isEmpty { return [(nil, own)] }
    let parts = try listing.folders.compactMap { name -> (split: Split?, tars: [String])? in
      guard let split = Split(word: name) else { return nil }
      let tars = try Files.list(folder.appending(path: name)).files.filter(TarList.isTar)
      return tars.isEmpty ? nil : (split, tars.map { "\(name)/\($0)" })
    }
    // What is there to learn from and not to test is divided as if nothing was said.
    return parts.contains { $0.split == .test } ? parts : parts.map { (nil, $0.tars) }
  }

  /// The list of names for a folder, in it or in the one above.
  static func classNames(for folder: URL) throws -> (names: [String], file: String) {
    guard let file = namesFile(for: folder) else {
      throw DatasetError.noClassNames(folder: folder.path, file: namesFile)
    }
    let text = try Files.text(Files.contents(of: file), of: file.path)
    let names = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
    return (names.filter { !$0.isEmpty }, file.path)
  }

  /// The labelled images of one tar.
  static func examples(
    of tar: String, in folder: URL, _ classes: (names: [String], file: String)
  ) throws -> [RawExample] {
    try TarMembers.index(of: folder.appending(path: tar).path).samples.compactMap { sample in
      guard let image = sample.image else { return nil }
      let place = "\(tar)/\(sample.key)"
      let label = try label(sample.label, of: place)
      guard classes.names.indices.contains(label) else {
        throw DatasetError.sampleLabel(
          place, "its .cls is \(label), and \(classes.file) has \(classes.names.count) names, from 0")
      }
      return RawExample(path: "\(tar)/\(image)", label: label, className: classes.names[label], place: place)
    }
  }
  private static func label(_ label: TarLabel?, of place: String) throws -> Int {
    switch label {
    case nil: throw DatasetError.sampleLabel(place, "it has no .cls")
    case .tooLong(let bytes)?:
      throw DatasetError.sampleLabel(place, "its .cls has \(bytes) bytes, where a whole number was expected")
    case .notAFile?:
      throw DatasetError.sampleLabel(place, "its .cls is a link or a device, where a whole number was expected")
    case .text(let text)?:
      guard let number = Int(text) else {
        throw DatasetError.sampleLabel(place, "its .cls is '\(text)', where a whole number was expected")
      }
      return number
    }
  }
}
