import Explanations
import Torch

/// How near a ``FastClassifier`` comes to the exact one, measured on images that nothing was learned from.
public struct FastAgreement: Sendable, Hashable, Codable {
  public let images: Int
  /// K: the classes of each image that were computed exactly.
  public let exactClasses: Int
  /// The share of images with the same most probable class, in percent.
  public let top1: Double
  /// The share of the five most probable classes that are among the fast five, in percent.
  public let top5: Double
  /// The largest difference of any class's probability: the mean over the images, and the largest of all.
  public let meanDifference: Double
  public let largestDifference: Double

  /// Below it, the approximation is not offered.
  public static let leastTop1 = 98.0
  /// Above it, the approximation is not offered.
  public static let greatestMeanDifference = 0.02

  public var isGoodEnough: Bool { top1 >= Self.leastTop1 && meanDifference <= Self.greatestMeanDifference }

  /// - Parameter imageEmbeddings: `[B, E]`, of at least one image.
  public init(of fast: FastClassifier, on imageEmbeddings: Tensor, within budget: MemoryBudget = .automatic) throws {
    let classes = fast.classNames.count
    func rows(_ classifier: some ImageClassifier) throws -> [[Float]] {
      try classifier.logits(ofEmbeddings: imageEmbeddings, within: budget).softmax().floats().split(every: classes)
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
