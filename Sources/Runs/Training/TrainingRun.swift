import ClassificationMetrics
import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Torch

/// A run: a training with a configuration, in a folder with its results and everything that a resume needs.
public struct TrainingRun: Sendable {
  public let configuration: RunConfiguration
  public let clip: CLIPModel
  public let identity: ModelIdentity
  /// The run's own classes and few-shot sample.
  public let dataset: Dataset
  public let folder: RunFolder
  /// The whole dataset's splits, where they were made here and must be saved.
  let division: SplitFile?
  /// The problems of photos that were left out of the training, one sentence each.
  public let skipped: [String]
  private let requestedBudget: MemoryBudget?
  /// The budget of a new training for which none is requested.
  private let standardBudget: MemoryBudget
  private let cache: FeatureCache?
  /// The options of reading images, from the configuration.
  let reading: PhotoReading
  private let photoMemory: Int
  /// The processes that train together.
  private let processes: any Communicator
  private let sentences: ClassSentences?

  /// - Parameters:
  ///   - dataset: the whole dataset; the run takes its sample and classes from it.
  ///   - rule: what becomes of photos to learn from that cannot be read.
  ///   - budget: of a pass; `nil` takes that of the training that is resumed, or an equal part of half of what is free.
  ///   - cacheFolder: where the features of stored views are found and kept; `nil` computes them.
  ///   - limits: of photos.
  ///   - sentences: those of the configuration's file.
  ///   - sharing: the number of processes that share this machine's memory.
  ///   - photoMemory: the most that images to learn from may take decoded, in bytes; what is learned is the same.
  ///   - processes: those that train together, each with a run of the same values; the first alone writes the folder.
  public init(
    _ configuration: RunConfiguration, clip: CLIPModel, identity: ModelIdentity, dataset: Dataset, folder: RunFolder,
    brokenPhotos rule: BrokenPhotos.Rule = .unchecked, within budget: MemoryBudget? = nil, cacheFolder: URL? = nil,
    limits: DecodingLimits = .standard, sentences: ClassSentences? = nil, sharing: Int = 1,
    photoMemory: Int = MemoryBudget.automaticForPhotos, processes: any Communicator = Alone()
  ) throws {
    (self.sentences, self.processes) = (sentences, processes)
    self.photoMemory = photoMemory
    reading = configuration.reading(limits: limits)
    cache = cacheFolder.map { FeatureCache(folder: $0, model: identity.sha256) }
    requestedBudget = budget
    let standard = MemoryBudget.automatic(on: clip.device)
    standardBudget = sharing > 1 ? standard.divided(by: sharing) : standard
    self.configuration = configuration
    self.clip = clip
    self.identity = identity
    let examples = try configuration.examples(from: dataset)
    let isRead = !configuration.method.isZeroShot
    let usable = try isRead ? rule.applied(to: examples, limits: limits) : (dataset: examples, skipped: [])
    (self.dataset, skipped) = (usable.dataset, usable.skipped)
    self.folder = folder
    division = dataset.isDividedHere ? SplitFile(of: dataset) : nil
  }

