import ClassificationMetrics
import Images
import PromptLearning
import Runs
import Support

/// The difference in accuracy between two methods on the same images, and whether it is more than chance.
///
/// A figure is the mean over the pairs of runs, one pair for each seed. The interval is the percentile bootstrap over
/// the images, each with its mean over the pairs. So it covers the choice of the test images alone, not that of the
/// seed.
struct PairedDifference: Sendable, Equatable {
  let images: Int
  /// The accuracy of the second minus that of the first, in points.
  let mean: Double
  let lower: Double
  let upper: Double
  /// McNemar's p-values, one for each pair.
  let pValues: [Double]

  /// - Parameter pairs: evaluations on the same images, each of the first method and of the second.
  /// - Returns: `nil` without pairs, and where any two evaluations are on other images or other classes.
  init?(of pairs: [(first: SavedEvaluation, second: SavedEvaluation)]) {
    guard let reference = pairs.first?.first, !reference.predictions.isEmpty else { return nil }
    let all = pairs.flatMap { [$0.first, $0.second] }
    let order = reference.imagesInOrder
    guard all.allSatisfy({ $0.classNames == reference.classNames && $0.imagesInOrder == order }) else { return nil }
    let right = pairs.map { ($0.first.rightInOrder, $0.second.rightInOrder) }
    let differences = order.indices.map { image in
      100 * right.map { ($0.1[image] ? 1 : 0) - ($0.0[image] ? 1 : 0) }.mean
    }
    var generator = SeededGenerator(seed: 1)
    guard let interval = Bootstrap().interval(ofMeanOf: differences, using: &generator) else { return nil }
    images = order.count
    mean = differences.mean
    (lower, upper) = (interval.lowerBound, interval.upperBound)
    pValues = right.map { McNemarTest(first: $0.0, second: $0.1).pValue }
  }

  /// The difference between two rows on one subset of the classes: seed by seed where both learned, otherwise each run
  /// against the first's only one.
  init?(of second: MethodRow, from first: MethodRow, on measure: Measure) {
    guard let classes = measure.classes else { return nil }
    let pairs = second.runs.compactMap { run -> (first: SavedEvaluation, second: SavedEvaluation)? in
      let measured = first.runs.filter { $0.evaluation(on: classes) != nil }
      let isOnlyOne = measured.count == 1 || first.variant.method.isZeroShot
      let other = measured.first { $0.seed == run.seed } ?? (isOnlyOne ? measured.first : nil)
      guard let one = other?.evaluation(on: classes), let two = run.evaluation(on: classes) else { return nil }
      return (one, two)
    }
    guard pairs.count == second.runs.count else { return nil }
    self.init(of: pairs)
  }

  /// The interval as text, such as "+3.2 to +9.0".
  var intervalText: String { "\(lower.differenceText) to \(upper.differenceText)" }

  /// All p-values up to three, otherwise the smallest and the largest.
  var pText: String {
    guard pValues.count > 3, let least = pValues.min(), let most = pValues.max() else {
      return pValues.map(\.probabilityText).joined(separator: ", ")
    }
    return "\(least.probabilityText) to \(most.probabilityText)"
  }
}

extension SavedEvaluation {
  private var sorted: [Row] { predictions.sorted { ($0.file, $0.label) < ($1.file, $1.label) } }

  /// The images and their classes, in an order that does not depend on the dataset's.
  fileprivate var imagesInOrder: [[String]] { sorted.map { [$0.file, $0.label] } }

  /// Whether each of ``imagesInOrder`` was predicted correctly.
  fileprivate var rightInOrder: [Bool] { sorted.map(\.isRight) }
}
