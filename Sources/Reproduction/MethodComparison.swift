import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// A comparison of methods on a user's photos, for fixed classes and for new ones.
///
/// For fixed classes, every method learns all classes and predicts held-out photos of them. For new classes, every
/// method that supports others learns the first half of the classes and predicts photos of the second half, as in the
/// paper's base-to-new protocol. Both are a ``Reproduction`` in a folder of its own, so that a run is trained once, an
/// interrupted comparison resumes, and encoded photos are shared.
public struct MethodComparison: Sendable {
  /// The questions that a comparison answers.
  public enum Question: String, Sendable, CaseIterable {
    case fixed = "fixed-classes"
    case new = "new-classes"

    /// The classes of the test photos.
    var tested: ClassSubset { self == .fixed ? .all : .new }
    var kind: EvaluationProtocol { self == .fixed ? .crossDataset : .baseToNew }
  }

  /// The least number of classes for the second question: half of fewer leaves fewer than two new ones.
  static let leastClassesForNew = 4

  public let photos: Dataset
  let data: String
  let identity: ModelIdentity
  let seeds: [Int]
  let shots: Int
  let output: URL
  private var parts: [(question: Question, reproduction: Reproduction)]

  /// Reads the photos and checks that methods can be compared on them.
  ///
  /// - Throws: `DatasetError`, ``RunError`` and ``MethodComparisonError``.
  public static func photos(_ data: String, root: String? = nil, isRecursive: Bool = false) throws -> Dataset {
    let photos = try DataSource(data, root: root, isRecursive: isRecursive).load()
    guard !photos.isTestOnly else { throw DatasetError.testOnly(name: photos.name) }
    guard photos.classNames.count > 1 else {
      throw MethodComparisonError(
        problem: "\(data) has one class, '\(photos.classNames.first ?? "")', and there is nothing to tell it from",
        remedy: "Give photos of two classes or more")
    }
    for (part, split) in [("to learn from", Split.train), ("to test on", .test)] {
      let present = Set(photos.examples(in: split).map(\.label))
      guard let absent = photos.classNames.indices.first(where: { !present.contains($0) }) else { continue }
      throw MethodComparisonError(
        problem: "\(data) has no photo of '\(photos.classNames[absent])' \(part)",
        remedy: "Add photos of it: each class needs some to learn from and others to test on")
    }
    return photos
  }

  /// Checks that a folder can hold a comparison: it is new, empty, or has one.
  ///
  /// - Throws: ``MethodComparisonError``, or `WritingError`.
  public static func check(output: URL) throws {
    let contents = FileSystem.names(in: output.path)
    guard contents.isEmpty || contents.contains(Question.fixed.rawValue) else {
      throw MethodComparisonError(
        problem: "\(output.path) has other files in it and nothing of 'cocoop compare'",
        remedy: "Choose another --output")
    }
    try CreatedDirectories(upTo: output).removeEmpty()
  }

  /// Checks all existing runs before anything is computed.
  ///
  /// - Parameters:
  ///   - photos: what ``photos(_:root:isRecursive:)`` has read for `data` and `root`.
  ///   - methods: each once.
  /// - Throws: ``RunError`` where the folder holds runs with other settings; `WritingError`.
  public init(
    _ methods: [PromptLearning.Method], on photos: Dataset, data: String, root: String? = nil,
    isRecursive: Bool = false, model: String,
    seeds: [Int], shots: Int = 16, adjustment: TrainingAdjustment = TrainingAdjustment(),
    precision: Precision = .float32, photoDecoding: PhotoDecoding = .exact, clip: CLIPModel,
    identity: ModelIdentity, output: URL,
    within budget: MemoryBudget? = nil, cacheFolder: URL? = nil, limits: DecodingLimits = .standard
  ) throws {
    // The orientation that 'train' uses.
    let orientation = try DataSource(data, root: root).defaultOrientation
    (self.photos, self.data, self.identity, self.seeds) = (photos, data, identity, seeds)
    (self.shots, self.output) = (shots, output)
    try Self.check(output: output)
    parts = try Question.allCases.compactMap { question in
      let methods = question == .fixed ? methods : methods.filter(\.namesOtherClasses)
      guard question == .fixed || (photos.classNames.count >= Self.leastClassesForNew && !methods.isEmpty) else {
        return nil
      }
      // A transfer without targets is its source's own row: all classes, with their held-out photos.
      let comparison = try Comparison(
        question.kind, model: model, datasets: question == .fixed ? [] : [data], source: data, root: root,
        variants: methods.map { Variant($0) }, seeds: seeds, shots: shots, adjustment: adjustment,
        precision: precision, orientation: orientation, photoDecoding: photoDecoding, isRecursive: isRecursive)
      let reproduction = try Reproduction(
        comparison, clip: clip, identity: identity, output: output.appending(path: question.rawValue), within: budget,
        cacheFolder: cacheFolder, limits: limits)
      return (question, reproduction)
    }
  }

