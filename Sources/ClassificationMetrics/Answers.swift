import Foundation

/// A classifier's answers to N images and the right answers: everything that the metrics need.
public struct Answers: Sendable, Equatable {
  /// The number of classes, C.
  public let classes: Int
  /// The right classes, N indices below ``classes``.
  public let labels: [Int]
  /// The predicted classes, N indices below ``classes``; `nil` where the scores were not numbers, which is never right.
  public let predictions: [Int?]
  /// The probability of each answer, N values in 0…1; 0 where there is no answer.
  public let confidences: [Float]

  /// - Parameters: described at the properties; three arrays of one length.
  public init(labels: [Int], predictions: [Int?], confidences: [Float], classes: Int) {
    precondition(labels.count == predictions.count && labels.count == confidences.count, "one of each for an image")
    precondition(
      (labels + predictions.compactMap { $0 }).allSatisfy { (0..<classes).contains($0) }, "indices of classes")
    self.labels = labels
    self.predictions = predictions
    self.confidences = confidences
    self.classes = classes
  }

  /// The most probable class of each image; of equal ones the first, as argmax chooses.
  ///
  /// - Parameter logits: row-major, one row of `classes` for each label; their softmax is p(c | x).
  public init(logits: [Float], labels: [Int], classes: Int) {
    precondition(logits.count == labels.count * classes, "a row of scores for each label")
    var predictions: [Int?] = []
    var confidences: [Float] = []
    for image in labels.indices {
      let row = logits[image * classes..<(image + 1) * classes]
      let answer = Self.answer(row)
      predictions.append(answer?.class)
      confidences.append(answer?.probability ?? 0)
    }
    self.init(labels: labels, predictions: predictions, confidences: confidences, classes: classes)
  }

  /// - Returns: `nil` where a score is not a number, or there is none.
  private static func answer(_ row: ArraySlice<Float>) -> (class: Int, probability: Float)? {
    guard var best = row.indices.first, !row.contains(where: \.isNaN) else { return nil }
    for index in row.indices where row[index] > row[best] { best = index }
    let highest = Double(row[best])
    guard highest.isFinite else { return (best - row.startIndex, 1) }
    let sum = row.reduce(0.0) { $0 + exp(Double($1) - highest) }
    return (best - row.startIndex, Float(1 / sum))
  }

  /// The number of images, N.
  public var count: Int { labels.count }

  /// Whether each answer was right.
  public var isRight: [Bool] { zip(labels, predictions).map { $0 == $1 } }

  /// The share of right answers, in 0…1; 0 without images.
  public var accuracy: Double { count == 0 ? 0 : Double(isRight.count { $0 }) / Double(count) }

  /// The share of images whose right class is among the `k` highest scores, in 0…1; 0 without images.
  ///
  /// Among equal scores the first counts as higher. A score that is not a number counts against the image.
  public static func accuracy(amongTop k: Int, logits: [Float], labels: [Int], classes: Int) -> Double {
    guard !labels.isEmpty else { return 0 }
    let right = isAmongTop(k, logits: logits, labels: labels, classes: classes)
    return Double(right.count { $0 }) / Double(labels.count)
  }

  /// Whether each image's right class is among the `k` highest scores, as ``accuracy(amongTop:logits:labels:classes:)``
  /// counts them.
  public static func isAmongTop(_ k: Int, logits: [Float], labels: [Int], classes: Int) -> [Bool] {
    labels.enumerated().map { image, label in
      let row = logits[image * classes..<(image + 1) * classes]
      let own = row.startIndex + label
      return row.indices.count { !(row[$0] < row[own] || (row[$0] == row[own] && $0 >= own)) } < k
    }
  }
}
