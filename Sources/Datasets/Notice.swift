import Support

/// A fact that the user should know although nothing is wrong; `description` is one line without a full stop.
public enum Notice: Sendable, Hashable, CustomStringConvertible {
  /// Classes with fewer training images than requested; `counts` by class name, in the order of labels.
  case scarce(shots: Int, classNames: [String], counts: [Int])
  /// No published splits: the images were divided at random.
  case randomDivision(seed: Int)
  /// No splits in the source: each class first gave the requested number of training images.
  case shotsFirst(shots: Int, seed: Int, classes: [DividedClass])
  /// No splits in the source, and all images are for training.
  case nothingToTest
  /// No validation images in the source: held-out training images outside the sample take their place.
  case heldOut(count: Int)
  /// A benchmark without its published split file: its splits were made as the reference makes them.
  case rebuilt(splitFile: String)
  /// No test folder: the validation images are the test set, and none are left for validation.
  case testIsValidation
  /// Two classes of one name, as in a benchmark's published list; no prompt can distinguish them.
  case equalNames(String)
  /// Class folders without images, which were left out.
  case emptyFolders([String])
  /// Links among class folders and images that lead nowhere or in a circle, which were left out.
  case lostLinks(count: Int, first: String)
  /// A saved division to which images were added since.
  case addedImages(count: Int, first: String)
  /// Images that are both for training and for testing.
  case leak(count: Int, first: String)
  /// Contents of a folder that are not used, by reason.
  case leftOut(LeftOutFiles)
  /// A folder below the given one, or below a split's, that contains everything (`train/train`).
  case passedThrough(folder: String)
  /// Class folders whose names are not UTF-8: the model reads their spelling.
  case namesInBytes([String])
  /// Images that a list spells differently than the file system.
  case otherSpelling(count: Int, difference: OtherSpelling, first: String)
  /// Images that occur in several rows of a table, each of which counts once.
  case repeatedRows(count: Int, first: String, lines: [Int])
  /// Images with more than one class; the position and class of the first.
  case severalClasses(count: Int, first: String, classNames: [String])

  /// The numbers of a class's training and validation images; the others are for testing.
  public struct DividedClass: Sendable, Hashable {
    public let name: String
    public let images, training, validation: Int
  }

  public var description: String { sentence.onOneLine }

  private var sentence: String {
    switch self {
    case .scarce(let shots, let names, let counts):
      let few = zip(names, counts).prefix(3).map {
        "'\($0)' has \($1 == 1 ? "1 training photo" : "\($1) training photos")"
      }.joined(separator: ", ")
      return names.count > 3
        ? "\(names.count) classes have fewer than \(shots) training photos (\(few), …): all were taken"
        : "\(few), fewer than \(shots): all were taken"
    case .randomDivision(let seed):
      return "Train, val and test images are not told apart:"
        + " each class was divided 50/20/30 at random with seed \(seed)"
    case .shotsFirst(let shots, let seed, let classes): return Self.sentence(shots: shots, seed: seed, classes)
    case .nothingToTest: return "All photos are for training: none is kept to measure an accuracy on"
    case .heldOut(let count):
      return "There are no validation photos: \(count) training photos that the sample has left over take their place"
    case .rebuilt(let splitFile):
      return "\(splitFile) is not there: the split was rebuilt by the reference's rule with seed"
        + " \(PublishedDataset.publishedSeed), and may differ from the published split"
    case .testIsValidation:
      return "There is no test folder: the validation images are tested on"
    case .equalNames(let name):
      return "Two classes are called '\(name)', as in the published list: no prompt can tell them apart"
    case .emptyFolders(let names):
      return "Left out, because no photos lie in them: \(names.prefix(5).joined(separator: ", "))"
        + (names.count > 5 ? ", …" : "")
    case .leftOut(let files): return files.sentence(of: "a class folder")
    case .passedThrough(let folder):
      return "The images lie in \(folder), one folder deeper than expected, and were taken from there"
    case .namesInBytes(let names):
      return "The \(names.count == 1 ? "name of a class folder is" : "names of \(names.count) class folders are") not"
        + " UTF-8, and the model reads \(names.count == 1 ? "it" : "them") as \(names.prefix(3).joined(separator: ", "))"
        + "\(names.count > 3 ? ", …" : ""): rename the folder\(names.count == 1 ? "" : "s")"
    case .otherSpelling(let count, let difference, let first):
      return "\(count.photos) \(count == 1 ? "is" : "are") listed \(difference.phrase) than on disk, such as \(first):"
        + " \(count == 1 ? "it was" : "they were") found all the same"
    case .repeatedRows(let count, let first, let lines):
      return "\(count.photos) \(count == 1 ? "stands" : "stand") in several rows and \(count == 1 ? "counts" : "count")"
        + " once, such as \(first) (lines \(lines.prefix(5).map(String.init).joined(separator: ", ")))"
    case .severalClasses(let count, let first, let names):
      return "\(count.photos) \(count == 1 ? "has" : "have") more than one class, such as \(first)"
        + " (\(names.prefix(5).map { "'\($0)'" }.joined(separator: ", "))): at most one of them is right"
    case .lostLinks(let count, let first):
      return
        "Left out, because \(count == 1 ? "it is a link that leads" : "they are links that lead") nowhere or in a circle:"
        + (count == 1 ? " \(first)" : " \(count) files or folders, such as \(first)")
    case .addedImages(let count, let first):
      return "The folder has changed: \(count.photos) that the run's division doesn't know"
        + " \(count == 1 ? "was" : "were") left out, such as \(first)"
    case .leak(let count, let first):
      let verb = count == 1 ? "is" : "are"
      return "\(count.photos) for training or validation \(verb) among the test images too, such as \(first):"
        + " accuracies will be too high"
    }
  }

