import Experiments
import Explanations
import Foundation
import PromptLearning

/// What a training leaves behind in the reference's output folder: `prompt_learner/` with its files, and lines of the log.
///
/// After every epoch, `checkpoint/training.safetensors` has everything that resuming needs, so that the same command
/// resumes where a training was stopped; the reference keeps no more than its own files, and resumes from those.
struct ReferenceOutput: TrainingOutput {
  static let trainingFile = "checkpoint/training.safetensors"

  /// The best epoch so far on validation images, where the configuration asks for it.
  var best: (accuracy: Double, classifier: any ImageClassifier)?

  private let run: ReferenceTraining
  private let description: ArtifactDescription
  private let training: TrainingConfiguration
  private let saving: RunPlan.Saving
  private let folder: PromptFolder
  private var lines: StepLines

  init(
    of run: ReferenceTraining, _ description: ArtifactDescription, _ training: TrainingConfiguration,
    _ saving: RunPlan.Saving
  ) {
    self.run = run
    self.description = description
    self.training = training
    self.saving = saving
    folder = PromptFolder(in: run.plan.outputFolder)
    lines = StepLines(training, printFrequency: saving.printFrequency)
  }

  func begin<Learner>(_ trainer: Trainer<Learner>, isResuming: Bool) {}

  mutating func record(_ progress: TrainingProgress) {
    guard case .step(let step) = progress,
      let line = lines.line(epoch: step.epoch, step: step.number, of: step.count, loss: step.loss)
    else { return }
    run.log.write(line)
  }

  func afterStep<Learner>(_ trainer: Trainer<Learner>) {}

  mutating func afterEpoch<Learner>(_ report: EpochReport, _ trainer: Trainer<Learner>) throws {
    let artifact = Artifact(description, trainer, resumable: true)
    if saving.keepsBest {
      let accuracy = try run.test(trainer.classifier, split: .val).accuracy
      if accuracy > best?.accuracy ?? -1 {
        best = (accuracy, trainer.classifier)
        try keep(artifact, epoch: report.epoch, fileName: PromptFolder.fileName(epoch: nil), accuracy: accuracy)
      }
    }
    let isTurn = saving.frequency.map { report.epoch % $0 == 0 } ?? false
    if isTurn || report.epoch == training.epochs {
      try keep(artifact, epoch: report.epoch, fileName: PromptFolder.fileName(epoch: report.epoch))
    }
    let file = run.plan.outputFolder.appending(path: Self.trainingFile)
    do {
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: file.path, reason: "its folder cannot be made")
    }
    try artifact.write(to: file)
  }

  func finish(
    _ artifact: Artifact, _ classifier: any ImageClassifier, _ progress: (TrainingProgress) throws -> Void
  ) {}

  func stopped<Learner>(_ trainer: Trainer<Learner>, by error: any Error) -> any Error { error }

  private func keep(_ artifact: Artifact, epoch: Int, fileName: String, accuracy: Double? = nil) throws {
    let training = ReferencePrompts.Training(
      epoch: epoch, learningRate: training.learningRate, validationResult: accuracy)
    let file = try folder.write(artifact, on: run.clip, training, fileName: fileName)
    run.log.write("Checkpoint saved to \(file.path)")
  }
}
