import ClassificationMetrics
import Foundation
import Images
import PromptLearning
import Runs
import Support

/// What a ``MethodComparison`` came to.
public struct MethodComparisonResult: Sendable, Encodable {
  /// As the command line named the photos and the model.
  public let data, model: String
  public let seeds: [Int]
  /// Photos of each class to learn from.
  public let shots: Int
  /// `nil` where no run could be measured.
  public let fixed: QuestionResult?
  /// `nil` with fewer than four classes, or where no method names others.
  public let new: QuestionResult?
  /// Why something is missing, each cause once.
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

  /// `results.md`.
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

/// How well methods name the same photos, and which of them is best. Accuracies are percentages.
public struct QuestionResult: Sendable, Encodable {
  /// Classes that were learned, and classes that were told apart.
  public let learnedClasses, classes: Int
  public let photos: Int
  /// In the order that was asked for.
  public let methods: [Score]
  public let verdict: Verdict

  /// One method.
  public struct Score: Sendable, Encodable {
    public let method: PromptLearning.Method
    public let seeds: [Int]
    /// The mean over the seeds.
    public let accuracy: Double
    /// The standard deviation over the seeds, of a sample; 0 with one seed.
    public let deviation: Double
    /// Where the mean would lie with other photos of the same kind: the percentile bootstrap over the photos.
    public let interval95: RunComparison.Interval
    /// The mean time of a run's training and testing.
    public let seconds: Double
  }

  /// The best method, held against each other one on the photos that both named.
  public struct Verdict: Sendable, Encodable {
    public let best: PromptLearning.Method
    /// Whether it is better than each other method by more than chance, with every seed.
    public let isSure: Bool
    /// In the order of their accuracy.
    public let others: [Difference]
    /// For people.
    public let sentence: String
  }

  /// The best method against another.
  public struct Difference: Sendable, Encodable {
    public let method: PromptLearning.Method
    /// The best method's accuracy less this one's, in points.
    public let difference: Double
    /// Photos that one of the two alone named rightly, in the mean over the seeds.
    public let onlyBest, onlyOther: Double
    /// Of McNemar's test on these numbers, rounded: a test with the photos of one seed, not with those of all.
    public let pValue: Double
    /// How many of the seeds that both have agree that the best is better.
    public let agreeingSeeds, seeds: Int

    /// Beyond chance in the photos, and not a matter of the seed.
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
  /// The evaluations of two methods with the same seed; one that learns nothing stands against every seed.
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
  /// Whether each photo was named rightly, in an order that does not depend on the dataset's.
  fileprivate var isRight: [Bool] { sorted.map(\.isRight) }
}