  /// Whether the notice concerns which images were used, which matters for an evaluation; how they were divided is
  /// known from training.
  public var isOfImages: Bool {
    switch self {
    case .leftOut, .passedThrough, .otherSpelling, .lostLinks, .emptyFolders, .addedImages, .severalClasses: true
    case .scarce, .randomDivision, .shotsFirst, .nothingToTest, .heldOut, .rebuilt, .testIsValidation, .equalNames,
      .leak, .namesInBytes, .repeatedRows:
      false
    }
  }

  /// The notice restricted to the given classes, or `nil` if it doesn't concern them.
  func about(_ classes: [String]) -> Notice? {
    switch self {
    case .scarce(let shots, let names, let counts):
      let kept = zip(names, counts).filter { classes.contains($0.0) }
      return kept.isEmpty ? nil : .scarce(shots: shots, classNames: kept.map(\.0), counts: kept.map(\.1))
    case .shotsFirst(let shots, let seed, let divided):
      return .shotsFirst(shots: shots, seed: seed, classes: divided.filter { classes.contains($0.name) })
    case .equalNames(let name): return classes.count { $0 == name } > 1 ? self : nil
    case .namesInBytes(let names):
      let kept = names.filter(classes.contains)
      return kept.isEmpty ? nil : .namesInBytes(kept)
    case .randomDivision, .nothingToTest, .heldOut, .rebuilt, .testIsValidation, .emptyFolders, .lostLinks,
      .addedImages, .leak, .leftOut,
      .passedThrough, .otherSpelling, .repeatedRows, .severalClasses:
      return self
    }
  }

  private static func sentence(shots: Int, seed: Int, _ classes: [DividedClass]) -> String {
    func total(_ count: (DividedClass) -> Int) -> Int { classes.map(count).reduce(0, +) }
    let isUniform = Set(classes.map { [$0.images, $0.training, $0.validation] }).count == 1
    let parts: (training: Int, validation: Int, images: Int) =
      isUniform
      ? classes.first.map { ($0.training, $0.validation, $0.images) } ?? (0, 0, 0)
      : (total(\.training), total(\.validation), total(\.images))
    let test = parts.images - parts.training - parts.validation
    let few = classes.filter { $0.images <= shots }
    let kept = few.first.map {
      "; \(few.count == 1 ? "'\($0.name)' has" : "\(few.count) classes, such as '\($0.name)', have") no more than the"
        + " \(shots) asked for, and a quarter is kept for testing"
    }
    return
      "No photos are set apart for testing, so each class was divided at random (seed \(seed)): \(parts.training) of"
      + " \(parts.images) photos\(isUniform ? " a class" : "") to learn from,"
      + (parts.validation > 0 ? " \(parts.validation) to validate," : "") + " \(test) to test\(kept ?? "")"
  }

  static func scarce(_ training: [Example], shots: Int, classNames: [String]) -> Notice? {
    let counts = training.counts(classes: classNames.count)
    let labels = classNames.indices.filter { counts[$0] < shots }
    guard !labels.isEmpty else { return nil }
    return .scarce(shots: shots, classNames: labels.map { classNames[$0] }, counts: labels.map { counts[$0] })
  }

  static func severalClasses(_ examples: some Sequence<Example>, classNames: [String]) -> Notice? {
    var labels = [String: Int](minimumCapacity: examples.underestimatedCount)
    var conflicts: [String: Set<Int>] = [:]
    var first: String?
    for example in examples {
      guard let label = labels.updateValue(example.label, forKey: example.path), label != example.label else {
        continue
      }
      conflicts[example.path, default: []].formUnion([label, example.label])
      first = first ?? example.path
    }
    return first.map { first in
      let names = (conflicts[first] ?? []).sorted().map { classNames[$0] }
      return .severalClasses(count: conflicts.count, first: first, classNames: names)
    }
  }

  static func leak(_ seen: [Example], into test: [Example]) -> Notice? {
    let paths = Set(seen.lazy.map(\.path))
    let shared = test.filter { paths.contains($0.path) }
    return shared.first.map { .leak(count: shared.count, first: $0.path) }
  }
}

extension [Example] {
  /// The number of images by label.
  func counts(classes: Int) -> [Int] {
    reduce(into: [Int](repeating: 0, count: classes)) { $0[$1.label] += 1 }
  }
}
