import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support

/// Runs a comparison's trials in a folder that any number of processes share: each trial is done by one of them, and
/// completed ones are reused.
public struct Reproduction: Sendable {
  public let comparison: Comparison
  public let units: [Trial]
  public let output: URL
  let clip: CLIPModel
  let runner: TrialRunner
  private let layout: Layout
  /// The part of the trials that this process does; `nil` for whatever no other process is doing.
  public let shard: Shard?
  private var bench: EncodedTestSets

  /// The locations of the trials' runs.
  public enum Layout: Sendable {
    /// `units/DATASET/METHOD-seedN`, where finished trials are kept.
    case units
    /// `METHOD-seedN`, each replacing an earlier run: for one dataset.
    case flat
  }

  /// The progress of the trials.
  public enum Progress: Sendable {
    case encoding(dataset: String, done: Int, of: Int)
    case training(Trial, TrainingProgress)
    /// `number` of the trials are now done; `isNew` if this process has done this one.
    case finished(TrialResult, number: Int, of: Int, isNew: Bool)
    /// Other processes are doing the remaining trials.
    case waiting(units: Int)
  }

  /// Checks all existing runs before anything is computed.
  ///
  /// - Parameter shard: the part of the trials that this process does alone, so that no locks are needed: every n-th of
  ///   them, since those of one dataset take about equally long.
  /// - Throws: ``RunError`` where the folder holds something else, or another run at a trial's location; `WritingError`
  ///   where nothing can be written.
  public init(
    _ comparison: Comparison, clip: CLIPModel, identity: ModelIdentity, output: URL, layout: Layout = .units,
    within budget: MemoryBudget? = nil, cacheFolder: URL? = nil, limits: DecodingLimits = .standard,
    shard: Shard? = nil
  ) throws {
    self.comparison = comparison
    self.clip = clip
    self.output = output
    self.layout = layout
    self.shard = shard
    units = comparison.units.enumerated().filter { shard?.takes($0.offset) ?? true }.map(\.element)
    runner = TrialRunner(clip: clip, identity: identity, budget: budget, cacheFolder: cacheFolder, limits: limits)
    let cache = cacheFolder.map { FeatureCache(folder: $0, model: identity.sha256) }
    let reading = PhotoReading(
      limits: limits, orientation: comparison.orientation, decoding: comparison.photoDecoding)
    bench = EncodedTestSets(clip, cache: cache, reading: reading)
    if layout == .units { try Self.check(output: output) }
    for unit in units { try checkPlace(of: unit) }
  }

  /// Checks that a folder can hold a comparison: it is new, empty, or has one.
  ///
  /// - Throws: ``ReproductionError/noComparison(path:)``, or `WritingError`.
  public static func check(output: URL) throws {
    let contents = FileSystem.names(in: output.path)
    guard contents.isEmpty || contents.contains("units") else {
      throw ReproductionError.noComparison(path: output.path)
    }
    try CreatedDirectories(upTo: output).removeEmpty()
  }

  private func checkPlace(of unit: Trial) throws {
    guard case .success(let dataset)? = shelved(unit.dataset)?.dataset else { return }
    do {
      let place = try place(of: unit, on: dataset)
      if layout == .units { _ = try place.state() }
      _ = try RunFolder(creating: place.url, existing: .replace)
    } catch let error as RunError {
      // A different run must not be mistaken for this one; a broken one is reported at its trial's turn.
      if error.kind == .otherSetting { throw error }
    } catch let error as LearningError {
      if error.kind == .otherModel { throw error }
    } catch is DatasetError {}
  }

  func shelved(_ title: String) -> ComparisonDataset? {
    (comparison.sources + comparison.datasets).first { $0.title == title }
  }

  func place(of unit: Trial, on dataset: Dataset) throws -> TrialFolder {
    let path = layout == .units ? "units/\(unit.path)" : unit.folderName
    return TrialFolder(
      unit: unit, url: output.appending(path: path),
      classNames: try dataset.subset(unit.configuration.classes).classNames, identity: runner.identity)
  }

  /// Runs every trial that no process has done or is doing, waits for those of others, and returns all results.
  ///
  /// - Parameter progress: called often; it may throw to stop, and completed work is saved.
  /// - Returns: a result for each of ``units``, which are those of the shard where there is one.
  /// - Throws: the errors of `progress`, and `WritingError`; faults of a trial's data are part of its result.
  public mutating func callAsFunction(progress: (Progress) throws -> Void = { _ in }) throws -> [TrialResult] {
    var outcomes: [Int: TrialResult] = [:]
    while outcomes.count < units.count {
      let before = outcomes.count
      for index in units.indices where outcomes[index] == nil {
        do {
          let (outcome, isNew) = try outcome(of: units[index], progress: progress)
          outcomes[index] = outcome
          try progress(.finished(outcome, number: outcomes.count, of: units.count, isNew: isNew))
        } catch let error as RunError where error.isInUse {
          continue
        }
      }
      guard outcomes.count == before, before < units.count else { continue }
      try progress(.waiting(units: units.count - before))
      // Several processes may end, on machines that share no more than a file system: their locks are asked for in
      // turns, since a call that waits for one of them would see neither the others nor Ctrl-C.
      Thread.sleep(forTimeInterval: 0.5)
    }
    return units.indices.compactMap { outcomes[$0] }
  }

