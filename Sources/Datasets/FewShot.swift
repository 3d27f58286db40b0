import Foundation
import Pickle

extension Dataset {
  /// Samples `shots` training and min(`shots`, 4) validation images of each class; test images stay.
  ///
  /// Samples as the reference does (Dassl, `generate_fewshot_dataset`), image for image: one generator goes through the
  /// training images' classes in the order in which they first appear, then through the validation images'; a class
  /// with fewer images gives all of them and draws nothing. Sample before ``subset(_:)``, so that the base classes'
  /// images are those of the all-class sample.
  ///
  /// - Parameters:
  ///   - shots: at least 1.
  ///   - seed: any; the published results use 1, 2 and 3.
  /// - Returns: images in blocks of a class, in sample order; a notice lists classes with fewer training images.
  /// - Throws: ``DatasetError/shots(_:)``, or ``DatasetError/testOnly(name:)`` where there are no training images.
  public func fewShot(_ shots: Int, seed: Int) throws -> Dataset {
    guard shots >= 1 else { throw DatasetError.shots(shots) }
    guard !isTestOnly else { throw DatasetError.testOnly(name: name) }
    var generator = PythonRandom(seed: seed)
    let sampledTraining = Self.sample(shots, from: training, with: &generator)
    let sampledValidation = Self.sample(min(shots, 4), from: validation, with: &generator)
    return Dataset(
      name: name, imageFolder: imageFolder, classNames: classNames, training: sampledTraining,
      validation: sampledValidation, test: test,
      notices: notices + [Notice.scarce(training, shots: shots, classNames: classNames)].compactMap { $0 })
  }

  private static func sample(
    _ shots: Int, from examples: [Example], with generator: inout PythonRandom
  ) -> [Example] {
    let byLabel = Dictionary(grouping: examples, by: \.label)
    var seen: Set<Int> = []
    let labels = examples.lazy.map(\.label).filter { seen.insert($0).inserted }
    return labels.flatMap { label in
      let candidates = byLabel[label] ?? []
      return candidates.count < shots ? candidates : generator.sample(shots, of: candidates)
    }
  }
}

extension Dataset {
  /// The dataset with held-out training images that the sample does not use as validation images, where it has none.
  ///
  /// Each class gives as many as a sample of validation images has: min(`shots`, 4). If one class has no unused images,
  /// the dataset is unchanged, since a choice made on the others would not hold for all.
  ///
  /// - Parameters:
  ///   - whole: the dataset that the sample was drawn from.
  ///   - seed: the seed of a separate generator, so that the sample is the same with and without.
  public func holdingOutUnused(of whole: Dataset, shots: Int, seed: Int) -> Dataset {
    guard validation.isEmpty, classNames == whole.classNames else { return self }
    let used = Set(training.map(\.path))
    let unused = whole.training.filter { !used.contains($0.path) }
    guard Set(unused.map(\.label)).count == classNames.count else { return self }
    var generator = PythonRandom(seed: seed)
    let heldOut = Self.sample(min(shots, 4), from: unused, with: &generator)
    return replacing(training: training, validation: heldOut, noting: .heldOut(count: heldOut.count))
  }
}

/// A few-shot sample in the form that `cocoop datasets few-shot --json` prints.
public struct FewShotListing: Codable, Sendable {
  public let seed: Int
  public let shots: Int
  public let train, val: [SplitFile.Entry]

  /// - Throws: ``DatasetError/shots(_:)``.
  public init(of dataset: Dataset, shots: Int, seed: Int) throws {
    let sample = try dataset.fewShot(shots, seed: seed)
    self.seed = seed
    self.shots = shots
    train = sample.entries(in: .train)
    val = sample.entries(in: .val)
  }
}

extension Dataset {
  /// The images of one split in the published form, with their class names.
  public func entries(in split: Split) -> [SplitFile.Entry] {
    examples(in: split).map { .init(path: $0.path, label: $0.label, className: classNames[$0.label]) }
  }
}

/// A few-shot sample that was drawn elsewhere: a cache of the reference (`split_fewshot/shot_16-seed_1.pkl`), or the
/// output of `cocoop datasets few-shot --json`.
///
/// ImageNet needs it, since the reference draws ImageNet's samples from unsorted listings; every benchmark has such
/// caches.
public struct FewShotList: Sendable {
  public let file: String
  /// The images as the list spells their paths: absolute, on the machine that drew the sample, in a pickle.
  let train, val: [SplitFile.Entry]

  /// - Throws: ``DatasetError``, or `PickleError` for a damaged or dangerous pickle; nothing in a pickle is ever
  ///   executed.
  public init(contentsOf url: URL) throws {
    try self.init(Files.contents(of: url), of: url.path)
  }

  package init(_ data: Data, of file: String) throws {
    self.file = file
    if data.first(where: { !Self.spaces.contains($0) }) == UInt8(ascii: "{") {
      let listing: FewShotListing = try SplitFile.decoded(data, of: file)
      (train, val) = (listing.train, listing.val)
    } else {
      // A pickle has no signature: its reader refuses whatever doesn't begin with an instruction for a dictionary.
      let value = try data.withUnsafeBytes { bytes in
        var reader = Unpickler(bytes, path: file)
        return try reader.next()
      }
      train = try Self.entries("train", of: value, in: file)
      val = value["val"] == nil ? [] : try Self.entries("val", of: value, in: file)
    }
  }

  private static let spaces = Set(" \t\r\n".utf8)

  /// The images of one split: `[Datum(impath, label, domain, classname), …]` (Dassl, `data/datasets/base_dataset.py`).
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
  /// Replaces the training and validation images by the sample in `list`; test images stay.
  ///
  /// A path is matched to the image of this dataset that it ends in, wherever the list's machine kept its images.
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
  /// The path, and the rest of it without its first folder, its first two, and so on.
  fileprivate var tails: some Sequence<String> {
    sequence(first: self[...]) { path in
      path.firstIndex(of: "/").map { path[path.index(after: $0)...] }
    }
    .lazy.map(String.init)
  }
}
