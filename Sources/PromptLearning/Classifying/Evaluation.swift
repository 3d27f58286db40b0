/// How well a classifier names images. Shares are percentages, as in the paper.
public struct Evaluation: Sendable, Codable, Equatable {
  public let accuracy: Double
  /// The share of images whose class is among the five most probable, or among all where there are fewer.
  public let top5: Double
  /// The mean of the F1 scores of the classes that have images.
  public let macroF1: Double
  public let images: Int
  public let classes: Int
  /// Of naming the images; encoding included where it was done for this evaluation.
  public let seconds: Double
  public let perClass: [ClassAccuracy]

  public struct ClassAccuracy: Sendable, Codable, Equatable {
    public let `class`: String
    /// Of this class's images, in percent; 0 where it has none.
    public let accuracy: Double
    public let images: Int
  }

  /// - Parameters:
  ///   - logits: row-major, one row of `classNames.count` for each label.
  ///   - labels: the true classes, indices into `classNames`.
  public init(logits: [Float], labels: [Int], classNames: [String], seconds: Double) {
    let count = classNames.count
    var tally = Tally(classes: count)
    for (image, label) in labels.enumerated() {
      tally.add(scores: logits[image * count..<(image + 1) * count], label: label)
    }
    func percent(_ part: Int, of whole: Int) -> Double { whole == 0 ? 0 : 100 * Double(part) / Double(whole) }
    accuracy = percent(tally.correct.reduce(0, +), of: labels.count)
    top5 = percent(tally.amongFive, of: labels.count)
    let f1 = (0..<count).filter { tally.images[$0] > 0 }.map { label in
      2 * Double(tally.correct[label]) / Double(tally.images[label] + tally.predicted[label])
    }
    macroF1 = f1.isEmpty ? 0 : 100 * f1.reduce(0, +) / Double(f1.count)
    images = labels.count
    classes = count
    self.seconds = seconds
    perClass = classNames.enumerated().map { label, name in
      ClassAccuracy(
        class: name, accuracy: percent(tally.correct[label], of: tally.images[label]), images: tally.images[label])
    }
  }

  private struct Tally {
    var correct: [Int]
    var predicted: [Int]
    var images: [Int]
    var amongFive = 0

    init(classes: Int) {
      correct = [Int](repeating: 0, count: classes)
      (predicted, images) = (correct, correct)
    }

    /// The prediction is the first of the largest scores; an image is among the five if fewer than five scores are
    /// larger than its class's, or equal and before it. A score that is not a number counts against the image.
    mutating func add(scores: ArraySlice<Float>, label: Int) {
      let row = Array(scores)
      let before = row.indices.count { !(row[$0] < row[label] || (row[$0] == row[label] && $0 >= label)) }
      let prediction = row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0
      images[label] += 1
      predicted[prediction] += 1
      if before == 0 { correct[label] += 1 }
      if before < 5 { amongFive += 1 }
    }
  }
}
