import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support

/// What one unit of a comparison came to.
public struct TrialResult: Sendable {
  public let unit: Trial
  /// In percent, of the tests that could be made; none where it could not be trained.
  public let accuracies: [Trial.Test: Double]
  /// Of training and testing.
  public let seconds: Double
  /// Why something is missing, one for each cause.
  public let failures: [Failure]

  public struct Failure: Sendable, Hashable {
    /// The dataset or the unit that cannot be worked with.
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

/// Does one unit of work in a run folder of its own: trains what is not trained and tests what is not tested.
struct TrialRunner: Sendable {
  let clip: CLIPModel
  let identity: ModelIdentity
  let budget: MemoryBudget?
  let cacheFolder: URL?
  let limits: DecodingLimits

  /// - Parameters:
  ///   - source: the whole dataset that is learned from.
  ///   - isReplacing: whether what is there of the unit gives way.
  /// - Returns: the classifier of the unit.
  func trained(
    _ place: TrialFolder, on source: Dataset, isReplacing: Bool, progress: (TrainingProgress) throws -> Void
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
    let (classifier, seconds) = try run(resuming: isResuming, progress: progress)
    return (folder, classifier, seconds, [])
  }
}
