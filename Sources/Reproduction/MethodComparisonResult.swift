import ClassificationMetrics
import Foundation
import Images
import PromptLearning
import Runs
import Support

/// The result of a ``MethodComparison``.
public struct MethodComparisonResult: Sendable, Encodable {
  /// The photos and the model, as named on the command line.
  public let data, model: String
  public let seeds: [Int]
  /// The number of training photos of each class.
  public let shots: Int
  /// The result for fixed classes; `nil` where no run could be evaluated.
  public let fixed: QuestionResult?
  /// The result for new classes; `nil` with fewer than four classes, or where no method supports others.
  public let new: QuestionResult?
  /// The reasons for missing parts, each cause once.
  public let failures: [Failure]
  private let hasQuestionOfNew: Bool

  public struct Failure: Sendable, Encodable { public let subject, reason: String }

  private enum CodingKeys: CodingKey { case data, model, seeds, shots, fixed, new, failures }

  init(
    _ comparison: MethodComparison, fixed: QuestionResult?, new: QuestionResult?, failures: [TrialResult.Failure]
  ) {
    (data, model, seeds, shots) = (comparison.data, comparison.identity.name, comparison.seeds, comparison.shots)
    (self.fixed, self.new) = (fixed, new)
    self.failures = failures.map { Failure(subject: $0.subject, reason: $0.reason) }
    hasQuestionOfNew = comparison.questions.contains(.new)
  }

  public var isComplete: Bool { failures.isEmpty }

  /// The table, and the winner of each question.
  public var text: String { ([table.description, ""] + lines).joined(separator: "\n") }

  /// The content of `results.md`.
  var markdown: String {
    "# Methods on \(data)\n\n\(model), \(shots) shots, seeds \(seeds.map(String.init).joined(separator: ", ")).\n\n"
      + "\(table.markdown)\n\n" + lines.map { "* \($0)\n" }.joined()
  }

  private var lines: [String] {
    let newSentence =
      new?.verdict.sentence
      ?? (hasQuestionOfNew
        ? nil : "New classes were not tested: that needs four classes or more, and a method that names others.")
    let seedNote =
      seeds.count == 1
      ? "One seed does not show how much another would differ: --seeds 1,2,3 does."
      : "±: standard deviation over the seeds. p: McNemar's test over the photos, for the mean of the seeds."
    return [fixed?.verdict.sentence, newSentence].compactMap { $0 }
      + ["95 %: where the accuracy would lie with other photos of the same kind. " + seedNote]
      + failures.map { "\($0.subject) failed: \($0.reason)" }
  }

  private var table: TextTable {
    let methods = (fixed?.methods ?? []).map(\.method) + (new?.methods ?? []).map(\.method)
    var seen: Set<PromptLearning.Method> = []
    let rows = methods.filter { seen.insert($0).inserted }.map { method in
      let (own, others) = (fixed?.score(of: method), new?.score(of: method))
      return [method.title] + cells(of: own) + (hasQuestionOfNew ? cells(of: others) : [])
        + [FigureText.text((own ?? others)?.seconds)]
    }
    return TextTable(
      header: ["method", "fixed", "95 %"] + (hasQuestionOfNew ? ["new", "95 %"] : []) + ["seconds"], rows: rows,
      wordColumns: 1)
  }

  private func cells(of score: QuestionResult.Score?) -> [String] {
    guard let score else { return ["–", "–"] }
    return [
      FigureText.text(score.accuracy, spread: score.seeds.count > 1 ? score.deviation : nil),
      String(format: "%.1f–%.1f", score.interval95.lower, score.interval95.upper),
    ]
  }
}

/// The accuracies of methods on the same photos, and the best of them. Accuracies are percentages.
public struct QuestionResult: Sendable, Encodable {
  /// The numbers of learned classes, and of classes in the test.
  public let learnedClasses, classes: Int
  public let photos: Int
  /// The scores in the order of the request.
  public let methods: [Score]
  public let verdict: Verdict

  /// The score of one method.
  public struct Score: Sendable, Encodable {
    public let method: PromptLearning.Method
    public let seeds: [Int]
    /// The mean over the seeds.
    public let accuracy: Double
    /// The sample standard deviation over the seeds; 0 with one seed.
    public let deviation: Double
    /// The interval of the mean with other photos of the same kind: the percentile bootstrap over the photos.
    public let interval95: RunComparison.Interval
    /// The mean time of a run's training and testing.
    public let seconds: Double
  }

  /// The best method, compared with each other one on the photos that both predicted.
  public struct Verdict: Sendable, Encodable {
    public let best: PromptLearning.Method
    /// Whether it is better than each other method by more than chance, with every seed.
    public let isSure: Bool
    /// The other methods in the order of their accuracy.
    public let others: [Difference]
    /// The verdict as a sentence for people.
    public let sentence: String
  }

  /// The difference between the best method and another.
  public struct Difference: Sendable, Encodable {
    public let method: PromptLearning.Method
    /// The best method's accuracy minus this one's, in points.
    public let difference: Double
    /// The numbers of photos that only the best method predicts correctly, and that only the other does; means over the
    /// seeds.
    public let onlyBest, onlyOther: Double
    /// The p-value of McNemar's test on these numbers, rounded: a test with the photos of one seed, not of all.
    public let pValue: Double
    /// The number of common seeds with which the best method is better, and the number of all common seeds.
    public let agreeingSeeds, seeds: Int

