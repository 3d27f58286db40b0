/// The rules for dividing images into splits where the source has none.
public enum Division: Sendable, Equatable {
  /// 50 % training, 20 % validation and 30 % test images, as in the reference.
  case reference(seed: Int)
  /// The same, but a class with fewer than twice the requested shots gives those for training first.
  case shotsFirst(Int, seed: Int)
  /// All images are for training, and none for testing.
  case noTest

  /// The splits in which every class must have images.
  var required: [Split] { self == .noTest ? [.train] : [.train, .test] }

  /// The numbers of training and validation images among `count`; the others are for testing.
  ///
  /// Where there are no more images than shots, a quarter is held out for testing.
  package func sizes(of count: Int) -> (training: Int, validation: Int) {
    func share(_ part: Double) -> Int { Int((Double(count) * part).rounded(.toNearestOrEven)) }
    let halves = (training: share(0.5), validation: min(share(0.2), count - share(0.5) - 1))
    switch self {
    case .reference: return halves
    case .shotsFirst(let shots, _) where halves.training >= shots: return halves
    case .shotsFirst(let shots, _):
      let training = count > shots ? shots : count - max(1, share(0.25))
      let test = min(count - training, count - halves.training - halves.validation)
      return (training, count - training - test)
    case .noTest: return (count, 0)
    }
  }
}

/// Divides the images of each class at random.
///
/// The division is the reference's where a benchmark has no published split (Dassl, `read_and_split_data` of CoOp's
/// `datasets/dtd.py`): one generator goes through the classes in the order of their labels, shuffles each class's
/// images and cuts the list at the rounded halves and fifths (half to even, as Python rounds). One thing differs: where
/// the rounding leaves no test image (classes of three), the validation image becomes one.
/// ``Division/shotsFirst(_:seed:)`` cuts the same lists elsewhere.
package struct RandomSplit {
  let division: Division
  var generator: PythonRandom
  private var counts: [Notice.DividedClass] = []

  package init(seed: Int) { self.init(.reference(seed: seed)) }

  package init(_ division: Division) {
    self.division = division
    let seed =
      switch division {
      case .reference(let seed), .shotsFirst(_, let seed): seed
      case .noTest: 1
      }
    generator = PythonRandom(seed: seed)
  }

  /// - Throws: ``DatasetError/tooFewImages(className:count:)`` for fewer than two images, of which one is needed for
  ///   testing.
  package mutating func divide<Item>(_ items: [Item], of className: String) throws -> [Split: [Item]] {
    if division == .noTest { return [.train: items] }
    guard items.count >= 2 else { throw DatasetError.tooFewImages(className: className, count: items.count) }
    var shuffled = items
    generator.shuffle(&shuffled)
    let (training, validation) = division.sizes(of: items.count)
    counts.append(.init(name: className, images: items.count, training: training, validation: validation))
    let testStart = training + validation
    return [
      .train: Array(shuffled[..<training]),
      .val: Array(shuffled[training..<testStart]),
      .test: Array(shuffled[testStart...]),
    ]
  }

  /// The notice about the division, once all classes are divided.
  var notice: Notice {
    switch division {
    case .reference(let seed): .randomDivision(seed: seed)
    case .shotsFirst(let shots, let seed): .shotsFirst(shots: shots, seed: seed, classes: counts)
    case .noTest: .nothingToTest
    }
  }
}

extension Dataset {
  /// Whether the splits were made here, by chance or by a rule, so that another listing of the images would be divided
  /// differently.
  public var isDividedHere: Bool {
    notices.contains {
      switch $0 {
      case .randomDivision, .shotsFirst, .nothingToTest, .rebuilt: true
      default: false
      }
    }
  }

  /// This dataset's images, divided as in a saved `split`.
  ///
  /// Images that came later belong to no split, and a notice counts them; ``checkImages()`` reports images that no
  /// longer exist.
  ///
  /// - Parameter file: the file that errors identify.
  /// - Throws: ``DatasetError``.
  public func divided(as split: SplitFile, of file: String) throws -> Dataset {
    let kept = Set(Split.allCases.flatMap { split[$0].map(\.path) })
    let added = (training + validation + test).map(\.path).filter { !kept.contains($0) }
    let notices = notices + (added.first.map { [.addedImages(count: added.count, first: $0)] } ?? [])
    let required: [Split] = split.test.isEmpty ? [.train] : [.train, .test]
    return try Dataset(split, name: name, of: file, requiring: required, notices: notices) { _ in imageFolder }
  }
}

/// Takes a fifth of each class's images for validation, as the reference does where a benchmark has training and test
/// images only (CoOp, `datasets/oxford_pets.py`, `split_trainval`).
///
/// One generator goes through the classes in the order in which they first appear, shuffles each class's images, and
/// cuts off the rounded fifth (half to even, as Python rounds). With seed 1 that is the published split of StanfordCars
/// and of UCF101, image for image.
struct ValidationSplit {
  var generator = PythonRandom(seed: PublishedDataset.publishedSeed)

  mutating func divide(_ entries: [SplitFile.Entry]) -> (train: [SplitFile.Entry], val: [SplitFile.Entry]) {
    var (train, val): ([SplitFile.Entry], [SplitFile.Entry]) = ([], [])
    for var images in entries.groupedByLabel() {
      generator.shuffle(&images)
      let count = Int((Double(images.count) * 0.2).rounded(.toNearestOrEven))
      val += images.prefix(count)
      train += images.dropFirst(count)
    }
    return (train, val)
  }
}

extension PublishedDataset {
  /// The seed of the published splits: those of StanfordCars, Flowers102 and UCF101 follow from it exactly.
  static let publishedSeed = 1
}

extension [SplitFile.Entry] {
  /// The entries of each label, in the order in which labels first appear.
  func groupedByLabel() -> [[SplitFile.Entry]] {
    var order: [Int: Int] = [:]
    return reduce(into: []) { groups, entry in
      let index = order[entry.label, default: groups.count]
      if index == groups.count {
        order[entry.label] = index
        groups.append([])
      }
      groups[index].append(entry)
    }
  }
}
