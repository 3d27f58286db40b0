import CLIP
import Datasets
import Foundation
import PromptLearning

/// A finished run with its model, ready to name images.
public struct LoadedRun: Sendable {
  public let record: RunFolder.Record
  public let clip: CLIPModel
  private let prompts: PromptCheckpoint
  private let identity: ModelIdentity
  private let path: String

  /// - Parameter model: where the run's checkpoint lies now; `nil` takes the place that the run remembers.
  /// - Throws: ``ExperimentError``, and `LearningError` where the checkpoint is not the one that the run was learned on.
  public init(folder url: URL, model: String? = nil) throws {
    let folder = try RunFolder(existing: url)
    record = try folder.record()
    prompts = try folder.prompts()
    let source = try ModelSource(model ?? record.configuration.model)
    identity = try source.identity()
    clip = try source.load()
    path = folder.promptsURL.path
  }

  /// The learner over its own classes, or over others.
  public func learner(for classNames: [String]? = nil) throws -> any PromptLearner {
    try prompts.learner(on: clip, identity: identity, classNames: classNames, path: path)
  }

  /// How well the run names the images of one part of `dataset`, over that dataset's classes.
  ///
  /// - Parameter cacheFolder: where image features are found and kept; `nil` computes them.
  public func evaluation(
    on dataset: Dataset, split: Split, within budget: MemoryBudget = .automatic, cacheFolder: URL? = nil,
    progress: (Int) throws -> Void
  ) throws -> Evaluation {
    let cache = cacheFolder.map { FeatureCache(folder: $0, model: identity.sha256) }
    func report(_ learner: some PromptLearner) throws -> Evaluation {
      try Evaluator(Classifier(clip, learner), within: budget, cache: cache).report(
        on: dataset, split: split, progress: progress)
    }
    return try report(learner(for: dataset.classNames))
  }
}
