import Datasets
import Foundation
import PromptLearning
import Runs

/// A command line of the reference, translated to the terms of this package.
public struct RunPlan: Sendable {
  package let trainer: ReferenceTrainer
  package let action: Action
  package let dataset: ReferenceDataset
  /// The folder that holds the datasets' folders.
  package let root: URL
  package let classes: ClassSubset
  /// The number of training images of each class; `nil` takes all.
  package let shots: Int?
  /// The seed; `nil` where none is given and one must be drawn.
  package let seed: Int?
  package let context: ContextSettings
  package let options: MethodOptions
  package let testing: Testing
  public let outputFolder: URL
  /// The file of sentences that the trainer learns from; `nil` where it learns from none.
  package let sentences: URL?
  /// The configuration by lines, for the log.
  let lines: [String]
  /// Parts of the command line that cannot be followed exactly; one sentence each, without its full stop.
  public let warnings: [String]
  let backbone: Backbone
  let configuration: ReferenceConfiguration

  package enum Action: Sendable {
    case train(TrainingConfiguration, Saving)
    /// `nil` for `epoch` is the best; `nil` for the folder tests the initial prompts.
    case evaluate(folder: URL?, epoch: Int?)
    /// Everything is loaded, and nothing else happens (`--no-train`).
    case load
  }

  package struct Saving: Sendable {
    /// The number of epochs between files of prompts; `nil` saves the last alone.
    package let frequency: Int?
    /// The number of steps between lines of the log.
    package let printFrequency: Int
    package let keepsBest: Bool
    /// The folder of a training that may be resumed.
    package let resumeFolder: URL
  }

  package struct Testing: Sendable {
    package let isSkipped: Bool
    package let split: Split
    package let isPerClass: Bool
  }

  /// - Parameters:
  ///   - arguments: the arguments of the reference's `train.py`.
  ///   - environment: the environment of the process; `COCOOP_MODELS` is a folder of checkpoints.
  ///   - workingFolder: that the reference's program would be started in; `nil` is the current one.
  /// - Throws: ``CompatibilityError``, `LearningError`.
  public init(
    _ arguments: Arguments, environment: [String: String] = [:], workingFolder: URL? = nil
  ) throws {
    let configuration = try ReferenceConfiguration(arguments)
    guard !configuration.text("TRAINER.NAME").isEmpty else {
      throw CompatibilityError.missing(option: "--trainer", key: "TRAINER.NAME")
    }
    try configuration.check(.everyRun)
    guard let trainer = ReferenceTrainer(named: configuration.text("TRAINER.NAME")) else {
      throw CompatibilityError.missing(option: "--trainer", key: "TRAINER.NAME")
    }
    try configuration.check(trainer.scope)
    dataset = try ReferenceDataset(named: configuration.text("DATASET.NAME"))
    guard !configuration.text("DATASET.ROOT").isEmpty else {
      throw CompatibilityError.missing(option: "--root", key: "DATASET.ROOT")
    }
    root = URL(filePath: configuration.text("DATASET.ROOT").expandingHome, directoryHint: .isDirectory)
    classes = ClassSubset(rawValue: configuration.text("DATASET.SUBSAMPLE_CLASSES")) ?? .all
    let shots = configuration.integer("DATASET.NUM_SHOTS")
    self.shots = shots >= 1 ? shots : nil
    let seed = configuration.integer("SEED")
    self.seed = seed >= 0 ? seed : nil
    outputFolder = URL(filePath: configuration.text("OUTPUT_DIR").expandingHome, directoryHint: .isDirectory)
    testing = Testing(
      isSkipped: configuration.flag("TEST.NO_TEST"), split: Split(rawValue: configuration.text("TEST.SPLIT")) ?? .test,
      isPerClass: configuration.flag("TEST.PER_CLASS_RESULT"))
    context = trainer.context(configuration, on: dataset)
    options = try trainer.options(configuration)
    backbone = Backbone(configuration.text("MODEL.BACKBONE.NAME"), environment: environment)
    if arguments.evaluatesOnly {
      let folder = arguments.modelFolder
      action = .evaluate(
        folder: folder.isEmpty ? nil : URL(filePath: folder.expandingHome, directoryHint: .isDirectory),
        epoch: arguments.loadEpoch)
    } else if arguments.skipsTraining {
      action = .load
    } else {
      guard trainer.learns else { throw CompatibilityError.notTrained(trainer: trainer.name) }
      try configuration.check(.training)
      action = .train(
        try configuration.training(of: trainer, on: dataset), try configuration.saving(outputFolder: outputFolder))
    }
    sentences = trainer.format.sentenceFile?(dataset.rawValue).map { path in
      workingFolder.map { $0.appending(path: path) } ?? URL(filePath: path)
    }
    self.trainer = trainer
    self.configuration = configuration
    lines = configuration.lines
    warnings = configuration.ignoredKeys + trainer.warnings(configuration, arguments)
  }
}

extension ReferenceConfiguration {
  /// How prompts are trained.
  fileprivate func training(of trainer: ReferenceTrainer, on dataset: ReferenceDataset) throws -> TrainingConfiguration
  {
    let epochs = max(0, integer("OPTIM.WARMUP_EPOCH"))
    let warmUp: WarmUp =
      text("OPTIM.WARMUP_TYPE") == "constant"
      ? .constant(epochs: epochs, rate: number("OPTIM.WARMUP_CONS_LR"))
      : .linear(epochs: epochs, start: number("OPTIM.WARMUP_MIN_LR"))
    var training = try TrainingConfiguration(
      epochs: integer("OPTIM.MAX_EPOCH"), batchSize: integer("DATALOADER.TRAIN_X.BATCH_SIZE"),
      learningRate: number("OPTIM.LR"), warmUp: warmUp, momentum: number("OPTIM.MOMENTUM"),
      weightDecay: number("OPTIM.WEIGHT_DECAY"))
    training.epochs = trainer.format.epochs?(dataset.rawValue) ?? training.epochs
    let usual = trainer.method.defaultTraining
    training.optimizer = usual?.optimizer ?? training.optimizer
    training.epsilon = usual?.epsilon ?? training.epsilon
    if trainer.format.views == .chosenCrop { training.smallestCrop = try smallestCrop() }
    return training
  }

  /// The lower end of the area of random crops.
  private func smallestCrop() throws -> Double {
    let key = "INPUT.RRCROP_SCALE"
    guard case .list(let ends) = value(key), ends.count == 2, ends[1].asNumber == 1, ends[0].asNumber > 0,
      ends[0].asNumber <= 1
    else {
      throw CompatibilityError.range(
        key: key, expected: "a number above 0 and at most 1, and then 1", found: "\(value(key))")
    }
    return ends[0].asNumber
  }

  fileprivate func saving(outputFolder: URL) throws -> RunPlan.Saving {
    let printFrequency = integer("TRAIN.PRINT_FREQ")
    guard printFrequency >= 1 else {
      throw CompatibilityError.range(key: "TRAIN.PRINT_FREQ", expected: "1 or more", found: "\(printFrequency)")
    }
    let frequency = integer("TRAIN.CHECKPOINT_FREQ")
    let resume = text("RESUME")
    return RunPlan.Saving(
      frequency: frequency > 0 ? frequency : nil, printFrequency: printFrequency,
      keepsBest: text("TEST.FINAL_MODEL") == "best_val" && !flag("TEST.NO_TEST"),
      resumeFolder: resume.isEmpty ? outputFolder : URL(filePath: resume.expandingHome, directoryHint: .isDirectory))
  }
}
