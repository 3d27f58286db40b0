import Explanations

/// Something that the user should know although nothing is wrong; `description` is one line without a full stop.
public enum Notice: Sendable, Hashable, CustomStringConvertible {
  /// Classes with fewer training images than were asked for; `counts` by class name, in the order of labels.
  case scarce(shots: Int, classNames: [String], counts: [Int])
  /// No published parts: the images were divided at random.
  case randomDivision(seed: Int)
  /// A benchmark without its published split file: its parts were made as the reference makes them.
  case rebuilt(splitFile: String)
  /// No test folder: the validation images are tested on, and none are left for validation.
  case testIsValidation
  /// Two classes of one name, which a benchmark's published list has; no prompt can tell them apart.
  case equalNames(String)
  /// Class folders without images, which were left out.
  case emptyFolders([String])
  /// Links among class folders and images that lead nowhere or in a circle, which were left out.
  case lostLinks(count: Int, first: String)
  /// A division that was kept while images were added.
  case addedImages(count: Int, first: String)
  /// Images that are both learned from and tested on.
  case leak(count: Int, first: String)

  public var description: String { sentence.onOneLine }

  private var sentence: String {
    switch self {
    case .scarce(let shots, let names, let counts):
      let few = zip(names, counts).prefix(3).map { "'\($0)' has \($1.photos)" }.joined(separator: ", ")
      return names.count > 3
        ? "\(names.count) classes have fewer than \(shots) photos (\(few), …): all were taken"
        : "\(few), fewer than \(shots): all were taken"
    case .randomDivision(let seed):
      return "Train, val and test images are not told apart:"
        + " each class was divided 50/20/30 at random with seed \(seed)"
    case .rebuilt(let splitFile):
      return "\(splitFile) is not there: the split was rebuilt by the reference's rule with seed"
        + " \(Benchmark.publishedSeed), and may differ from the published split"
    case .testIsValidation:
      return "There is no test folder: the validation images are tested on"
    case .equalNames(let name):
      return "Two classes are called '\(name)', as in the published list: no prompt can tell them apart"
    case .emptyFolders(let names):
      return "Left out, because no jpg, jpeg, png or webp files lie in them: \(names.prefix(5).joined(separator: ", "))"
        + (names.count > 5 ? ", …" : "")
    case .lostLinks(let count, let first):
      return "Left out, because \(count == 1 ? "it is a link that leads" : "they are links that lead") nowhere:"
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

  /// The notice as it concerns the given classes only, or `nil` if it doesn't.
  func about(_ classes: [String]) -> Notice? {
    switch self {
    case .scarce(let shots, let names, let counts):
      let kept = zip(names, counts).filter { classes.contains($0.0) }
      return kept.isEmpty ? nil : .scarce(shots: shots, classNames: kept.map(\.0), counts: kept.map(\.1))
    case .equalNames(let name): return classes.count { $0 == name } > 1 ? self : nil
    case .randomDivision, .rebuilt, .testIsValidation, .emptyFolders, .lostLinks, .addedImages, .leak:
      return self
    }
  }

  static func scarce(_ training: [Example], shots: Int, classNames: [String]) -> Notice? {
    let counts = training.counts(classes: classNames.count)
    let labels = classNames.indices.filter { counts[$0] < shots }
    guard !labels.isEmpty else { return nil }
    return .scarce(shots: shots, classNames: labels.map { classNames[$0] }, counts: labels.map { counts[$0] })
  }

  static func leak(_ seen: [Example], into test: [Example]) -> Notice? {
    let paths = Set(seen.lazy.map(\.path))
    let shared = test.filter { paths.contains($0.path) }
    return shared.first.map { .leak(count: shared.count, first: $0.path) }
  }
}

extension Int {
  fileprivate var photos: String { self == 1 ? "1 photo" : "\(self) photos" }
}

extension [Example] {
  /// The number of images by label.
  func counts(classes: Int) -> [Int] {
    reduce(into: [Int](repeating: 0, count: classes)) { $0[$1.label] += 1 }
  }
}
