import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support

/// The result of one trial of a comparison.
public struct TrialResult: Sendable {
  public let unit: Trial
  /// The accuracies in percent, of the tests that could be made; none where it could not be trained.
  public let accuracies: [Trial.Test: Double]
  /// The seconds of training and testing.
  public let seconds: Double
  /// The reasons for missing parts, one for each cause.
  public let failures: [Failure]

  public struct Failure: Sendable, Hashable {
    /// The dataset or the trial that cannot be used.
    public let subject: String
    public let reason: String

    package init(subject: String, reason: String) {
      self.subject = subject
      self.reason = reason
    }
  }

  package init(
    _ unit: Trial, accuracies: [Trial.Test: Double], seconds: Double, failures: [Failure] = []
  ) {
    self.unit = unit
    self.accuracies = accuracies
    self.seconds = seconds
    self.failures = failures
  }

  public var isComplete: Bool { failures.isEmpty }
}

/// Runs one trial in a run folder of its own: trains and tests where that is not done yet.
struct TrialRunner: Sendable {
  let clip: CLIPModel
  let identity: ModelIdentity
  let budget: MemoryBudget?
  let cacheFolder: URL?
  let limits: DecodingLimits

  /// - Parameters:
  ///   - source: the whole training dataset.
  ///   - isReplacing: whether an existing run of the trial is replaced.
  ///   - needsLocks: whether a file system without locks is refused.
  /// - Returns: the classifier of the trial.
  func trained(
    _ place: TrialFolder, on source: Dataset, isReplacing: Bool, needsLocks: Bool,
    progress: (TrainingProgress) throws -> Void
  ) throws -> (folder: RunFolder, classifier: any ImageClassifier, seconds: Double, kept: [SavedEvaluation]) {
    let state = isReplacing ? .absent : try place.state()
    if case .trained(let folder, let seconds, let kept) = state {
      let classifier = try folder.artifact().classifier(on: clip, identity: identity, path: folder.artifactURL.path)
      return (folder, classifier, seconds, kept)
    }
    var isResuming = false
    if case .begun = state { isResuming = try RunFolder(existing: place.url).isResumable }
    let folder = try RunFolder(creating: place.url, existing: isResuming ? .resume : .replace)
    let run = try TrainingRun(
      place.unit.configuration, clip: clip, identity: identity,
      dataset: isResuming ? folder.divided(source) : source, folder: folder, within: budget,
      cacheFolder: cacheFolder, limits: limits)
    let lock = try folder.claim(needsLock: needsLocks)
    defer { lock.release() }
    let (classifier, seconds) = try run(resuming: isResuming, holding: lock, progress: progress)
    return (folder, classifier, seconds, [])
  }
}
