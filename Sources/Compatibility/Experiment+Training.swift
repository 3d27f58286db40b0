import CLIP
import Explanations
import Foundation
import PromptLearning

extension Experiment {
  /// Trains, keeps the prompts of the epochs asked for, and tests the last or the best.
  ///
  /// After every epoch, `checkpoint/training.safetensors` has everything that a continued training needs, so that
  /// the same command goes on where a training was stopped; the reference keeps no more than its own files, and goes on
  /// from those.
  func train<Learner: TrainablePromptLearner>(
    _ initial: Learner, _ training: TrainingConfiguration, _ saving: RunPlan.Saving
  ) throws -> Evaluation? {
    let start = ContinuousClock.now
    let trainingSeed = UInt64(seed)
    let earlier = try resumed(from: saving.resumeFolder, as: initial)
    var trainer = Trainer(
      Classifier(clip, earlier?.learner ?? initial), configuration: training, seed: trainingSeed,
      state: earlier?.state)
    try log.open(in: plan.outputFolder)
    let finished = trainer.state.completedEpochs
    if finished > 0 { log.write("Found checkpoint at \(saving.resumeFolder.path) (epoch \(finished))") }
    let folder = PromptFolder(in: plan.outputFolder)
    var best: (accuracy: Double, learner: Learner)?
    var lines = StepLines(training, printFrequency: saving.printFrequency)
    for epoch in finished..<max(finished, training.epochs) {
      try trainer.runEpoch(epoch, on: dataset) { progress in
        try check()
        guard case .step(let epoch, let step, let steps, _, let loss) = progress,
          let line = lines.line(epoch: epoch, step: step, of: steps, loss: loss)
        else { return }
        log.write(line)
      }
      let learner = trainer.classifier.learner
      if saving.keepsBest {
        let accuracy = try test(learner, split: .val).accuracy
        if accuracy > best?.accuracy ?? -1 {
          best = (accuracy, learner)
          try keep(trainer, in: folder, fileName: PromptFolder.fileName(epoch: nil))
        }
      }
      let isTurn = saving.frequency.map { (epoch + 1) % $0 == 0 } ?? false
      if isTurn || epoch + 1 == training.epochs {
        try keep(trainer, in: folder, fileName: PromptFolder.fileName(epoch: epoch + 1))
      }
      try keepTraining(trainer)
    }
    log.write("Finish training")
    defer { log.write("Elapsed: \(StepLines.duration((ContinuousClock.now - start).seconds))") }
    guard !plan.testing.isSkipped else { return nil }
    guard saving.keepsBest else {
      log.write("Deploy the last-epoch model")
      return try test(trainer.classifier.learner, split: plan.testing.split)
    }
    log.write("Deploy the model with the best val performance")
    return try test(try best?.learner ?? bestEarlier(in: folder, like: initial), split: plan.testing.split)
  }

  private func keep<Learner>(_ trainer: Trainer<Learner>, in folder: PromptFolder, fileName: String) throws {
    let file = try folder.write(PromptCheckpoint(trainer, model: identity, resumable: false), fileName: fileName)
    log.write("Checkpoint saved to \(file.path)")
  }

  // MARK: Going on

  private static let trainingFile = "checkpoint/training.safetensors"

  private func keepTraining<Learner>(_ trainer: Trainer<Learner>) throws {
    let file = plan.outputFolder.appending(path: Self.trainingFile)
    do {
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: file.path, reason: "its folder cannot be made")
    }
    try PromptCheckpoint(trainer, model: identity, resumable: true).write(to: file)
  }

  /// Where an earlier training of these prompts stood, or `nil` where there is none in `folder`.
  private func resumed<Learner: TrainablePromptLearner>(
    from folder: URL, as initial: Learner
  ) throws -> (learner: Learner, state: TrainingState?)? {
    let exact = folder.appending(path: Self.trainingFile)
    let isExact = FileManager.default.fileExists(atPath: exact.path)
    guard let file = isExact ? exact : PromptFolder(in: folder).newest else { return nil }
    let checkpoint = isExact ? try PromptCheckpoint(contentsOf: file) : try PromptFolder(in: folder).read(file)
    let learner = try restored(checkpoint, like: initial, path: file.path)
    return (learner, checkpoint.training?.state)
  }

  private func bestEarlier<Learner: TrainablePromptLearner>(
    in folder: PromptFolder, like initial: Learner
  ) throws -> Learner {
    let file = try folder.file(epoch: nil)
    return try restored(folder.read(file), like: initial, path: file.path)
  }

  /// The learner of a file, once it is known to belong to this model, trainer and configuration.
  private func restored<Learner: TrainablePromptLearner>(
    _ checkpoint: PromptCheckpoint, like initial: Learner, path: String
  ) throws -> Learner {
    try checkFit(checkpoint, path: path)
    let learner = try checkpoint.learner(on: clip, identity: identity, classNames: dataset.classNames, path: path)
    guard let learner = learner as? Learner else {
      throw CompatibilityError.otherMethod(
        path: path, trainer: plan.trainer.rawValue, found: checkpoint.description.method.title)
    }
    return learner
  }
}
