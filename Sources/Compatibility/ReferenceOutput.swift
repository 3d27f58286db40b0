import CLIP
import Datasets
import Foundation
import PromptLearning
import Runs
import Support
import Torch

/// The output of a training in the reference's output folder: the folder of prompts, and lines of the log.
///
/// After every epoch, `checkpoint/training.safetensors` has everything that a resume needs, so that the same command
/// resumes where a training was stopped; the reference saves only its own files, and resumes from those.
struct ReferenceOutput: TrainingOutput {
  static let trainingFile = "checkpoint/training.safetensors"

  /// The best epoch so far on validation images, where the configuration requests it.
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
    folder = PromptFolder(in: run.plan.outputFolder, of: run.plan.trainer)
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

/// The reference's folder of prompts: `prompt_learner/` in an output folder, or what a trainer calls it, with files
/// `model.pth.tar-EPOCH`, possibly `model-best.pth.tar`, and a text `checkpoint` with the name of the newest.
struct PromptFolder: Sendable {
  let url: URL

  init(in outputFolder: URL, of trainer: ReferenceTrainer) {
    url = outputFolder.appending(path: trainer.format.folderName, directoryHint: .isDirectory)
  }

  static func fileName(epoch: Int?) -> String { epoch.map { "model.pth.tar-\($0)" } ?? "model-best.pth.tar" }

  /// The existing files of prompts, by epoch, the best last.
  var files: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    let epochs = names.compactMap { $0.wholeMatch(of: /model\.pth\.tar-(\d{1,9})/).flatMap { Int($0.1) } }.sorted()
    return epochs.map { Self.fileName(epoch: $0) } + names.filter { $0 == Self.fileName(epoch: nil) }
  }

  /// The best file, or else that of the last epoch.
  var bestOrLast: URL? { files.last.map { url.appending(path: $0) } }

  /// The file whose name is in `checkpoint`, if there is one.
  var newest: URL? {
    let text = try? String(contentsOf: url.appending(path: "checkpoint"), encoding: .utf8)
    let name = text?.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return files.contains(name) ? url.appending(path: name) : nil
  }

  /// The file of an epoch, or of the best one.
  ///
  /// - Throws: ``CompatibilityError/noEpoch(path:found:)``.
  func file(epoch: Int?) throws -> URL {
    let file = url.appending(path: Self.fileName(epoch: epoch))
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw CompatibilityError.noEpoch(path: file.path, found: files)
    }
    return file
  }

  /// Writes a file of prompts in the format of the reference's loader, and `checkpoint` with its name.
  func write(
    _ prompts: Artifact, on clip: CLIPModel, _ training: ReferencePrompts.Training, fileName: String
  ) throws -> URL {
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: url.path, reason: "the folder cannot be made")
    }
    let file = url.appending(path: fileName)
    try ReferencePrompts.write(prompts, on: clip, training, precision: .float32, to: file)
    try AtomicFile.write(Data("\(fileName)\n".utf8), to: url.appending(path: "checkpoint"))
    return file
  }
}
