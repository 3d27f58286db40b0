import CLIP
import Foundation
import PromptLearning
import Support

/// The interval between checkpoints. An interruption loses at most the work since the last one.
public enum CheckpointInterval: Sendable, Equatable {
  /// Checkpoints take at most a hundredth of the time: after a step once ten seconds have passed, after an epoch at
  /// once, but never before a hundred times the duration of the last checkpoint's writing has passed.
  case automatic
  /// A checkpoint follows every so many steps of an epoch, and every epoch.
  case steps(Int)

  /// - Parameters:
  ///   - step: the number of the completed step, from 1; `nil` at the end of an epoch.
  ///   - elapsed: the time since the last checkpoint.
  ///   - cost: the duration of its writing.
  package func isDue(after step: Int?, elapsed: Duration, cost: Duration) -> Bool {
    switch self {
    case .automatic: elapsed >= cost * 100 && (step == nil || elapsed >= .seconds(10))
    case .steps(let count): step.map { $0.isMultiple(of: max(1, count)) } ?? true
    }
  }
}

/// Writes the checkpoints of one training, and the lines of its epochs: `metrics.jsonl` may be ahead of the checkpoint,
/// never behind.
struct CheckpointWriter {
  let folder: RunFolder
  /// The description of the checkpoints' artifact.
  let description: ArtifactDescription
  let interval: CheckpointInterval

  private var metrics: AppendedFile?
  private var written = ContinuousClock.now
  private var cost = Duration.zero
  /// The position of the training in the newest checkpoint.
  private var kept: (epochs: Int, steps: Int)

  /// - Parameters:
  ///   - state: the state that is already saved.
  ///   - cost: the duration of its writing; zero where it is not known.
  init(
    _ folder: RunFolder, _ description: ArtifactDescription, every interval: CheckpointInterval,
    from state: TrainingState,
    cost: Duration = .zero
  ) {
    self.folder = folder
    self.description = description
    self.interval = interval
    self.cost = cost
    kept = (state.completedEpochs, state.position.steps)
  }

  mutating func afterStep<Learner>(_ trainer: Trainer<Learner>) throws {
    guard isDue(after: trainer.state.position.steps) else { return }
    try keep(trainer)
  }

  mutating func afterEpoch<Learner>(_ report: EpochReport, _ trainer: Trainer<Learner>) throws {
    let metrics = try metrics ?? AppendedFile(folder.metricsURL)
    self.metrics = metrics
    try metrics.append(RunFolder.line(of: report))
    guard isDue(after: nil) || trainer.state.completedEpochs == trainer.configuration.epochs else { return }
    try keep(trainer)
  }

  /// Saves the state unless it is already saved.
  mutating func keep<Learner>(_ trainer: Trainer<Learner>) throws {
    let state = trainer.state
    guard kept != (state.completedEpochs, state.position.steps) else { return }
    let start = ContinuousClock.now
    try metrics?.sync()
    try folder.write(checkpoint: Artifact(description, trainer, resumable: true))
    written = .now
    cost = written - start
    kept = (state.completedEpochs, state.position.steps)
  }

  /// The error that ends a training, after its last step is saved where that is possible.
  mutating func ending<Learner>(_ trainer: Trainer<Learner>, by error: any Error) -> any Error {
    do {
      // Diverged numbers are useless for a resume, and a full disk has no space now.
      if (error as? LearningError)?.kind == .diverged { return error }
      if error is WritingError { throw error }
      try keep(trainer)
      return error
    } catch let error as WritingError {
      return RunError.notKept(path: error.path, reason: error.reason, epoch: kept.epochs + 1, step: kept.steps)
    } catch {
      return error
    }
  }

  private func isDue(after step: Int?) -> Bool {
    interval.isDue(after: step, elapsed: ContinuousClock.now - written, cost: cost)
  }
}
