import ClassificationMetrics
import Images
import Support

/// The accuracy of a classifier on images. Shares are percentages, as in the paper.
public struct Evaluation: Sendable, Codable, Equatable {
  public let accuracy: Double
  /// The interval of the accuracy with other images of the same kind, with 95 % confidence; `nil` without images.
  public let interval95: Interval?
  /// The share of images whose class is among the five most probable, or among all where there are fewer.
  public let top5: Double
  /// Whether ``top5`` is informative: among ten classes or fewer, five answers are nearly all.
  public var tellsTop5: Bool { classes > 10 }
  /// The mean of the F1 scores of the classes that have images.
  public let macroF1: Double
  /// The expected calibration error: the mean distance of an answer's probability from the share of right answers.
  public let ece: Double
  public let images: Int
  public let classes: Int
  /// The seconds that the predictions took, with encoding where it was done for this evaluation.
  public let seconds: Double
  public let perClass: [ClassAccuracy]
  /// The pairs of classes that were confused most often, at most ten.
  public let confused: [Confusion]
  /// The bins of which ``ece`` is the weighted mean: 15 ranges of equal width.
  public let calibration: [CalibrationBin]

  /// An interval from the percentile bootstrap over the images.
  public struct Interval: Sendable, Codable, Equatable {
    public let lower, upper: Double
    /// The number of resamples of the images; they are the same each time.
    public let resamples: Int
  }

  /// The figures of one class; 0 where a share would divide by 0.
  public struct ClassAccuracy: Sendable, Codable, Equatable {
    public let `class`: String
    /// The share of this class's images that are predicted correctly: its recall.
    public let accuracy: Double
    /// The share of predictions of this class that are right.
    public let precision: Double
    public let f1: Double
    public let images: Int
  }

  /// The number of images of one class that were predicted as another.
  public struct Confusion: Sendable, Codable, Equatable {
    public let `class`: String
    public let prediction: String
    public let images: Int
  }

  /// The answers whose probability is above `lower` and not above `upper`.
  public struct CalibrationBin: Sendable, Codable, Equatable {
    public let lower, upper: Double
    public let images: Int
    /// The mean probability; 0 without images.
    public let confidence: Double
    public let accuracy: Double
  }

  /// - Parameters:
  ///   - logits: row-major, one row of `classNames.count` for each label.
  ///   - labels: the true classes, indices into `classNames`.
  public init(logits: [Float], labels: [Int], classNames: [String], seconds: Double) {
    self.init(
      Answers(logits: logits, labels: labels, classes: classNames.count),
      top5: Answers.accuracy(amongTop: 5, logits: logits, labels: labels, classes: classNames.count),
      classNames: classNames, seconds: seconds)
  }

  /// - Parameters:
  ///   - top5: the share, in 0…1; it does not follow from the answers.
  ///   - classNames: the names by label, as many as the answers' classes.
  package init(_ answers: Answers, top5: Double, classNames: [String], seconds: Double) {
    accuracy = 100 * answers.accuracy
    let bootstrap = Bootstrap()
    var generator = SeededGenerator(seed: 1)
    interval95 = bootstrap.interval(ofMeanOf: answers.isRight.map { $0 ? 100 : 0 }, using: &generator).map {
      Interval(lower: $0.lowerBound, upper: $0.upperBound, resamples: bootstrap.resamples)
    }
    self.top5 = 100 * top5
    let confusion = ConfusionMatrix(answers)
    macroF1 = 100 * confusion.macroF1
    let calibration = Calibration(answers)
    ece = 100 * calibration.expectedError
    images = answers.count
    classes = answers.classes
    self.seconds = seconds
    perClass = zip(classNames, confusion.scores).map { name, scores in
      ClassAccuracy(
        class: name, accuracy: 100 * scores.recall, precision: 100 * scores.precision, f1: 100 * scores.f1,
        images: scores.images)
    }
    confused = confusion.mostConfused(10).map {
      Confusion(class: classNames[$0.pair.label], prediction: classNames[$0.pair.prediction], images: $0.images)
    }
    self.calibration = calibration.bins.map {
      CalibrationBin(
        lower: 100 * $0.lower, upper: 100 * $0.upper, images: $0.images, confidence: 100 * $0.confidence,
        accuracy: 100 * $0.accuracy)
    }
  }
}
