import CLIP
import Datasets
import Foundation
import PromptLearning
import Torch

/// Learns prompts, or a linear probe, as a configuration says, in a folder that keeps them and everything a continued training needs.
public struct TrainingRun: Sendable {
  public let configuration: RunConfiguration
  public let clip: CLIPModel
  public let identity: ModelIdentity
  /// The run's own classes and few-shot sample.
  public let dataset: Dataset
  public let folder: RunFolder
  /// The whole dataset's parts, where they were made here and must be kept.
  private let division: SplitFile?
  private let requestedBudget: MemoryBudget?
  private let cache: FeatureCache?

  /// - Parameters:
  ///   - dataset: the whole dataset; the run takes its sample and classes from it.
  ///   - budget: of a pass; `nil` takes that of the training that is continued, or half of what is free.
  ///   - cacheFolder: where the features of stored views are found and kept; `nil` computes them.
  public init(
    _ configuration: RunConfiguration, clip: CLIPModel, identity: ModelIdentity, dataset: Dataset, folder: RunFolder,
    within budget: MemoryBudget? = nil, cacheFolder: URL? = nil
  ) throws {
    cache = cacheFolder.map { FeatureCache(folder: $0, model: identity.sha256) }
    requestedBudget = budget
    self.configuration = configuration
    self.clip = clip
    self.identity = identity
    self.dataset = try configuration.examples(from: dataset)
    self.folder = folder
    division = dataset.isDividedHere ? SplitFile(of: dataset) : nil
  }

  /// Trains from the beginning, or from the newest checkpoint of an interrupted training of the same configuration.
  ///
  /// A checkpoint is written after every epoch, so that whatever stops the training costs less than one. Nothing is
  /// written, and a run that this one replaces stays, until the first of them: what cannot be trained destroys nothing.
  ///
  /// - Parameter progress: told after every step; it may throw to stop, and the last checkpoint stays whole.
  /// - Returns: the finished classifier, and the seconds that training took.
  public func callAsFunction(
    resuming: Bool = false, progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> (classifier: any ImageClassifier, seconds: Double) {
    let seed = UInt64(bitPattern: Int64(configuration.seed))
    let context = configuration.context
    let checkpoint = resuming ? try resumed() : nil
    let earlierBudget = resuming ? try folder.record().memoryBudget : nil
    let budget = requestedBudget ?? earlierBudget ?? .automatic
    let finished = checkpoint?.training?.state.completedEpochs ?? 0
    let earlier = folder.metrics().prefix(finished).map(\.seconds).reduce(0, +)
    let start = ContinuousClock.now
    let path = folder.checkpointURL.path
    let classifier: any ImageClassifier
    switch configuration.method {
    case .zeroShot, .zeroShotEnsemble:
      let prompts = try ZeroShotPrompts(
        for: dataset.classNames, templates: configuration.method.templates(for: dataset.name), clip: clip)
      if !resuming { try folder.begin(record(seconds: nil, budget), division: division) }
      try PromptCheckpoint(prompts, model: identity).write(to: folder.promptsURL)
      classifier = Classifier(clip, prompts)
    case .coop:
      let initial =
        try checkpoint?.contextPrompts(on: clip, path: path, classNames: dataset.classNames)
        ?? ContextPrompts(
          for: dataset.classNames, initialContext: context.initial, position: context.position,
          isClassSpecific: context.isClassSpecific, clip: clip, seed: seed)
      classifier = try train(initial, seed: seed, from: checkpoint?.training?.state, within: budget, progress: progress)
    case .cocoop:
      let initial =
        try checkpoint?.conditionalPrompts(on: clip, path: path, classNames: dataset.classNames)
        ?? ConditionalPrompts(for: dataset.classNames, initialContext: context.initial, clip: clip, seed: seed)
      classifier = try train(initial, seed: seed, from: checkpoint?.training?.state, within: budget, progress: progress)
    case .linearProbe:
      let probe = try linearProbe(progress: progress)
      if !resuming { try folder.begin(record(seconds: nil, budget), division: division) }
      try LinearProbeCheckpoint(probe, model: identity).write(to: folder.probeURL)
      classifier = probe
    }
    let seconds = earlier + (ContinuousClock.now - start).seconds
    try folder.write(record(seconds: seconds, budget))
    return (classifier, seconds)
  }

  /// Fits a linear probe to the images as they are tested: the reference augments none here.
  private func linearProbe(progress: (TrainingProgress) throws -> Void) throws -> LinearProbe {
    let extractor = FeatureExtractor(clip, cache: cache)
    let total = dataset.training.count + dataset.validation.count
    let training = try LabelledEmbeddings(of: dataset, split: .train, by: extractor) {
      try progress(.views(encoded: $0, of: total))
    }
    let validation = try LabelledEmbeddings(of: dataset, split: .val, by: extractor) {
      try progress(.views(encoded: training.labels.count + $0, of: total))
    }
    return try LinearProbe(for: dataset.classNames, training: training, validation: validation, clip: clip) {
      try progress(.fit(number: $0 + 1, of: $1))
    }
  }

  private func train<Learner: TrainablePromptLearner>(
    _ learner: Learner, seed: UInt64, from state: TrainingState?, within budget: MemoryBudget,
    progress: (TrainingProgress) throws -> Void
  ) throws -> Classifier<Learner> {
    guard let training = configuration.training else { return Classifier(clip, learner) }
    var trainer = Trainer(
      Classifier(clip, learner), configuration: training, seed: seed, state: state, within: budget, cache: cache)
    let finished = trainer.state.completedEpochs
    var metrics = Array(folder.metrics().prefix(finished))
    for epoch in finished..<max(finished, training.epochs) {
      metrics.append(try trainer.runEpoch(epoch, on: dataset, progress: progress))
      if epoch == 0 { try folder.begin(record(seconds: nil, budget), division: division) }
      try folder.write(checkpoint: PromptCheckpoint(trainer, model: identity, resumable: true))
      try folder.write(metrics: metrics)
    }
    try PromptCheckpoint(trainer, model: identity, resumable: false).write(to: folder.promptsURL)
    return trainer.classifier
  }

  /// The checkpoint to go on from, once it is known to belong to this configuration and model.
  private func resumed() throws -> PromptCheckpoint? {
    let record = try folder.record()
    guard let recorded = record.configuration else { throw ExperimentError.nothingToResume(path: folder.url.path) }
    func check<Value: Equatable>(_ setting: String, _ path: KeyPath<RunConfiguration, Value>) throws {
      let (found, requested) = (recorded[keyPath: path], configuration[keyPath: path])
      guard found == requested else {
        throw ExperimentError.otherSetting(
          path: folder.url.path, setting: setting, found: "\(found)", requested: "\(requested)")
      }
    }
    try check("the method", \.method)
    try check("the seed", \.seed)
    try check("the shots", \.shots)
    try check("the classes", \.classes)
    try check("the data", \.data)
    try check("the few-shot list", \.fewShotList)
    try check("the context", \.context)
    try check("the precision", \.precision)
    try check("the training", \.training)
    guard record.model == identity else {
      throw LearningError.otherModel(
        path: folder.url.path, expected: record.model.name, found: "\(identity.name) (\(identity.sha256.prefix(12)))")
    }
    return configuration.training == nil ? nil : try folder.checkpoint()
  }

  private func record(seconds: Double?, _ budget: MemoryBudget) -> RunFolder.Record {
    RunFolder.Record(
      configuration, model: identity, classNames: dataset.classNames,
      memoryBudget: configuration.training == nil ? nil : budget, trainingSeconds: seconds)
  }
}
