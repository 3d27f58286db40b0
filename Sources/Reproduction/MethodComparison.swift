import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// The question which method names a person's photos best, for the classes that she has and for classes named later.
///
/// For fixed classes, every method learns all classes and names held-out photos of them. For new classes, every method
/// that can name others learns the first half of the classes and names photos of the second half, as the paper's
/// base-to-new protocol does. Both are a ``Reproduction`` in a folder of its own, so that a run is trained once, an
/// interrupted comparison resumes, and encoded photos are shared.
public struct MethodComparison: Sendable {
  /// What is asked of the methods.
  public enum Question: String, Sendable, CaseIterable {
    case fixed = "fixed-classes"
    case new = "new-classes"

    /// The classes whose photos are named.
    var tested: ClassSubset { self == .fixed ? .all : .new }
    var kind: EvaluationProtocol { self == .fixed ? .crossDataset : .baseToNew }
  }

  /// Half of so few classes leaves fewer than two new ones to tell apart.
  static let leastClassesForNew = 4

  public let photos: Dataset
  let data: String
  let identity: ModelIdentity
  let seeds: [Int]
  let shots: Int
  let output: URL
  private var parts: [(question: Question, reproduction: Reproduction)]

  /// Reads the photos and makes sure that methods can be compared on them.
  ///
  /// - Throws: `DatasetError`, ``RunError`` and ``MethodComparisonError``.
  public static func photos(_ data: String, root: String? = nil) throws -> Dataset {
    let photos = try DataSource(data, root: root).load()
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

  /// Makes sure that a folder can take a comparison: it is new, empty, or has one.
  ///
  /// - Throws: ``MethodComparisonError``, or `WritingError`.
  public static func check(output: URL) throws {
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: output.path)) ?? []
    guard contents.isEmpty || contents.contains(Question.fixed.rawValue) else {
      throw MethodComparisonError(
        problem: "\(output.path) has other files in it and nothing of 'cocoop compare'",
        remedy: "Choose another --output")
    }
    try CreatedDirectories(upTo: output).removeEmpty()
  }

  /// Looks at everything that is there, before anything is computed.
  ///
  /// - Parameters:
  ///   - photos: what ``photos(_:root:)`` has read for `data` and `root`.
  ///   - methods: each once.
  /// - Throws: ``RunError`` where the folder holds runs with other settings; `WritingError`.
  public init(
    _ methods: [PromptLearning.Method], on photos: Dataset, data: String, root: String? = nil, model: String,
    seeds: [Int], shots: Int = 16, adjustment: TrainingAdjustment = TrainingAdjustment(),
    precision: Precision = .float32, photoDecoding: PhotoDecoding = .exact, clip: CLIPModel,
    identity: ModelIdentity, output: URL,
    within budget: MemoryBudget? = nil, cacheFolder: URL? = nil, limits: DecodingLimits = .standard
  ) throws {
    // As 'train' reads them.
    let orientation = try DataSource(data, root: root).defaultOrientation
    (self.photos, self.data, self.identity, self.seeds) = (photos, data, identity, seeds)
    (self.shots, self.output) = (shots, output)
    try Self.check(output: output)
    parts = try Question.allCases.compactMap { question in
      let methods = question == .fixed ? methods : methods.filter(\.namesOtherClasses)
      guard question == .fixed || (photos.classNames.count >= Self.leastClassesForNew && !methods.isEmpty) else {
        return nil
      }
      // A transfer without targets is its source's own row: all classes, and held-out photos of them.
      let comparison = try Comparison(
        question.kind, model: model, datasets: question == .fixed ? [] : [data], source: data, root: root,
        variants: methods.map { Variant($0) }, seeds: seeds, shots: shots, adjustment: adjustment,
        precision: precision, orientation: orientation, photoDecoding: photoDecoding)
      let reproduction = try Reproduction(
        comparison, clip: clip, identity: identity, output: output.appending(path: question.rawValue), within: budget,
        cacheFolder: cacheFolder, limits: limits)
      return (question, reproduction)
    }
  }

  /// The questions that can be answered with these photos and methods.
  public var questions: [Question] { parts.map(\.question) }

  /// What a question does with the photos, as one sentence.
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

  /// Does every run that is not there yet, and compares the methods.
  ///
  /// - Parameter progress: called often; it may throw to stop, and whatever is done by then is kept.
  /// - Throws: what `progress` throws, `WritingError`, and ``RunError/incomparable(first:second:reason:)`` where the
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

  /// Keeps the result as `results.json` and `results.md`, each whole.
  ///
  /// - Throws: `WritingError`.
  public func write(_ result: MethodComparisonResult) throws {
    _ = try CreatedDirectories(upTo: output.appending(path: Question.fixed.rawValue))
    try AtomicFile.write(
      JSONEncoder.readable.encode(result) + Data("\n".utf8), to: output.appending(path: "results.json"))
    try AtomicFile.write(Data(result.markdown.utf8), to: output.appending(path: "results.md"))
  }
}

/// Photos, or a folder, on which methods cannot be compared.
public struct MethodComparisonError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?
}

/// What the runs of one method answered to the same photos, seed by seed.
package struct MethodAnswers {
  let method: PromptLearning.Method
  /// One evaluation a seed; a method that learns nothing has one, which counts for every seed.
  let runs: [Run]

  package struct Run {
    let seed: Int
    /// Its folder.
    let path: String
    let evaluation: SavedEvaluation
    /// Of training and testing.
    let seconds: Double

    package init(seed: Int, path: String, evaluation: SavedEvaluation, seconds: Double) {
      (self.seed, self.path, self.evaluation, self.seconds) = (seed, path, evaluation, seconds)
    }
  }

  package init(method: PromptLearning.Method, runs: [Run]) { (self.method, self.runs) = (method, runs) }
}

extension Reproduction {
  /// The evaluations of finished units on `classes`, method by method; a method without any is left out.
  fileprivate func answers(of outcomes: [TrialResult], on classes: ClassSubset) throws -> [MethodAnswers] {
    try comparison.variants.compactMap { variant in
      let runs = try outcomes.filter { $0.unit.variant == variant }.compactMap { outcome -> MethodAnswers.Run? in
        guard let test = outcome.unit.tests.first(where: { $0.classes == classes }), outcome.accuracies[test] != nil,
          let dataset = try shelved(test.dataset)?.dataset.get()
        else { return nil }
        let place = try place(of: outcome.unit, on: dataset)
        guard case .trained(_, _, let kept) = try place.state(), let evaluation = kept.first(of: test, on: dataset)
        else { return nil }
        return MethodAnswers.Run(
          seed: outcome.unit.seed, path: place.url.path, evaluation: evaluation, seconds: outcome.seconds)
      }
      return runs.isEmpty ? nil : MethodAnswers(method: variant.method, runs: runs)
    }
  }
}
