import CLIP
import Explanations
import Foundation
import Images
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
    let earlier = try resumed(from: saving.resumeFolder, as: initial, training)
    var trainer = Trainer(
      Classifier(clip, earlier?.learner ?? initial), configuration: training, seed: trainingSeed,
      state: earlier?.state, within: budget)
    try log.open(in: plan.outputFolder)
    let finished = trainer.state.completedEpochs
    if finished > 0 { log.write("Found checkpoint at \(saving.resumeFolder.path) (epoch \(finished))") }
    let folder = PromptFolder(in: plan.outputFolder)
    var best = finished > 0 && saving.keepsBest ? try earlierBest(in: folder, like: initial) : nil
    var lines = StepLines(training, printFrequency: saving.printFrequency)
    for epoch in finished..<max(finished, training.epochs) {
      try trainer.runEpoch(epoch, on: dataset) { progress in
        try check()
        guard case .step(let epoch, let step, let steps, _, let loss, _) = progress,
          let line = lines.line(epoch: epoch, step: step, of: steps, loss: loss)
        else { return }
        log.write(line)
      }
      let learner = trainer.classifier.learner
      if saving.keepsBest {
        let accuracy = try test(learner, split: .val).accuracy
        if accuracy > best?.accuracy ?? -1 {
          best = (accuracy, learner)
          try keep(trainer, in: folder, fileName: PromptFolder.fileName(epoch: nil), accuracy: accuracy)
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
    return try test(best?.learner ?? trainer.classifier.learner, split: plan.testing.split)
  }

  private func keep<Learner>(
    _ trainer: Trainer<Learner>, in folder: PromptFolder, fileName: String, accuracy: Double? = nil
  ) throws {
    let prompts = PromptCheckpoint(trainer, model: identity, resumable: false)
    let training = ReferencePrompts.Training(
      epoch: trainer.state.completedEpochs, learningRate: trainer.configuration.learningRate, validationResult: accuracy
    )
    let file = try folder.write(prompts, on: clip, training, fileName: fileName)
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
  ///
  /// Our own file has everything; one of the reference's has the prompts and the epoch, and the optimiser and the
  /// generator begin anew.
  private func resumed<Learner: TrainablePromptLearner>(
    from folder: URL, as initial: Learner, _ training: TrainingConfiguration
  ) throws -> (learner: Learner, state: TrainingState?)? {
    let exact = folder.appending(path: Self.trainingFile)
    if FileManager.default.fileExists(atPath: exact.path) {
      let checkpoint = try PromptCheckpoint(contentsOf: exact)
      try checkFit(checkpoint, path: exact.path)
      return (try restored(checkpoint, like: initial, path: exact.path), checkpoint.training?.state)
    }
    guard let file = PromptFolder(in: folder).newest else { return nil }
    let prompts = try ReferencePrompts(at: file)
    let epoch = prompts.epoch ?? 0
    let state = TrainingState(
      completedEpochs: epoch,
      optimizer: SGD(momentum: Float(training.momentum), weightDecay: Float(training.weightDecay)),
      generator: SeededGenerator(seed: UInt64(seed) &+ UInt64(epoch) << 32))
    return (try restored(checkpoint(of: prompts), like: initial, path: file.path), state)
  }

  /// The best epoch so far of a training that is continued.
  private func earlierBest<Learner: TrainablePromptLearner>(
    in folder: PromptFolder, like initial: Learner
  ) throws -> (accuracy: Double, learner: Learner)? {
    guard let file = try? folder.file(epoch: nil) else { return nil }
    let prompts = try ReferencePrompts(at: file)
    let learner = try restored(checkpoint(of: prompts), like: initial, path: file.path)
    return (prompts.validationResult ?? -1, learner)
  }

  /// The learner of a file that belongs to this trainer and configuration, once it is known to belong to this model.
  private func restored<Learner: TrainablePromptLearner>(
    _ checkpoint: PromptCheckpoint, like initial: Learner, path: String
  ) throws -> Learner {
    let learner = try checkpoint.learner(on: clip, identity: identity, classNames: dataset.classNames, path: path)
    guard let learner = learner as? Learner else {
      throw CompatibilityError.otherMethod(
        path: path, trainer: plan.trainer.rawValue, found: checkpoint.description.method.title)
    }
    return learner
  }
}