  /// The questions that can be answered with these photos and methods.
  public var questions: [Question] { parts.map(\.question) }

  /// A question's use of the photos, as one sentence.
  public func explanation(of question: Question) -> String {
    let count = photos.classNames.count
    let tested = question.tested.labels(of: count)
    let held = photos.test.count { tested.contains($0.label) }
    return switch question {
    case .fixed: "Fixed classes: learn all \(count) classes, name \(held) held-out photos of them."
    case .new:
      "New classes: learn the first \(count - tested.count) classes, name \(held) photos of the other \(tested.count)."
    }
  }

  /// Does every run that does not exist yet, and compares the methods.
  ///
  /// - Parameter progress: called often; it may throw to stop, and completed work is saved.
  /// - Throws: the errors of `progress`, `WritingError`, and ``RunError/incomparable(first:second:reason:)`` where the
  ///   photos have changed since a run was tested.
  public mutating func callAsFunction(
    progress: (Question, Reproduction.Progress) throws -> Void = { _, _ in }
  ) throws -> MethodComparisonResult {
    var answers: [Question: [MethodAnswers]] = [:]
    var failures: [TrialResult.Failure] = []
    for index in parts.indices {
      let question = parts[index].question
      let outcomes = try parts[index].reproduction { try progress(question, $0) }
      for failure in outcomes.flatMap(\.failures) where !failures.contains(failure) { failures.append(failure) }
      answers[question] = try parts[index].reproduction.answers(of: outcomes, on: question.tested)
    }
    return try MethodComparisonResult(
      self, fixed: answers[.fixed].flatMap { try QuestionResult(.fixed, $0, learned: photos.classNames.count) },
      new: answers[.new].flatMap {
        try QuestionResult(.new, $0, learned: ClassSubset.base.labels(of: photos.classNames.count).count)
      }, failures: failures)
  }

  /// Writes the result to `results.json` and `results.md`, each atomically.
  ///
  /// - Throws: `WritingError`.
  public func write(_ result: MethodComparisonResult) throws {
    _ = try CreatedDirectories(upTo: output.appending(path: Question.fixed.rawValue))
    try AtomicFile.write(
      JSONEncoder.readable.encode(result) + Data("\n".utf8), to: output.appending(path: "results.json"))
    try AtomicFile.write(Data(result.markdown.utf8), to: output.appending(path: "results.md"))
  }
}

/// Photos, or a folder, unsuitable for a comparison of methods.
public struct MethodComparisonError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?
}

/// The answers of one method's runs to the same photos, seed by seed.
package struct MethodAnswers {
  let method: PromptLearning.Method
  /// One evaluation for each seed; a method without training has one, which counts for every seed.
  let runs: [Run]

  package struct Run {
    let seed: Int
    /// The run's folder.
    let path: String
    let evaluation: SavedEvaluation
    /// The seconds of training and testing.
    let seconds: Double

    package init(seed: Int, path: String, evaluation: SavedEvaluation, seconds: Double) {
      (self.seed, self.path, self.evaluation, self.seconds) = (seed, path, evaluation, seconds)
    }
  }

  package init(method: PromptLearning.Method, runs: [Run]) { (self.method, self.runs) = (method, runs) }
}

extension Reproduction {
  /// The evaluations of finished trials on `classes`, method by method; a method without any is left out.
  fileprivate func answers(of outcomes: [TrialResult], on classes: ClassSubset) throws -> [MethodAnswers] {
    try comparison.variants.compactMap { variant in
      let runs = try outcomes.filter { $0.unit.variant == variant }.compactMap { outcome -> MethodAnswers.Run? in
        guard let test = outcome.unit.tests.first(where: { $0.classes == classes }), outcome.accuracies[test] != nil,
          let dataset = try shelved(test.dataset)?.dataset.get()
        else { return nil }
        let place = try place(of: outcome.unit, on: dataset)
        guard case .trained(_, _, let kept) = try place.state(),
          let evaluation = kept.first(of: test, on: dataset, in: outcome.unit.configuration.precision)
        else { return nil }
        return MethodAnswers.Run(
          seed: outcome.unit.seed, path: place.url.path, evaluation: evaluation, seconds: outcome.seconds)
      }
      return runs.isEmpty ? nil : MethodAnswers(method: variant.method, runs: runs)
    }
  }
}