  /// Trains from the beginning, or from the newest checkpoint of an interrupted training of the same configuration.
  ///
  /// A checkpoint is written before the first step, after epochs and after steps, so that a training resumes after any
  /// interruption, and ends with the same bits. A run that this one replaces stays until the first checkpoint.
  ///
  /// - Parameters:
  ///   - interval: the interval between checkpoints.
  ///   - lock: the folder's lock, where the caller holds it from ``RunFolder/claim(waiting:)``; `nil` takes it here.
  ///   - progress: called after every step; it may throw to stop, and that step is saved.
  /// - Returns: the finished classifier, and the seconds of training.
  /// - Throws: ``RunError``, `WritingError`, `LearningError`, and the errors of reading images and of `progress`.
  public func callAsFunction(
    resuming: Bool = false, checkpoints interval: CheckpointInterval = .automatic, holding lock: RunLock? = nil,
    progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> (classifier: any ImageClassifier, seconds: Double) {
    guard processes.rank == 0 else { return try follow(progress) }
    let own = lock == nil ? try folder.claim() : nil
    defer { own?.release() }
    let record = resuming ? try recordToResume() : nil
    let (begun, now) = (record?.device ?? Device.cpu.title, clip.device.title)
    // A budget is of one device's memory.
    let recorded = begun == now ? record?.memoryBudget : nil
    let ownBudget = requestedBudget ?? recorded ?? standardBudget
    let team = try ProcessFacts(
      of: self, memory: ownBudget, isRecorded: requestedBudget == nil && recorded != nil
    ).agreed(by: processes)
    let budget = team.memory ?? ownBudget
    if let record, folder.isFinished {
      try tell { .finished(try Array(Data(contentsOf: folder.artifactURL))) }
      let classifier = try folder.artifact().classifier(on: clip, identity: identity, path: folder.artifactURL.path)
      return (classifier, record.trainingSeconds ?? 0)
    }
    if let threads = record?.threads, threads != team.parts {
      try progress(.otherThreads(begun: threads, now: team.parts))
    }
    if record != nil, begun != now { try progress(.otherDevice(begun: begun, now: now)) }
    let (begunIn, nowIn) = (record?.configuration?.precision ?? .float32, configuration.precision ?? .float32)
    if record != nil, begunIn != nowIn {
      try progress(
        .choice(
          "\(configuration.method.title) began in \(begunIn.rawValue) and continues in \(nowIn.rawValue): what it learns may"
            + " differ from a run without a break"))
    }
    let session = session(within: budget, by: team)
    let checkpoint = resuming && configuration.training != nil ? try checkpoint(progress) : nil
    try tell { try checkpoint.map { .resumed(try Array(Data(contentsOf: URL(filePath: $0.path)))) } ?? .fresh }
    var output = RunOutput(of: self, session, every: interval, resuming: checkpoint == nil ? nil : record)
    let classifier = try session(from: checkpoint, into: &output, progress: progress)
    return (classifier, output.seconds)
  }

  private func session(within budget: MemoryBudget, by team: TrainingTeam) -> TrainingSession {
    TrainingSession(
      configuration.method, configuration.setup(for: dataset, on: clip, sentences: sentences),
      training: configuration.training, dataset: dataset, identity: identity, within: budget, cache: cache,
      reading: reading,
      photoMemory: photoMemory, team: team)
  }

  /// Tells the other processes how to start.
  private func tell(_ start: () throws -> ProcessStart) throws {
    guard !processes.isAlone else { return }
    _ = try ProcessStart.broadcast(start(), by: processes)
  }

  /// The training in a process that is not the first: the same steps, from what the first has, and no files.
  private func follow(
    _ progress: (TrainingProgress) throws -> Void
  ) throws -> (classifier: any ImageClassifier, seconds: Double) {
    let start = ContinuousClock.now
    let budget = requestedBudget ?? standardBudget
    let team = try ProcessFacts(of: self, memory: budget).agreed(by: processes)
    var (output, checkpoint) = (NoOutput(), TrainingSession.Checkpoint?.none)
    let path = "the checkpoint of process 1"
    switch try ProcessStart.broadcast(nil, by: processes) {
    case .finished(let file):
      return (try ProcessStart.artifact(file).classifier(on: clip, identity: identity, path: path), 0)
    case .resumed(let file): checkpoint = TrainingSession.Checkpoint(try ProcessStart.artifact(file), path: path)
    case .fresh: break
    }
    let classifier = try session(within: budget, by: team)(from: checkpoint, into: &output, progress: progress)
    return (classifier, (ContinuousClock.now - start).seconds)
  }

  /// Measures a finished training on the held-out photos of its classes that can be read, and keeps the evaluation with the
  /// run where all can.
  ///
  /// - Parameters:
  ///   - classifier: what the training has returned.
  ///   - progress: told how many photos are encoded; it may throw to stop.
  /// - Returns: the figures and the photos that cannot be read; `nil` where there are no held-out photos.
  /// - Throws: `WritingError`, and what reading photos or `progress` throws.
  public func measureHeldOut(
    _ classifier: any ImageClassifier, progress: (Int) throws -> Void
  ) throws -> (evaluation: Evaluation, unreadable: [UnreadablePhoto])? {
    guard !dataset.test.isEmpty else { return nil }
    let (measurement, unreadable) = try classifier.measurementOfReadable(
      on: dataset, within: requestedBudget ?? standardBudget, cache: cache, reading: reading,
      progress: progress)
    if unreadable.isEmpty {
      let kept = SavedEvaluation(
        of: measurement, on: dataset, classes: configuration.choice.subset, isChosen: configuration.choice.isChosen,
        split: .test, precision: clip.precision)
      try folder.keep(kept)
      try RunLogger.add(kept, to: folder.url)
    }
    return (measurement.evaluation, unreadable)
  }

  /// The record of the run in the folder, after the check that it describes the same run as this one.
  ///
  /// - Throws: ``RunError``, such as ``RunError/otherSetting(path:setting:found:requested:)``, and
  ///   `LearningError.otherModel`.
  private func recordToResume() throws -> RunFolder.Record {
    let record = try folder.record()
    guard let recorded = record.configuration else { throw RunError.nothingToResume(path: folder.url.path) }
    try configuration.check(
      isThatOf: recorded.resumed(in: configuration.precision), madeAt: record.places, path: folder.url.path)
    guard record.model == identity else {
      throw LearningError.otherModel(
        path: folder.url.path, expected: record.model.name, found: "\(identity.name) (\(identity.sha256.prefix(12)))")
    }
    let images = TrainingImages(of: dataset)
    if let found = record.trainingImages, found != images {
      throw RunError.otherImages(path: folder.url.path, found: found.count, requested: images.count)
    }
    return record
  }

  /// The checkpoint to resume from.
  private func checkpoint(_ progress: (TrainingProgress) throws -> Void) throws -> TrainingSession.Checkpoint {
    let (artifact, url, damaged) = try folder.checkpoint()
    if let state = artifact.training?.state {
      try progress(
        .resumed(epoch: state.completedEpochs + 1, step: state.position.steps, passingOver: damaged?.path))
    }
    return TrainingSession.Checkpoint(artifact, path: url.path)
  }

  /// - Parameter precision: that of the run, or TF32 where any part of it was trained so.
  func newRecord(
    _ budget: MemoryBudget, threads: Int?, precision: Precision?, seconds: Double? = nil
  ) -> RunFolder.Record {
    var configuration = configuration
    configuration.precision = precision
    return RunFolder.Record(
      configuration, model: identity, classNames: dataset.classNames, otherClasses: dataset.otherClasses,
      skippedPhotos: skipped.count, threads: threads, device: threads == nil ? nil : clip.device.title,
      memoryBudget: configuration.training == nil ? nil : budget,
      trainingImages: configuration.training == nil ? nil : TrainingImages(of: dataset), trainingSeconds: seconds)
  }

  /// The first line of the run's log.
  var title: String {
    "\(configuration.method.title) on \(dataset.name): \(dataset.classNames.count) classes, "
      + (configuration.method.isZeroShot ? "" : "\(dataset.training.count) images, seed \(configuration.seed), ")
      + identity.name
      + (LeftOutClasses(dataset.otherClasses).map { "; \($0)" } ?? "")
  }
}
