extension Dataset {
  /// Whether the parts were made here, by chance or by a rule, so that another listing of the images would divide them
  /// otherwise.
  public var isDividedHere: Bool {
    notices.contains {
      switch $0 {
      case .randomDivision, .shotsFirst, .nothingToTest, .rebuilt: true
      default: false
      }
    }
  }

  /// The division that `split` keeps, of images that lie where this dataset's lie.
  ///
  /// Images that came later belong to no part, and a notice counts them; images that are gone are told by
  /// ``checkImages()``.
  ///
  /// - Parameter file: what errors name.
  /// - Throws: ``DatasetError``.
  public func divided(as split: SplitFile, of file: String) throws -> Dataset {
    let kept = Set(Split.allCases.flatMap { split[$0].map(\.path) })
    let added = (training + validation + test).map(\.path).filter { !kept.contains($0) }
    let notices = notices + (added.first.map { [.addedImages(count: added.count, first: $0)] } ?? [])
    let required: [Split] = split.test.isEmpty ? [.train] : [.train, .test]
    return try Dataset(split, name: name, of: file, requiring: required, notices: notices) { _ in imageFolder }
  }
}
