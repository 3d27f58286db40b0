import Datasets
import Foundation
import PromptLearning
import Runs
import Support

/// One training of a comparison and the tests that belong to it: the smallest thing that is done once.
public struct Trial: Sendable, Equatable {
  /// The title of the dataset that is learned from.
  public let dataset: String
  public let variant: Variant
  /// Of its run. A zero-shot classifier has seed 1, and counts for every seed.
  public let configuration: RunConfiguration
  /// What it is tested on, in the order of the table.
  public let tests: [Test]

  public struct Test: Sendable, Hashable {
    /// The title of a dataset.
    public let dataset: String
    public let classes: ClassSubset
  }

  public var seed: Int { configuration.seed }

  /// Of its run, under the folder of all units: `Caltech101/cocoop-seed1`.
  public var path: String { "\(dataset.replacing("/", with: "-"))/\(folderName)" }

  /// Without the dataset, as `demo` calls its runs.
  var folderName: String { "\(variant.folderName)-seed\(seed)" }

  /// For people, such as "Caltech101, CoCoOp, seed 1".
  public var title: String { "\(dataset), \(variant.title)" + (variant.method.isZeroShot ? "" : ", seed \(seed)") }
}

/// Where a unit's run is kept, and how much of the unit is done there.
struct TrialFolder {
  let unit: Trial
  let url: URL
  /// What the unit learns.
  let classNames: [String]
  /// Of the checkpoint that it learns on.
  let identity: ModelIdentity

  enum State {
    case absent
    /// Begun and not finished; it may be gone on with where there is a checkpoint.
    case begun
    /// Trained, and tested on these so far.
    case trained(RunFolder, seconds: Double, [SavedEvaluation])
  }

  /// The right to work on the unit, which one process at a time has. It stands beside the run, whose own lock the training
  /// takes.
  ///
  /// - Throws: ``RunError/inUse(path:)``.
  func lock() throws -> RunLock {
    try RunLock(at: url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent)"))
  }

  /// - Throws: ``RunError`` or `LearningError` where another run is in this place.
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
  /// The one on these test images, if they are still the same.
  func first(of test: Trial.Test, on dataset: Dataset) -> SavedEvaluation? {
    guard let names = try? dataset.subset(test.classes).classNames else { return nil }
    return first {
      $0.dataset == dataset.name && $0.classes == test.classes && $0.split == .test && $0.classNames == names
    }
  }
}

extension [String] {
  /// The first three.
  fileprivate var summary: String { prefix(3).joined(separator: ", ") + (count > 3 ? ", …" : "") }
}
