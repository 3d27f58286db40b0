import ClassificationMetrics
import Support
import Testing

@Suite("The metrics are those of scikit-learn, scipy and numpy")
struct MetricsParityTests {
  static let recordings = Recordings.all
  static let tolerance = 1e-12
  /// The tolerance of probabilities, which are stored as 32-bit numbers.
  static let rounding = 1e-7

  private func answers(_ recorded: Recordings.Case) -> Answers {
    Answers(logits: recorded.scores, labels: recorded.labels, classes: recorded.classes)
  }

  private func close(_ found: [Double], _ expected: [Double], within tolerance: Double = tolerance) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance }
  }

  @Test("answers and their probabilities", arguments: recordings.cases)
  func answers(of recorded: Recordings.Case) {
    let answers = answers(recorded)
    #expect(answers.predictions == recorded.predictions)
    #expect(close(answers.confidences.map(Double.init), recorded.confidences, within: Self.rounding))
    #expect(abs(answers.accuracy - recorded.accuracy) <= Self.tolerance)
  }

  @Test("the share among the two and the five highest scores", arguments: recordings.cases)
  func topScores(of recorded: Recordings.Case) {
    for (k, expected) in [(2, recorded.top2), (5, recorded.top5)] {
      guard let expected else { continue }
      let found = Answers.accuracy(
        amongTop: k, logits: recorded.scores, labels: recorded.labels, classes: recorded.classes)
      #expect(abs(found - expected) <= Self.tolerance)
    }
  }

  @Test("the confusion matrix, and precision, recall and F1 of each class", arguments: recordings.cases)
  func confusion(of recorded: Recordings.Case) {
    let matrix = ConfusionMatrix(answers(recorded))
    let classes = 0..<recorded.classes
    #expect(classes.map { label in classes.map { matrix[label, $0] } } == recorded.confusion)
    #expect(matrix.scores.map(\.images) == recorded.images)
    #expect(close(matrix.scores.map(\.precision), recorded.precision))
    #expect(close(matrix.scores.map(\.recall), recorded.recall))
    #expect(close(matrix.scores.map(\.f1), recorded.f1))
    #expect(abs(matrix.macroF1 - recorded.macroF1) <= Self.tolerance)
  }

  @Test("the bins of the reliability diagram and the expected calibration error", arguments: recordings.cases)
  func calibration(of recorded: Recordings.Case) {
    let calibration = Calibration(answers(recorded), bins: Self.recordings.bins)
    let filled = calibration.bins.filter { $0.images > 0 }
    #expect(calibration.bins.map(\.images) == recorded.binImages)
    #expect(close(filled.map(\.accuracy), recorded.binAccuracies))
    #expect(close(filled.map(\.confidence), recorded.binConfidences, within: Self.rounding))
    #expect(abs(calibration.expectedError - recorded.ece) <= Self.rounding)
  }

  @Test("the interval is that of the binomial distribution, which draws only approach", arguments: recordings.cases)
  func interval(of recorded: Recordings.Case) throws {
    var generator = SeededGenerator(seed: 1)
    let right = answers(recorded).isRight.map { $0 ? 1.0 : 0 }
    let interval = try #require(Bootstrap().interval(ofMeanOf: right, using: &generator))
    let image = 1 / Double(recorded.labels.count) + Self.tolerance
    for expected in [recorded.interval, recorded.scipyInterval] {
      #expect(close([interval.lowerBound, interval.upperBound], expected, within: image))
    }
  }

  @Test("quantiles lie between two values as numpy's do")
  func quantiles() {
    let recorded = Self.recordings.quantiles
    let found = recorded.shares.map { Bootstrap.quantile($0, ofSorted: recorded.values) }
    #expect(close(found, recorded.expected))
  }

  @Test("McNemar's test, exact for few images and by χ² for many", arguments: recordings.mcnemar)
  func mcnemar(of recorded: Recordings.Counts) {
    let test = McNemarTest(onlyFirst: recorded.onlyFirst, onlySecond: recorded.onlySecond)
    #expect(abs(test.pValue - recorded.pValue) <= Self.tolerance)
    #expect(test.form == (recorded.onlyFirst + recorded.onlySecond < 25 ? .exact : .chiSquare))
  }
}
