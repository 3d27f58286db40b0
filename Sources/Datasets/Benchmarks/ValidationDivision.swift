/// Takes a fifth of each class's images for validation, as the reference does where a benchmark tells training from test
/// images only (CoOp, `datasets/oxford_pets.py`, `split_trainval`).
///
/// One generator goes through the classes in the order in which they first appear, shuffles each class's images, and cuts
/// off the rounded fifth (half to even, as Python rounds). With seed 1 that is the published split of StanfordCars and of
/// UCF101, image for image.
struct ValidationDivision {
  var generator = PythonRandom(seed: Benchmark.publishedSeed)

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

extension Benchmark {
  /// The seed that the published splits were made with: StanfordCars', Flowers102's and UCF101's follow from it exactly.
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
