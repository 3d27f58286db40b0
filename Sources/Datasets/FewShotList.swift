import Foundation
import Pickle

/// A few-shot sample that was drawn elsewhere: a cache of the reference (`split_fewshot/shot_16-seed_1.pkl`), or what
/// `cocoop datasets few-shot --json` prints.
///
/// ImageNet needs it, whose samples the reference draws from unsorted listings; every benchmark has such caches.
public struct FewShotList: Sendable {
  public let file: String
  /// Paths as the list spells them: absolute, on the machine that drew the sample, in a pickle.
  let train, val: [SplitFile.Entry]

  /// - Throws: ``DatasetError``, or `PickleError` for a damaged or dangerous pickle; nothing of one is ever run.
  public init(contentsOf url: URL) throws {
    try self.init(Files.contents(of: url), of: url.path)
  }

  package init(_ data: Data, of file: String) throws {
    self.file = file
    if data.first(where: { !Self.spaces.contains($0) }) == UInt8(ascii: "{") {
      let listing: FewShotListing = try SplitFile.decoded(data, of: file)
      (train, val) = (listing.train, listing.val)
    } else {
      // A pickle has no mark of its own: what doesn't begin with an instruction for a dictionary is refused by its reader.
      let value = try data.withUnsafeBytes { bytes in
        var reader = Unpickler(bytes, path: file)
        return try reader.next()
      }
      train = try Self.entries("train", of: value, in: file)
      val = value["val"] == nil ? [] : try Self.entries("val", of: value, in: file)
    }
  }

  private static let spaces = Set(" \t\r\n".utf8)

  /// `[Datum(impath, label, domain, classname), …]` (Dassl, `data/datasets/base_dataset.py`).
  private static func entries(_ part: String, of value: PickleValue, in file: String) throws -> [SplitFile.Entry] {
    guard let items = value[part]?.elements else { throw DatasetError.missingPart(file: file, part: part) }
    return try items.enumerated().map { index, item in
      guard let path = item["_impath"]?.string, let label = item["_label"]?.integer,
        let className = item["_classname"]?.string
      else {
        throw DatasetError.wrongType(
          file: file, place: "\(part)[\(index)]", expected: "an image as the reference keeps it, found \(item.kind)")
      }
      return SplitFile.Entry(path: path, label: label, className: className)
    }
  }
}

extension Dataset {
  /// Takes the sample that `list` names in place of the training and validation images; test images stay.
  ///
  /// A path stands for the image of this dataset that it ends in, wherever the list's machine kept its images.
  ///
  /// - Throws: ``DatasetError/foreignSample(file:count:of:first:dataset:)`` for images that are not training (or
  ///   validation) images of this dataset, ``DatasetError/foreignClass(file:place:found:expected:)`` for other classes.
  public func fewShot(_ list: FewShotList) throws -> Dataset {
    guard !isTestOnly else { throw DatasetError.testOnly(name: name) }
    guard !list.train.isEmpty else { throw DatasetError.emptySplit(file: list.file, split: .train) }
    let sampled = try matched(list.train, to: training, .train, of: list)
    let present = Set(sampled.map(\.label))
    if let absent = classNames.indices.first(where: { !present.contains($0) }) {
      throw DatasetError.classWithout(file: list.file, className: classNames[absent], split: .train)
    }
    return Dataset(
      name: name, imageFolder: imageFolder, classNames: classNames, training: sampled,
      validation: try matched(list.val, to: validation, .val, of: list), test: test, notices: notices)
  }

  private func matched(
    _ entries: [SplitFile.Entry], to examples: [Example], _ split: Split, of list: FewShotList
  ) throws -> [Example] {
    let byPath = Dictionary(examples.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    var missing: [String] = []
    let matched = try entries.enumerated().compactMap { index, entry -> Example? in
      guard let example = entry.path.tails.lazy.compactMap({ byPath[$0] }).first else {
        missing.append(entry.path)
        return nil
      }
      let name = classNames[example.label]
      guard PromptTemplate.words(of: entry.className) == PromptTemplate.words(of: name), entry.label == example.label
      else {
        throw DatasetError.foreignClass(
          file: list.file, place: "\(split.rawValue)[\(index)]", found: "\(entry.label) '\(entry.className)'",
          expected: "\(example.label) '\(name)'")
      }
      return example
    }
    guard missing.isEmpty else {
      throw DatasetError.foreignSample(
        file: list.file, count: missing.count, of: entries.count, first: missing[0],
        dataset: "\(split.noun) images of \(name)")
    }
    return matched
  }
}

extension String {
  /// The path, and what is left of it without its first folder, its first two, and so on.
  fileprivate var tails: some Sequence<String> {
    sequence(first: self[...]) { path in
      path.firstIndex(of: "/").map { path[path.index(after: $0)...] }
    }
    .lazy.map(String.init)
  }
}
