import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Torch

/// The output of a training in a run's folder: the record, checkpoints, the lines and curves of its steps, and at the
/// end the result.
struct RunOutput: TrainingOutput {
  /// Seconds spent on the training, over all interruptions.
  private(set) var seconds = 0.0

  private let run: TrainingRun
  private let session: TrainingSession
  private let interval: CheckpointInterval
  /// The number of threads that the training started with.
  private let threads: Int?
  /// That of the run, or TF32 where any part of it was trained so.
  private let precision: Precision?
  /// The precision in the record of the run that is resumed.
  private let recorded: Precision?
  private let start = ContinuousClock.now
  /// Seconds of earlier parts of a resumed training.
  private var earlier = 0.0
  private var keeper: CheckpointWriter?
  private var recorder: RunLogger?

  /// - Parameter record: the record of the run that is resumed; `nil` for a new one.
  init(
    of run: TrainingRun, _ session: TrainingSession, every interval: CheckpointInterval,
    resuming record: RunFolder.Record?
  ) {
    self.run = run
    self.session = session
    self.interval = interval
    threads = record == nil ? session.team?.parts ?? Threads.count : record?.threads
    recorded = record?.configuration?.precision
    precision = recorded ?? run.configuration.precision
  }

  mutating func begin<Learner>(_ trainer: Trainer<Learner>, isResuming: Bool) throws {
    let start = ContinuousClock.now
    let state = trainer.state
    if isResuming {
      // Lines of epochs after the checkpoint are removed: these epochs are repeated.
      let metrics = Array(run.folder.metrics().prefix(state.completedEpochs))
      earlier = metrics.reduce(state.position.seconds) { $0 + $1.seconds }
      try run.folder.write(metrics: metrics)
      // At once, so that it is known too where this part is interrupted and others are not in TF32.
      if precision != recorded { try run.folder.write(record()) }
    } else {
      try run.folder.begin(record(), division: run.division) {
        try $0.write(checkpoint: Artifact(session.description, trainer, resumable: true))
      }
    }
    keeper = try CheckpointWriter(
      run.folder, session.description, every: interval, from: state,
      cost: isResuming ? .zero : ContinuousClock.now - start)
    recorder = try recorder(of: trainer.configuration, viewsBy: trainer.recipe.randAugment, from: state)
  }

  mutating func record(_ progress: TrainingProgress) throws { try recorder?.record(progress) }

  mutating func afterStep<Learner>(_ trainer: Trainer<Learner>) throws { try keeper?.afterStep(trainer) }

  mutating func afterEpoch<Learner>(_ report: EpochReport, _ trainer: Trainer<Learner>) throws {
    try recorder?.record(report)
    try keeper?.afterEpoch(report, trainer)
  }

  mutating func finish(
    _ artifact: Artifact, _ classifier: any ImageClassifier, _ progress: (TrainingProgress) throws -> Void
  ) throws {
    let method = artifact.description.method
    guard let recorder else {
      seconds = (ContinuousClock.now - start).seconds
      try run.folder.begin(record(seconds: seconds), division: run.division) {
        try artifact.write(to: $0.artifactURL(of: method))
      }
      return try noteFit()
    }
    if let fast = classifier as? any FastAnswering {
      do {
        try FastMode(of: fast, on: run.dataset, by: session.extractor, within: session.budget, progress: progress)
          .map(run.folder.write)
      } catch let error as LearningError where error.kind == .notNumbers {
        // What was learned is kept all the same.
        try progress(.choice("The run cannot answer fast. \(error.problem)"))
      }
    }
    try artifact.write(to: run.folder.artifactURL(of: method))
    seconds = earlier + (ContinuousClock.now - start).seconds
    try run.folder.write(record(seconds: seconds))
    run.folder.removePreviousCheckpoint()
    try recorder.noteEnd(after: seconds)
  }

  mutating func stopped<Learner>(_ trainer: Trainer<Learner>, by error: any Error) -> any Error {
    recorder?.noteStop()
    return keeper?.ending(trainer, by: error) ?? error
  }

  private func record(seconds: Double? = nil) -> RunFolder.Record {
    run.newRecord(session.budget, threads: threads, precision: precision, seconds: seconds)
  }

  // MARK: Lines for people

  /// - Throws: `WritingError`, and what reading images throws.
  private func recorder(
    of training: TrainingConfiguration, viewsBy randAugment: RandAugment?, from state: TrainingState
  ) throws -> RunLogger {
    let steps = training.steps(forImages: run.dataset.training.count)
    let done = state.completedEpochs * steps + state.position.steps
    let recorder = try RunLogger(
      in: run.folder.url, schedule: training.schedule, totalSteps: training.epochs * steps, after: done)
    guard done == 0 else {
      try recorder.note("goes on after epoch \(state.completedEpochs), step \(state.position.steps) of \(steps)")
      return recorder
    }
    try recorder.note(run.title + ", \(training.epochs) epochs of \(steps) steps")
    let preprocessing = run.clip.configuration.preprocessing
    if let grid = try ViewGrid.image(
      of: run.dataset, preprocessing: preprocessing, seed: session.setup.seed, reading: run.reading,
      randAugment: randAugment)
    {
      try recorder.record(views: grid)
    }
    return recorder
  }

  /// Writes the lines of a method without steps at the end.
  private func noteFit() throws {
    try RunLogger.note(run.title, in: run.folder.url)
    try RunLogger.note(
      "\(session.method.isZeroShot ? "prepared" : "learned") in \(String(format: "%.1f", seconds)) s",
      in: run.folder.url)
  }
}

extension TrainingConfiguration {
  /// The number of steps in an epoch: a smaller last batch is dropped, unless it is the only one.
  func steps(forImages count: Int) -> Int { max(1, count / batchSize) }
}
