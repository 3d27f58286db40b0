import Foundation
import PromptLearning

extension TrainingRun {
  /// What takes a training down for its readers, from where it begins or goes on.
  ///
  /// - Throws: `WritingError`, and what reading images throws.
  func recorder(of training: TrainingConfiguration, from state: TrainingState) throws -> RunRecorder {
    let steps = training.steps(forImages: dataset.training.count)
    let done = state.completedEpochs * steps + state.position.steps
    let recorder = try RunRecorder(
      in: folder.url, schedule: training.schedule, totalSteps: training.epochs * steps, after: done)
    guard done == 0 else {
      try recorder.note("goes on after epoch \(state.completedEpochs), step \(state.position.steps) of \(steps)")
      return recorder
    }
    try recorder.note(beginning + ", \(training.epochs) epochs of \(steps) steps")
    let seed = UInt64(bitPattern: Int64(configuration.seed))
    if let grid = try ViewGrid.image(
      of: dataset, preprocessing: clip.configuration.preprocessing, seed: seed, reading: reading)
    {
      try recorder.record(views: grid)
    }
    return recorder
  }

  /// What is learned without steps leaves its lines at the end.
  ///
  /// - Throws: `WritingError`.
  func noteEnd(after seconds: Double) throws {
    try RunRecorder.note(beginning, in: folder.url)
    try RunRecorder.note("learned in \(String(format: "%.1f", seconds)) s", in: folder.url)
  }

  private var beginning: String {
    "\(configuration.method.title) on \(dataset.name): \(dataset.classNames.count) classes, "
      + "\(dataset.training.count) images, seed \(configuration.seed), \(identity.name)"
  }
}

extension TrainingConfiguration {
  /// The steps of an epoch: a smaller last batch is dropped, unless it is the only one.
  func steps(forImages count: Int) -> Int { max(1, count / batchSize) }
}
