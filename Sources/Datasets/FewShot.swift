extension Dataset {
  /// Samples `shots` training and min(`shots`, 4) validation images of each class; test images stay.
  ///
  /// As the reference samples (Dassl, `generate_fewshot_dataset`), image for image: one generator goes through the
  /// training images' classes in the order in which they first appear, then through the validation images'; a class with
  /// fewer images gives all of them and draws nothing. Sample before ``subset(_:)``, so that the base classes' images are
  /// those of the all-class sample.
  ///
  /// - Parameters:
  ///   - shots: at least 1.
  ///   - seed: any; the published results use 1, 2 and 3.
  /// - Returns: images in blocks of a class, in sample order; a notice tells of classes with fewer training images.
  /// - Throws: ``DatasetError/shots(_:)``, or ``DatasetError/testOnly(name:)`` where there is nothing to learn from.
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
  /// The dataset with training images that a sample has left over as validation images, where it has none.
  ///
  /// As many of each class as a sample of validation images has: min(`shots`, 4). One class without any left over leaves
  /// the dataset as it is, since what is chosen on the others would not hold for all.
  ///
  /// - Parameters:
  ///   - whole: what the sample was drawn from.
  ///   - seed: of a generator of its own, so that the sample is the same with and without.
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

/// A few-shot sample as `cocoop datasets few-shot --json` prints it.
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
  /// The images of one part in the published form, with their class names.
  public func entries(in split: Split) -> [SplitFile.Entry] {
    examples(in: split).map { .init(path: $0.path, label: $0.label, className: classNames[$0.label]) }
  }
}
