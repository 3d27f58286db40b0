/// Divides the images of each class into 50 % training, 20 % validation and 30 % test images at random.
///
/// As the reference does where a benchmark has no published split (Dassl, `read_and_split_data` of CoOp's
/// `datasets/dtd.py`): one generator goes through the classes in the order of their labels, shuffles each class's images
/// and cuts the list at the rounded halves and fifths (half to even, as Python rounds). One thing differs: where the
/// rounding leaves no test image (classes of three), the validation image becomes one.
package struct RandomDivision {
  var generator: PythonRandom

  package init(seed: Int) { generator = PythonRandom(seed: seed) }

  /// - Throws: ``DatasetError/tooFewImages(className:count:)`` for fewer than two.
  package mutating func divide<Item>(_ items: [Item], of className: String) throws -> [Split: [Item]] {
    guard items.count >= 2 else { throw DatasetError.tooFewImages(className: className, count: items.count) }
    var shuffled = items
    generator.shuffle(&shuffled)
    let trainingCount = Int((Double(items.count) * 0.5).rounded(.toNearestOrEven))
    let wanted = Int((Double(items.count) * 0.2).rounded(.toNearestOrEven))
    let validationCount = min(wanted, items.count - trainingCount - 1)
    let testStart = trainingCount + validationCount
    return [
      .train: Array(shuffled[..<trainingCount]),
      .val: Array(shuffled[trainingCount..<testStart]),
      .test: Array(shuffled[testStart...]),
    ]
  }
}
