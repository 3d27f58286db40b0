import CLIP
import Datasets
import Foundation
import PromptLearning
import Support
import Torch

/// The data for answers near the cost of zero-shot CLIP, saved by a run of CoCoOp in `fast.json`: the point around
/// which its class features are expanded, and the agreement with the exact answers on held-out images.
public struct FastMode: Sendable, Codable, Equatable {
  public let version: Int
  public let codes: CodeStatistics
  public let agreement: FastAgreement

  static let version = 1
  /// The number of images: more training images would hardly change the codes' means, nor more held-out images the
  /// agreement.
  private static let imagesForCodes = 128
  private static let imagesHeldOut = 200

  /// Expands around the training images of `dataset` and compares with the exact answers on its validation images.
  ///
  /// - Returns: `nil` where there are no held-out images.
  init?(
    of classifier: any FastAnswering, on dataset: Dataset, by extractor: FeatureExtractor,
    within budget: MemoryBudget, progress: (TrainingProgress) throws -> Void
  ) throws {
    let typical = dataset.training.thinned(to: Self.imagesForCodes)
    let heldOut = dataset.validation.thinned(to: Self.imagesHeldOut)
    guard !heldOut.isEmpty else { return nil }
    let total = typical.count + heldOut.count
    let features = try extractor.features(of: typical.map(dataset.url(of:))) {
      try progress(.views(encoded: $0, of: total))
    }
    let embeddings = try extractor.embeddings(of: heldOut.map(dataset.url(of:))) {
      try progress(.views(encoded: typical.count + $0, of: total))
    }
    version = Self.version
    codes = try classifier.codeStatistics(of: features)
    let fast = try classifier.fastClassifier(around: codes, within: budget)
    agreement = try FastAgreement(of: fast, on: embeddings, within: budget)
  }

  /// The preparation of a classifier that expands around the run's codes, in passes within `budget` each.
  ///
  /// - Parameter exact: the run's own classifier, or the same over other classes.
  public func preparation(
    of exact: any FastAnswering, within budget: MemoryBudget
  ) throws -> FastPreparation {
    try exact.fastPreparation(around: codes, exactClasses: agreement.exactClasses, within: budget)
  }
}

extension RunFolder {
  static let fastModeName = "fast.json"
  private var fastModeURL: URL { url.appending(path: Self.fastModeName) }

  func write(_ mode: FastMode) throws {
    try AtomicFile.write(JSONEncoder.readable.encode(mode) + Data("\n".utf8), to: fastModeURL)
  }

  /// - Throws: ``RunError/noFastMode(path:reason:)`` where it was not measured, or is not accurate enough.
  func fastMode() throws -> FastMode {
    guard FileManager.default.fileExists(atPath: fastModeURL.path) else {
      let isImported = (try? record())?.imported != nil
      throw RunError.noFastMode(
        path: url.path,
        reason: isImported
          ? "its prompts were imported, and only a training here measures how near fast answers come"
          : "no photo was left to measure it on when the run was made, and 'cocoop train' with a val part, or with fewer"
            + " --shots than each class has photos for training, leaves some")
    }
    guard let mode = try? JSONDecoder().decode(FastMode.self, from: Data(contentsOf: fastModeURL)),
      mode.version == FastMode.version, (mode.codes.means + mode.codes.deviations).allSatisfy(\.isFinite),
      mode.agreement.exactClasses > 0
    else { throw RunError.noFastMode(path: url.path, reason: "its fast.json cannot be read") }
    guard mode.agreement.isGoodEnough else {
      let (top1, difference) = (mode.agreement.top1, mode.agreement.meanDifference)
      throw RunError.noFastMode(
        path: url.path,
        reason: String(
          format: "on held-out images it agreed in %.1f %% (%.0f or more are asked for) and probabilities differed by "
            + "%.3f (%.2f or less)", top1, FastAgreement.leastTop1, difference, FastAgreement.greatestMeanDifference))
    }
    return mode
  }
}

extension Array {
  /// A selection of at most `count` elements, at equal distances.
  fileprivate func thinned(to count: Int) -> [Element] {
    self.count <= count ? self : (0..<count).map { self[$0 * self.count / count] }
  }
}
