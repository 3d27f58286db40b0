import Datasets
import Foundation
import PromptLearning
import Runs
import Support
import Torch

/// One training of a comparison and its tests: the smallest unit of work.
public struct Trial: Sendable, Equatable {
  /// The title of the training dataset.
  public let dataset: String
  public let variant: Variant
  /// The configuration of its run. A zero-shot classifier has seed 1, and counts for every seed.
  public let configuration: RunConfiguration
  /// The tests, in the order of the table.
  public let tests: [Test]

  public struct Test: Sendable, Hashable {
    /// The title of a dataset.
    public let dataset: String
    public let classes: ClassSubset
  }

  public var seed: Int { configuration.seed }

  /// The path of its run, under the folder of all trials: `Caltech101/cocoop-seed1`.
  public var path: String { "\(dataset.replacing("/", with: "-"))/\(folderName)" }

  /// The folder's name without the dataset, as for the runs of `demo`.
  var folderName: String { "\(variant.folderName)-seed\(seed)" }

  /// The title for people, such as "Caltech101, CoCoOp, seed 1".
  public var title: String { "\(dataset), \(variant.title)" + (variant.method.isZeroShot ? "" : ", seed \(seed)") }
}

/// The folder of a trial's run, and the progress of the trial there.
struct TrialFolder {
  let unit: Trial
  let url: URL
  /// The names of the trial's training classes.
  let classNames: [String]
  /// The identity of the checkpoint that it is trained on.
  let identity: ModelIdentity

  enum State {
    case absent
    /// Started and not finished; it can be resumed where there is a checkpoint.
    case begun
    /// Trained, with the evaluations that are done so far.
    case trained(RunFolder, seconds: Double, [SavedEvaluation])
  }

  /// Takes the lock for working on the trial, for one process at a time. It is separate from the run's own lock, which
  /// the training takes.
  ///
  /// - Parameter isRequired: whether a file system without locks is refused.
  /// - Throws: ``RunError/inUse(path:)``, and `LockError` with the way to do without.
  func lock(isRequired: Bool) throws -> RunLock {
    do {
      return try RunLock(
        at: url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent)"), isRequired: isRequired)
    } catch let error as LockError {
      throw error.ofDivisibleWork
    }
  }

  /// - Throws: ``RunError`` or `LearningError` where another run is at this location.
  func state() throws -> State {
    guard RunFolder.isRun(url) else { return .absent }
    let folder = try RunFolder(existing: url)
    let record = try folder.record()
    guard let configuration = record.configuration else { throw RunError.runExists(path: url.path) }
    try unit.configuration.check(isThatOf: configuration, madeAt: record.places, path: url.path)
    guard record.model.sha256 == identity.sha256 else {
      throw LearningError.otherModel(
        path: url.path, expected: "\(record.model.name) (\(record.model.sha256.prefix(12)))",
        found: "\(identity.name) (\(identity.sha256.prefix(12)))")
    }
    guard record.classNames == classNames else {
      throw RunError.otherSetting(
        path: url.path, setting: "the \(record.classNames.count) classes", found: record.classNames.summary,
        requested: "the \(classNames.count) classes \(classNames.summary)")
    }
    guard folder.isFinished, let seconds = record.trainingSeconds else { return .begun }
    return .trained(folder, seconds: seconds, try folder.evaluations())
  }
}

extension [SavedEvaluation] {
  /// The evaluation on these test images in the trial's own precision, if they are still the same.
  func first(of test: Trial.Test, on dataset: Dataset, in precision: Precision?) -> SavedEvaluation? {
    guard let names = try? dataset.subset(test.classes).classNames else { return nil }
    return first {
      $0.dataset == dataset.name && $0.classes == test.classes && $0.split == .test && $0.classNames == names
        && $0.precision == precision ?? .float32
    }
  }
}

extension [String] {
  /// The first three names.
  fileprivate var summary: String { prefix(3).joined(separator: ", ") + (count > 3 ? ", …" : "") }
}
