/// The number of times each class was predicted as each: the counts from which accuracy, precision, recall and F1
/// follow.
///
/// Kept sparse: N images have at most N pairs, however many classes there are.
public struct ConfusionMatrix: Sendable, Equatable {
  /// A right class and a predicted class.
  public struct Pair: Sendable, Hashable {
    public let label: Int
    public let prediction: Int

    public init(label: Int, prediction: Int) {
      self.label = label
      self.prediction = prediction
    }
  }

  /// The number of classes, C.
  public let classes: Int
  /// The pairs that occur, with their counts.
  public let counts: [Pair: Int]
  /// The number of images by their right class, answered or not: C counts.
  public let images: [Int]
  /// The number of images by the predicted class: C counts.
  public let predicted: [Int]

  public init(_ answers: Answers) {
    classes = answers.classes
    var counts: [Pair: Int] = [:]
    var images = [Int](repeating: 0, count: classes)
    var predicted = images
    for (label, prediction) in zip(answers.labels, answers.predictions) {
      images[label] += 1
      guard let prediction else { continue }
      predicted[prediction] += 1
      counts[Pair(label: label, prediction: prediction), default: 0] += 1
    }
    (self.counts, self.images, self.predicted) = (counts, images, predicted)
  }

  /// The number of images of `label` that were predicted as `prediction`.
  public subscript(label: Int, prediction: Int) -> Int { counts[Pair(label: label, prediction: prediction)] ?? 0 }

  /// The scores of one class. Shares are in 0…1, and 0 where they would divide by 0.
  public struct ClassScores: Sendable, Equatable {
    /// The number of this class's images.
    public let images: Int
    /// The share of predictions of this class that are right.
    public let precision: Double
    /// The share of this class's images that are predicted correctly: its accuracy.
    public let recall: Double
    /// The harmonic mean of precision and recall.
    public let f1: Double
  }

  /// The scores of each class: C of them.
  public var scores: [ClassScores] {
    func share(_ part: Int, of whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
    return (0..<classes).map { label in
      let right = self[label, label]
      return ClassScores(
        images: images[label], precision: share(right, of: predicted[label]), recall: share(right, of: images[label]),
        f1: share(2 * right, of: images[label] + predicted[label]))
    }
  }

  /// The mean F1 of the classes that have images, in 0…1; 0 without images.
  public var macroF1: Double {
    let present = scores.filter { $0.images > 0 }.map(\.f1)
    return present.isEmpty ? 0 : present.reduce(0, +) / Double(present.count)
  }

  /// The pairs of different classes that occur most often, the most frequent first; equally frequent ones by label.
  public func mostConfused(_ count: Int) -> [(pair: Pair, images: Int)] {
    let wrong = counts.filter { $0.key.label != $0.key.prediction }.map { (pair: $0.key, images: $0.value) }
    let ranked = wrong.sorted {
      ($1.images, $0.pair.label, $0.pair.prediction) < ($0.images, $1.pair.label, $1.pair.prediction)
    }
    return Array(ranked.prefix(count))
  }
}
