import CLIP
import Support
import Torch

/// A classifier whose answers can be approximated near the cost of zero-shot CLIP; CoCoOp's is one.
public protocol FastAnswering: ImageClassifier {
  /// The statistics of the codes around which its class features are expanded.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows, of training images.
  func codeStatistics(of imageFeatures: Tensor) throws -> CodeStatistics

  /// The preparation of the fast classifier, in passes within `budget` each.
  ///
  /// - Throws: `LearningError/codeWidth(expected:means:deviations:)` for codes of other prompts.
  func fastPreparation(
    around codes: CodeStatistics, exactClasses: Int, within budget: MemoryBudget
  ) throws -> FastPreparation
}

extension FastAnswering {
  /// The fast classifier, whose expansion takes two passes over the classes for each component of a code, and one more.
  public func fastClassifier(
    around codes: CodeStatistics, exactClasses: Int = FastClassifier.standardExactClasses,
    within budget: MemoryBudget = .automatic
  ) throws -> FastClassifier {
    var preparation = try fastPreparation(around: codes, exactClasses: exactClasses, within: budget)
    while true {
      if let made = try preparation.advance() { return made }
    }
  }
}

extension Classifier: FastAnswering where Learner == ConditionalPrompts {
  public func codeStatistics(of imageFeatures: Tensor) throws -> CodeStatistics {
    try CodeStatistics(of: imageFeatures, for: learner)
  }

  public func fastPreparation(
    around codes: CodeStatistics, exactClasses: Int, within budget: MemoryBudget
  ) throws -> FastPreparation {
    try FastPreparation(self, around: codes, exactClasses: exactClasses, within: budget)
  }
}

/// The agreement of a ``FastClassifier`` with the exact one, measured on held-out images.
public struct FastAgreement: Sendable, Hashable, Codable {
  public let images: Int
  /// K: the number of an image's classes that were computed exactly.
  public let exactClasses: Int
  /// The share of images with the same most probable class, in percent.
  public let top1: Double
  /// The share of the five most probable classes that are among the fast five, in percent.
  public let top5: Double
  /// The largest difference of any class's probability: the mean over the images, and the largest of all.
  public let meanDifference: Double
  public let largestDifference: Double

  /// The least ``top1`` with which the approximation is offered.
  public static let leastTop1 = 98.0
  /// The greatest ``meanDifference`` with which the approximation is offered.
  public static let greatestMeanDifference = 0.02

  public var isGoodEnough: Bool { top1 >= Self.leastTop1 && meanDifference <= Self.greatestMeanDifference }

  /// - Parameter imageEmbeddings: `[B, E]`, of at least one image.
  /// - Throws: ``LearningError`` where probabilities are not numbers.
  public init(of fast: FastClassifier, on imageEmbeddings: Tensor, within budget: MemoryBudget = .automatic) throws {
    let classes = fast.classNames.count
    func rows(_ classifier: some ImageClassifier) throws -> [[Float]] {
      try classifier.finiteProbabilities(ofEmbeddings: imageEmbeddings, within: budget).map(Array.init)
    }
    let pairs = try zip(rows(fast.exact), rows(fast)).map { Pair(exact: $0, fast: $1) }
    let count = Double(pairs.count)
    images = pairs.count
    exactClasses = fast.exactClasses
    top1 = 100 * Double(pairs.count(where: \.isSame)) / count
    top5 = 100 * Double(pairs.map(\.shared).reduce(0, +)) / (count * Double(min(5, classes)))
    meanDifference = pairs.map(\.difference).reduce(0, +) / count
    largestDifference = pairs.map(\.difference).max() ?? 0
  }
}

/// The probabilities of one image, exact and approximated.
private struct Pair {
  let isSame: Bool
  let shared: Int
  let difference: Double

  init(exact: [Float], fast: [Float]) {
    let (best, fastBest) = (Self.ranked(exact), Self.ranked(fast))
    isSame = best.first == fastBest.first
    shared = Set(best.prefix(5)).intersection(fastBest.prefix(5)).count
    difference = Double(zip(exact, fast).map { abs($0 - $1) }.max() ?? 0)
  }

  /// Labels, the most probable first.
  private static func ranked(_ row: [Float]) -> [Int] {
    row.indices.sorted { (row[$1], $0) < (row[$0], $1) }
  }
}

/// The preparation of a ``FastClassifier``, one pass over its classes at a time, so that the caller can do other work
/// between passes.
public struct FastPreparation: Sendable {
  private let exact: Classifier<ConditionalPrompts>
  private let codes: CodeStatistics
  private let exactClasses: Int
  private let plan: MicrobatchPlan<ConditionalPrompts>
  private let axes: [Int]
  private var terms: [Tensor] = []  // [C, E] each: the features at the typical code, then the slopes of each axis
  /// The features at the upper end of an axis; its lower end comes next.
  private var above: Tensor?

  /// - Throws: `LearningError/codeWidth(expected:means:deviations:)` for codes of other prompts.
  public init(
    _ exact: Classifier<ConditionalPrompts>, around codes: CodeStatistics,
    exactClasses: Int = FastClassifier.standardExactClasses, within budget: MemoryBudget = .automatic
  ) throws {
    try codes.check(for: exact.clip)
    self.exact = exact
    self.codes = codes
    self.exactClasses = exactClasses
    plan = try MicrobatchPlan(for: exact.learner, within: budget, isTraining: false, on: exact.clip.device)
    axes = codes.axes
  }

  /// The number of passes that are left; before the first, two for each axis and one more.
  public var passesLeft: Int {
    terms.isEmpty ? 2 * axes.count + 1 : 2 * (axes.count + 1 - terms.count) - (above == nil ? 0 : 1)
  }

  /// Makes one pass, of which at least one must be left.
  ///
  /// - Returns: the classifier, after the last pass.
  public mutating func advance() throws -> FastClassifier? {
    precondition(passesLeft > 0, "The classifier was made already")
    if terms.isEmpty {
      terms = [try features(at: codes.means)]
    } else {
      let axis = axes[terms.count - 1]
      if let above {
        terms.append(try (above - features(at: codes.shifted(along: axis, by: -1))) * 0.5)
        self.above = nil
      } else {
        above = try features(at: codes.shifted(along: axis, by: 1))
      }
    }
    guard passesLeft == 0 else { return nil }
    return FastClassifier(exact, exactClasses: exactClasses, by: try TaylorExpansion(terms: terms, around: codes))
  }

  /// - Returns: `[C, E]`, unit rows.
  private func features(at code: [Float]) throws -> Tensor {
    let row = try Tensor(code, shape: [1, code.count]).on(exact.clip.device)
    let parts = try plan.parts.map { try $0.classFeatures(atCodes: row) }
    return try Tensor.concatenated(parts, axis: 1).reshaped([exact.classNames.count, -1])
  }
}
