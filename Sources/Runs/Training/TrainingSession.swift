import CLIP
import Datasets
import Foundation
import Images
import PromptLearning

/// One training, from a method's setup to its result: `train`, `reproduce` and `compat` all use it.
///
/// The ``TrainingOutput`` writes the files; a session decides when.
public struct TrainingSession: Sendable {
  public let method: Method
  public let setup: MethodSetup
  /// The training; `nil` for a method without steps.
  public let training: TrainingConfiguration?
  /// The training images, with the setup's classes.
  public let dataset: Dataset
  public let identity: ModelIdentity
  public let budget: MemoryBudget
  public let cache: FeatureCache?
  /// The options of reading images.
  public let reading: PhotoReading
  /// The most that training images may take decoded, in bytes.
  public let photoMemory: Int
  /// The processes that train together; `nil` for this one alone.
  let team: TrainingTeam?

  /// The checkpoint that a training resumes from.
  package struct Checkpoint {
    package let artifact: Artifact
    /// The file's path in errors.
    package let path: String

    package init(_ artifact: Artifact, path: String) {
      self.artifact = artifact
      self.path = path
    }
  }

  package init(
    _ method: Method, _ setup: MethodSetup, training: TrainingConfiguration?, dataset: Dataset,
    identity: ModelIdentity, within budget: MemoryBudget, cache: FeatureCache? = nil,
    reading: PhotoReading = PhotoReading(), photoMemory: Int = MemoryBudget.automaticForPhotos,
    team: TrainingTeam? = nil
  ) {
    self.team = team
    self.method = method
    self.setup = setup
    self.training = training
    self.dataset = dataset
    self.identity = identity
    self.budget = budget
    self.cache = cache
    self.reading = reading
    self.photoMemory = photoMemory
  }

  /// What the artifact of this session says of itself.
  package var description: ArtifactDescription {
    get throws { try ArtifactDescription(method, setup, model: identity) }
  }

  var extractor: FeatureExtractor { FeatureExtractor(setup.clip, cache: cache, reading: reading) }

  private var images: LabelledImages {
    LabelledImages(dataset: dataset, extractor: extractor, cache: cache, reading: reading)
  }

  /// Learns, from the beginning or from a checkpoint.
  ///
  /// - Parameter progress: called after every step; it may throw to stop, and that step is saved.
  /// - Returns: the finished classifier.
  /// - Throws: the errors of reading images, of `output` and of `progress`.
  package func callAsFunction(
    from checkpoint: Checkpoint? = nil, into output: inout some TrainingOutput,
    progress: (TrainingProgress) throws -> Void
  ) throws -> any ImageClassifier {
    switch method.learning {
    case .direct(let learning):
      if let team, !team.isAlone { throw LearningError.undividable("The method '\(method.id)' has no steps") }
      let fitted = try learning.fit(setup, images, progress)
      try output.finish(
        Artifact(description, parameters: fitted.parameters, search: fitted.search), fitted.classifier, progress)
      return fitted.classifier
    case .stepwise(let learning):
      let learner =
        try checkpoint.map { try learning.restore($0.artifact, setup(for: $0), $0.path) }
        ?? learning.begin(setup, from: images, progress)
      return try train(
        learner, by: learning.recipe(setup), learning, from: checkpoint?.artifact.training?.state, into: &output,
        progress)
    }
  }

  /// The classifier before the first step, or without any.
  package func untrained() throws -> any ImageClassifier {
    switch method.learning {
    case .direct(let learning):
      return try learning.fit(setup, images) { _ in }.classifier
    case .stepwise(let learning):
      return try learning.begin(setup, from: images) { _ in }.classifier(on: setup.clip)
    }
  }

  private func train<Learner: TrainablePromptLearner>(
    _ learner: Learner, by recipe: TrainingRecipe, _ learning: StepwiseLearning, from state: TrainingState?,
    into output: inout some TrainingOutput, _ progress: (TrainingProgress) throws -> Void
  ) throws -> any ImageClassifier {
    guard let training else { return Classifier(setup.clip, learner) }
    var trainer = Trainer(
      Classifier(setup.clip, learner), configuration: training, recipe: recipe, seed: setup.seed, state: state,
      within: budget, cache: cache, reading: reading, photoMemory: photoMemory, team: team)
    // What cannot be trained destroys nothing: a new training takes the place of another once it has made a step.
    let first = trainer
    var hasBegun = false
    func begin() throws {
      guard !hasBegun else { return }
      try output.begin(first, isResuming: state != nil)
      hasBegun = true
    }
    if state != nil { try begin() }
    do {
      while trainer.state.completedEpochs < training.epochs {
        let report = try trainer.runEpoch(
          trainer.state.completedEpochs, on: dataset,
          progress: {
            if case .step = $0 { try begin() }
            try output.record($0)
            try progress($0)
          }, afterStep: { if hasBegun { try output.afterStep($0) } })
        try output.afterEpoch(report, trainer)
      }
      guard let finish = learning.finish else {
        try output.finish(Artifact(description, trainer, resumable: false), trainer.classifier, progress)
        return trainer.classifier
      }
      let finished = try finish(trainer.classifier.learner, setup, images, progress)
      let classifier = finished.learner.classifier(on: setup.clip)
      try output.finish(Artifact(description, finished), classifier, progress)
      return classifier
    } catch {
      throw output.stopped(trainer, by: error)
    }
  }

  /// Checks that a checkpoint fits the model.
  private func setup(for checkpoint: Checkpoint) throws -> MethodSetup {
    let found = checkpoint.artifact.description.method
    guard found == method else {
      throw LearningError.notAnArtifact(
        path: checkpoint.path, noun: "training of \(method.title)", reason: "it is one of \(found.title)")
    }
    return try checkpoint.artifact.setup(
      on: setup.clip, identity: identity, classNames: setup.classNames, path: checkpoint.path)
  }
}

/// The output of a training while it runs.
package protocol TrainingOutput {
  /// Starts the output after the first step of the training; `trainer` is in its state before that step.
  mutating func begin<Learner>(_ trainer: Trainer<Learner>, isResuming: Bool) throws
  mutating func record(_ progress: TrainingProgress) throws
  mutating func afterStep<Learner>(_ trainer: Trainer<Learner>) throws
  mutating func afterEpoch<Learner>(_ report: EpochReport, _ trainer: Trainer<Learner>) throws
  /// Saves the result and what follows from it.
  mutating func finish(
    _ artifact: Artifact, _ classifier: any ImageClassifier, _ progress: (TrainingProgress) throws -> Void
  ) throws
  /// - Returns: the error to throw for `error`, which has stopped the training.
  mutating func stopped<Learner>(_ trainer: Trainer<Learner>, by error: any Error) -> any Error
}