  /// - Throws: ``RunError/inUse(path:)`` while another process runs the trial.
  private mutating func outcome(
    of unit: Trial, progress: (Progress) throws -> Void
  ) throws -> (TrialResult, isNew: Bool) {
    guard let source = shelved(unit.dataset) else { return (failed(unit, unit.title, "It has no dataset"), false) }
    do {
      let place = try place(of: unit, on: source.dataset.get())
      if layout == .units, let outcome = try finishedOutcome(of: place) { return (outcome, false) }
      let lock = try place.lock(isRequired: shard == nil)
      defer { lock.release() }
      // Another process may have finished between the two checks.
      if layout == .units, let outcome = try finishedOutcome(of: place) { return (outcome, false) }
      let (folder, classifier, seconds, kept) = try runner.trained(
        place, on: source.dataset.get(), isReplacing: layout == .flat, needsLocks: shard == nil
      ) { try progress(.training(unit, $0)) }
      return (try tested(classifier, of: unit, in: folder, after: seconds, kept, progress: progress), true)
    } catch let error as any UserFacingError {
      if let cause = error.stopping { throw cause }
      return (failed(unit, error is UnusableData ? source.title : unit.title, error.explanation), false)
    }
  }

  /// The result of a trial with all its training and tests done; `nil` where something is left to do.
  func finishedOutcome(of place: TrialFolder) throws -> TrialResult? {
    guard case .trained(_, let seconds, let kept) = try place.state() else { return nil }
    var found: [Trial.Test: SavedEvaluation] = [:]
    for test in place.unit.tests {
      guard case .success(let dataset)? = shelved(test.dataset)?.dataset,
        let evaluation = kept.first(of: test, on: dataset, in: place.unit.configuration.precision)
      else { return nil }
      found[test] = evaluation
    }
    return TrialResult(place.unit, found, trainingSeconds: seconds, failures: [])
  }

  private mutating func tested(
    _ classifier: any ImageClassifier, of unit: Trial, in folder: RunFolder, after seconds: Double,
    _ kept: [SavedEvaluation], progress: (Progress) throws -> Void
  ) throws -> TrialResult {
    var found: [Trial.Test: SavedEvaluation] = [:]
    var failures: [TrialResult.Failure] = []
    for test in unit.tests {
      guard let shelved = shelved(test.dataset) else { continue }
      do {
        let dataset = try shelved.dataset.get()
        if let evaluation = kept.first(of: test, on: dataset, in: unit.configuration.precision) {
          found[test] = evaluation
          continue
        }
        let images = try bench.images(of: dataset, titled: test.dataset, classes: test.classes, seenBy: classifier) {
          try progress(.encoding(dataset: test.dataset, done: $0, of: dataset.test.count))
        }
        let evaluation = try images.evaluation(of: classifier, within: runner.budget ?? .automatic)
        try folder.keep(evaluation)
        found[test] = evaluation
      } catch let error as any UserFacingError {
        if let cause = error.stopping { throw cause }
        failures.append(TrialResult.Failure(subject: test.dataset, reason: error.explanation))
      }
    }
    return TrialResult(unit, found, trainingSeconds: seconds, failures: failures)
  }

  /// Writes the table to `results.json` and `results.md`, each atomically.
  ///
  /// - Throws: `WritingError`.
  public func write(_ result: ComparisonSummary, _ text: ComparisonText) throws {
    // There are no trials where no data could be used; the folder belongs to this comparison all the same.
    _ = try CreatedDirectories(upTo: output.appending(path: "units"))
    try AtomicFile.write(
      JSONEncoder.readable.encode(result) + Data("\n".utf8), to: output.appending(path: "results.json"))
    try AtomicFile.write(Data(text.markdown.utf8), to: output.appending(path: "results.md"))
  }

  private func failed(_ unit: Trial, _ subject: String, _ reason: String) -> TrialResult {
    TrialResult(
      unit, accuracies: [:], seconds: 0, failures: [TrialResult.Failure(subject: subject, reason: reason)])
  }
}

extension UserFacingError {
  /// The error with which all trials stop, where nothing can be written, or this attempt at one that another process is
  /// doing; `nil` for a fault of one trial's data.
  fileprivate var stopping: (any UserFacingError)? {
    guard let error = self as? RunError else { return self as? WritingError ?? self as? LockError }
    // The same command goes on with a reproduction, without --resume.
    if case .notKept(let path, let reason) = error.kind { return WritingError.failed(path: path, reason: reason) }
    return error.isInUse ? error : nil
  }
}

extension TrialResult {
  fileprivate init(
    _ unit: Trial, _ evaluations: [Trial.Test: SavedEvaluation], trainingSeconds: Double, failures: [Failure]
  ) {
    self.init(
      unit, accuracies: evaluations.mapValues(\.evaluation.accuracy),
      seconds: trainingSeconds + evaluations.values.map(\.evaluation.seconds).reduce(0, +), failures: failures)
  }
}