    /// Whether the difference is more than chance in the photos, and independent of the seed.
    public var isSure: Bool { pValue < 0.05 && agreeingSeeds == seeds }
  }

  /// - Returns: `nil` without answers.
  /// - Throws: ``RunError/incomparable(first:second:reason:)``.
  package init?(_ question: MethodComparison.Question, _ answers: [MethodAnswers], learned: Int) throws {
    guard let first = answers.first?.runs.first else { return nil }
    for run in answers.flatMap(\.runs) {
      guard let reason = first.evaluation.difference(from: run.evaluation) else { continue }
      throw RunError.incomparable(
        first: first.path, second: run.path, reason: "they were tested on other photos: \(reason)")
    }
    learnedClasses = learned
    classes = first.evaluation.classNames.count
    photos = first.evaluation.predictions.count
    methods = answers.map(Score.init)
    let ranked = answers.sorted { Score($0).accuracy > Score($1).accuracy }
    let others = ranked.dropFirst().map { Difference(of: ranked[0], from: $0) }
    verdict = Verdict(question, best: Score(ranked[0]), others, photos: photos)
  }

  func score(of method: PromptLearning.Method) -> Score? { methods.first { $0.method == method } }
}

extension QuestionResult.Score {
  fileprivate init(_ answers: MethodAnswers) {
    let accuracies = answers.runs.map(\.evaluation.evaluation.accuracy)
    let right = answers.runs.map(\.evaluation.isRight)
    let shares = (right.first ?? []).indices.map { photo in
      100 * Double(right.count { $0[photo] }) / Double(right.count)
    }
    let bootstrap = Bootstrap()
    var generator = SeededGenerator(seed: 1)
    let interval = bootstrap.interval(ofMeanOf: shares, using: &generator) ?? 0...0
    self.init(
      method: answers.method, seeds: answers.runs.map(\.seed), accuracy: accuracies.mean,
      deviation: accuracies.deviation,
      interval95: .init(lower: interval.lowerBound, upper: interval.upperBound, resamples: bootstrap.resamples),
      seconds: answers.runs.map(\.seconds).mean)
  }
}

extension QuestionResult.Difference {
  fileprivate init(of best: MethodAnswers, from other: MethodAnswers) {
    let pairs = best.pairs(with: other)
    let counts = pairs.map { McNemarTest(first: $0.isRight, second: $1.isRight) }
    let (onlyBest, onlyOther) = (counts.map { Double($0.onlyFirst) }.mean, counts.map { Double($0.onlySecond) }.mean)
    let test = McNemarTest(onlyFirst: Int(onlyBest.rounded()), onlySecond: Int(onlyOther.rounded()))
    self.init(
      method: other.method,
      difference: pairs.map { $0.evaluation.accuracy - $1.evaluation.accuracy }.mean,
      onlyBest: onlyBest, onlyOther: onlyOther, pValue: test.pValue,
      agreeingSeeds: counts.count { $0.onlyFirst > $0.onlySecond }, seeds: pairs.count)
  }
}

extension MethodAnswers {
  /// The evaluations of two methods with the same seed; one without training is compared with every seed.
  fileprivate func pairs(with other: MethodAnswers) -> [(SavedEvaluation, SavedEvaluation)] {
    runs.flatMap { run in
      other.runs.filter { method.isZeroShot || other.method.isZeroShot || $0.seed == run.seed }
        .map { (run.evaluation, $0.evaluation) }
    }
  }
}

extension QuestionResult.Verdict {
  fileprivate init(
    _ question: MethodComparison.Question, best: QuestionResult.Score, _ others: [QuestionResult.Difference],
    photos: Int
  ) {
    let isSure = !others.isEmpty && others.allSatisfy(\.isSure)
    let subject = question == .fixed ? "these classes" : "new classes"
    let sentence: String
    if let nearest = others.first {
      let unsure = others.filter { !$0.isSure }.map { other in
        let seeds = other.pValue < 0.05 ? ", better with \(other.agreeingSeeds) of \(other.seeds) seeds" : ""
        let accuracy = Self.points(best.accuracy - other.difference)
        return "\(other.method.title) (\(accuracy) %, \(Self.p(other.pValue))\(seeds))"
      }
      sentence =
        isSure
        ? "\(best.method.title.capitalizedFirst) is best for \(subject): \(Self.points(best.accuracy)) %, "
          + "\(Self.points(nearest.difference)) points above \(nearest.method.title) "
          + "(\(Self.p(nearest.pValue)), \(photos) photos)."
        : "No method is surely best for \(subject): \(best.method.title) leads with \(Self.points(best.accuracy)) %, and "
          + "\(photos) photos do not tell it from \(unsure.joined(separator: ", "))."
    } else {
      sentence =
        "For \(subject), \(best.method.title) alone was measured: \(Self.points(best.accuracy)) % of \(photos) photos."
    }
    self.init(best: best.method, isSure: isSure, others: others, sentence: sentence)
  }

  private static func points(_ number: Double) -> String { String(format: "%.1f", number) }

  private static func p(_ value: Double) -> String {
    value < 0.001 ? "p < 0.001" : "p = " + String(format: value < 0.1 ? "%.3f" : "%.2f", value)
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

extension SavedEvaluation {
  /// Whether each photo was predicted correctly, in an order that does not depend on the dataset's.
  fileprivate var isRight: [Bool] { sorted.map(\.isRight) }
}
