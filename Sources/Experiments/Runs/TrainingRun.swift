import CLIP
import Datasets
import Foundation
import Images
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
  /// How the images are read: as the configuration says.
  let reading: PhotoReading

  /// - Parameters:
  ///   - dataset: the whole dataset; the run takes its sample and classes from it.
  ///   - budget: of a pass; `nil` takes that of the training that is continued, or half of what is free.
  ///   - cacheFolder: where the features of stored views are found and kept; `nil` computes them.
  ///   - limits: of photos.
  public init(
    _ configuration: RunConfiguration, clip: CLIPModel, identity: ModelIdentity, dataset: Dataset, folder: RunFolder,
    within budget: MemoryBudget? = nil, cacheFolder: URL? = nil, limits: DecodingLimits = .standard
  ) throws {
    reading = PhotoReading(limits: limits, orientation: configuration.orientation ?? .ignored)
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
  /// A checkpoint is written before the first step, after epochs and after steps, so that a training goes on from wherever
  /// its process dies, and ends with the same bits. A run that this one replaces stays until the first of them.
  ///
  /// - Parameters:
  ///   - interval: of the checkpoints.
  ///   - lock: of the folder, where the caller has taken it with ``RunFolder/claim(waiting:)``; `nil` takes it here.
  ///   - progress: told after every step; it may throw to stop, and that step is kept.
  /// - Returns: the finished classifier, and the seconds that training took.
  /// - Throws: ``ExperimentError``, `WritingError`, `LearningError`, and what reading images or `progress` throws.
  public func callAsFunction(
    resuming: Bool = false, checkpoints interval: CheckpointInterval = .automatic, holding lock: RunLock? = nil,
    progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> (classifier: any ImageClassifier, seconds: Double) {
    let own = lock == nil ? try folder.claim() : nil
    defer { own?.release() }
    let record = resuming ? try recordToResume() : nil
    if let record, folder.isFinished { return (try finished(), record.trainingSeconds ?? 0) }
    let budget = requestedBudget ?? record?.memoryBudget ?? .automatic
    if let threads = record?.threads, threads != Threads.count {
      try progress(.otherThreads(begun: threads, now: Threads.count))
    }
    let seed = UInt64(bitPattern: Int64(configuration.seed))
    let context = configuration.context
    let start = ContinuousClock.now
    switch configuration.method {
    case .zeroShot, .zeroShotEnsemble:
      let prompts = try ZeroShotPrompts(
        for: dataset.classNames, templates: configuration.method.templates(for: dataset.name), clip: clip)
      let seconds = (ContinuousClock.now - start).seconds
      try folder.begin(newRecord(budget, seconds: seconds), division: division) {
        try PromptCheckpoint(prompts, model: identity).write(to: $0.promptsURL)
      }
      try noteEnd(after: seconds)
      return (Classifier(clip, prompts), seconds)
    case .linearProbe:
      let probe = try linearProbe(progress: progress)
      let seconds = (ContinuousClock.now - start).seconds
      try folder.begin(newRecord(budget, seconds: seconds), division: division) {
        try LinearProbeCheckpoint(probe, model: identity).write(to: $0.probeURL)
      }
      try noteEnd(after: seconds)
      return (probe, seconds)
    case .coop:
      let newest = resuming ? try checkpoint(progress) : nil
      let initial =
        try newest.map { try $0.checkpoint.contextPrompts(on: clip, path: $0.url.path, classNames: dataset.classNames) }
        ?? ContextPrompts(
          for: dataset.classNames, initialContext: context.initial, position: context.position,
          isClassSpecific: context.isClassSpecific, clip: clip, seed: seed)
      return try train(
        initial, seed: seed, from: newest?.checkpoint.training?.state, every: interval, within: budget,
        progress: progress)
    case .cocoop:
      let newest = resuming ? try checkpoint(progress) : nil
      let initial =
        try newest.map {
          try $0.checkpoint.conditionalPrompts(on: clip, path: $0.url.path, classNames: dataset.classNames)
        }
        ?? ConditionalPrompts(for: dataset.classNames, initialContext: context.initial, clip: clip, seed: seed)
      return try train(
        initial, seed: seed, from: newest?.checkpoint.training?.state, every: interval, within: budget,
        progress: progress)
    }
  }

  private func train<Learner: TrainablePromptLearner>(
    _ learner: Learner, seed: UInt64, from state: TrainingState?, every interval: CheckpointInterval,
    within budget: MemoryBudget, progress: (TrainingProgress) throws -> Void
  ) throws -> (classifier: any ImageClassifier, seconds: Double) {
    guard let training = configuration.training else { return (Classifier(clip, learner), 0) }
    let start = ContinuousClock.now
    var trainer = Trainer(
      Classifier(clip, learner), configuration: training, seed: seed, state: state, within: budget, cache: cache,
      reading: reading)
    // Lines of epochs that the checkpoint does not know of yet are those that are made again.
    let metrics = Array(folder.metrics().prefix(state?.completedEpochs ?? 0))
    let threads = state == nil ? Threads.count : try folder.record().threads
    let earlier = metrics.reduce(trainer.state.position.seconds) { $0 + $1.seconds }
    let first = (state: trainer.state, checkpoint: PromptCheckpoint(trainer, model: identity, resumable: true))
    var keeper: CheckpointKeeper?
    var recorder: RunRecorder?
    // What cannot be trained destroys nothing: a run takes the place of another once it has made a step.
    func begin() throws {
      guard keeper == nil else { return }
      let start = ContinuousClock.now
      if state == nil {
        try folder.begin(newRecord(budget), division: division) { try $0.write(checkpoint: first.checkpoint) }
      } else {
        try folder.write(metrics: metrics)
      }
      keeper = CheckpointKeeper(
        folder, identity: identity, every: interval, from: first.state,
        cost: state == nil ? ContinuousClock.now - start : .zero)
      recorder = try self.recorder(of: training, from: first.state)
    }
    if state != nil { try begin() }
    do {
      while trainer.state.completedEpochs < training.epochs {
        let report = try trainer.runEpoch(
          trainer.state.completedEpochs, on: dataset,
          progress: {
            if case .step = $0 { try begin() }
            try recorder?.record($0)
            try progress($0)
          }, afterStep: { try keeper?.afterStep($0) })
        try recorder?.record(report)
        try keeper?.afterEpoch(report, trainer)
      }
      if let classifier = trainer.classifier as? Classifier<ConditionalPrompts> {
        let extractor = FeatureExtractor(clip, cache: cache, reading: reading)
        try FastMode(of: classifier, on: dataset, by: extractor, within: budget, progress: progress).map(folder.write)
      }
      try PromptCheckpoint(trainer, model: identity, resumable: false).write(to: folder.promptsURL)
      let seconds = earlier + (ContinuousClock.now - start).seconds
      try folder.write(newRecord(budget, threads: threads, seconds: seconds))
      folder.removePreviousCheckpoint()
      try recorder?.noteEnd(after: seconds)
      return (trainer.classifier, seconds)
    } catch {
      recorder?.noteStop()
      throw keeper?.ending(trainer, by: error) ?? error
    }
  }

  /// Fits a linear probe to the images as they are tested: the reference augments none here.
  private func linearProbe(progress: (TrainingProgress) throws -> Void) throws -> LinearProbe {
    let extractor = FeatureExtractor(clip, cache: cache, reading: reading)
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

  func newRecord(
    _ budget: MemoryBudget, threads: Int? = Threads.count, seconds: Double? = nil
  ) -> RunFolder.Record {
    RunFolder.Record(
      configuration, model: identity, classNames: dataset.classNames, threads: threads,
      memoryBudget: configuration.training == nil ? nil : budget,
      trainingImages: configuration.training == nil ? nil : TrainingImages(of: dataset), trainingSeconds: seconds)
  }
}
