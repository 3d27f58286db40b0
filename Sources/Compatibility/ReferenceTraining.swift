import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Tokenization
import Torch

/// One run of the reference with everything loaded: learning, saving, testing.
final class ReferenceTraining {
  let plan: RunPlan
  let clip: CLIPModel
  let identity: ModelIdentity
  let dataset: Dataset
  let seed: Int
  let budget: MemoryBudget
  let log: RunLog
  let check: () throws -> Void
  /// Image embeddings by split, encoded on first use.
  private var embeddings: [Split: Tensor] = [:]

  init(
    plan: RunPlan, clip: CLIPModel, identity: ModelIdentity, dataset: Dataset, seed: Int, budget: MemoryBudget,
    log: RunLog, check: @escaping () throws -> Void
  ) {
    self.plan = plan
    self.clip = clip
    self.identity = identity
    self.dataset = dataset
    self.seed = seed
    self.budget = budget
    self.log = log
    self.check = check
  }

  /// - Returns: the result of the last test, or `nil` where there is none.
  func run() throws -> Evaluation? {
    try checkLayers()
    switch plan.action {
    case .load:
      try log.open(in: plan.outputFolder)
      return nil
    case .evaluate(let folder, let epoch):
      let classifier = try classifier(in: folder, epoch: epoch)
      try log.open(in: plan.outputFolder)
      return try test(classifier, split: plan.testing.split)
    case .train(let training, let saving):
      return try train(training, saving)
    }
  }

  /// Checks that tokens stand up to the last block of the towers.
  private func checkLayers() throws {
    guard let key = plan.trainer.format.layersKey, let last = plan.configuration.integers(key)?.last else { return }
    let blocks = min(clip.textEncoder.layerCount, try clip.visionTransformer.layerCount)
    guard last == blocks else {
      throw CompatibilityError.range(key: key, expected: "blocks up to the last, \(blocks)", found: "up to \(last)")
    }
  }

  private func session(_ training: TrainingConfiguration?) throws -> TrainingSession {
    let sentences = try training == nil ? nil : plan.sentences.map(ClassSentences.init(contentsOf:))
    let setup = MethodSetup(
      clip: clip, classNames: dataset.classNames, dataset: plan.dataset.rawValue, seed: UInt64(seed),
      context: plan.context, options: plan.options, sentences: sentences)
    return TrainingSession(
      plan.trainer.method, setup, training: training, dataset: dataset, identity: identity, within: budget)
  }

  // MARK: Training

  /// Trains, saves the prompts of the requested epochs, and tests the last or the best.
  private func train(_ training: TrainingConfiguration, _ saving: RunPlan.Saving) throws -> Evaluation? {
    let start = ContinuousClock.now
    let session = try session(training)
    let earlier = try checkpoint(in: saving.resumeFolder, training)
    // What cannot begin, such as prompts deeper than a tower, leaves no folder.
    if earlier == nil { _ = try session.untrained() }
    try log.open(in: plan.outputFolder)
    var output = try ReferenceOutput(of: self, session.description, training, saving)
    let finished = earlier?.artifact.training?.state.completedEpochs ?? 0
    if finished > 0 {
      log.write("Found checkpoint at \(saving.resumeFolder.path) (epoch \(finished))")
      if saving.keepsBest { output.best = try earlierBest() }
    }
    let last = try session(from: earlier, into: &output) { _ in try check() }
    log.write(plan.trainer.ending)
    defer { log.write("Elapsed: \(StepLines.duration((ContinuousClock.now - start).seconds))") }
    guard !plan.testing.isSkipped else { return nil }
    log.write(saving.keepsBest ? "Deploy the model with the best val performance" : "Deploy the last-epoch model")
    let deployed = output.best?.classifier ?? last
    return try test(deployed, split: plan.testing.split)
  }

  /// The state of an earlier training of these prompts, or `nil` where there is none in `folder`.
  ///
  /// This package's own file has everything; one of the reference's has the prompts and the epoch, and the optimiser
  /// and the generator restart.
  private func checkpoint(
    in folder: URL, _ training: TrainingConfiguration
  ) throws -> TrainingSession.Checkpoint? {
    let exact = folder.appending(path: ReferenceOutput.trainingFile)
    if FileManager.default.fileExists(atPath: exact.path) {
      let artifact = try Artifact(contentsOf: exact)
      try checkFit(artifact, path: exact.path)
      return TrainingSession.Checkpoint(artifact, path: exact.path)
    }
    guard let file = PromptFolder(in: folder, of: plan.trainer).newest else { return nil }
    let prompts = try ReferencePrompts(at: file, of: plan.trainer.method)
    let artifact = try artifact(of: prompts)
    let epoch = prompts.epoch ?? 0
    guard !plan.trainer.method.averagesEpochs || epoch >= training.epochs else {
      throw CompatibilityError.noMean(path: file.path, trainer: plan.trainer.name)
    }
    let state = TrainingState(
      completedEpochs: epoch,
      optimizer: training.newOptimizer(),
      generator: SeededGenerator(seed: UInt64(seed) &+ UInt64(epoch) << 32))
    return TrainingSession.Checkpoint(
      Artifact(
        artifact.description, parameters: artifact.parameters,
        training: Artifact.Training(configuration: training, seed: UInt64(seed), state: state)),
      path: file.path)
  }

  /// The best epoch so far of a resumed training.
  private func earlierBest() throws -> (accuracy: Double, classifier: any ImageClassifier)? {
    guard let file = try? PromptFolder(in: plan.outputFolder, of: plan.trainer).file(epoch: nil) else { return nil }
    let prompts = try ReferencePrompts(at: file, of: plan.trainer.method)
    return (prompts.validationResult ?? -1, try classifier(of: prompts))
  }

  // MARK: Files

  /// The classifier of a folder of prompts over this dataset's classes; without a folder, with the initial prompts.
  private func classifier(in folder: URL?, epoch: Int?) throws -> any ImageClassifier {
    guard plan.trainer.learns else { return try session(nil).untrained() }
    guard let folder else {
      log.write("No --model-dir is given: the prompts are tested as they begin")
      return try session(nil).untrained()
    }
    let prompts = PromptFolder(in: folder, of: plan.trainer)
    let last = epoch == nil && plan.trainer.format.loadsLast ? prompts.bestOrLast : nil
    return try classifier(at: last ?? prompts.file(epoch: epoch))
  }

  private func classifier(at file: URL) throws -> any ImageClassifier {
    let prompts = try ReferencePrompts(at: file, of: plan.trainer.method)
    log.write("Loading prompts from \(file.path)\(prompts.epoch.map { " (epoch \($0))" } ?? "")")
    return try classifier(of: prompts)
  }

  private func classifier(of prompts: ReferencePrompts) throws -> any ImageClassifier {
    let answers = Set(plan.trainer.method.options.filter(\.decidesAnswers).map(\.name))
    let answering = try artifact(of: prompts).answering(with: plan.options.values.filter { answers.contains($0.key) })
    return try answering.classifier(
      on: clip, identity: identity, classNames: dataset.classNames, path: prompts.url.path)
  }

  /// The prompts of a file, after the check that the configuration describes them. The file contains neither the
  /// learned classes nor the position of the class name: these come from the configuration.
  private func artifact(of prompts: ReferencePrompts) throws -> Artifact {
    guard prompts.method == plan.trainer.method else {
      throw CompatibilityError.otherMethod(
        path: prompts.url.path, trainer: plan.trainer.name, found: prompts.method.title)
    }
    let artifact = try prompts.checkpoint(
      on: clip, identity: identity, classNames: [], position: plan.context.position, dataset: plan.dataset.rawValue,
      context: plan.context)
    try checkFit(artifact, path: prompts.url.path)
    return artifact
  }

  /// Refuses prompts that the configuration does not describe; the reference's loader would fail on them too.
  private func checkFit(_ artifact: Artifact, path: String) throws {
    guard artifact.description.method == plan.trainer.method else {
      throw CompatibilityError.otherMethod(
        path: path, trainer: plan.trainer.name, found: artifact.description.method.title)
    }
    for (key, length) in plan.trainer.lengthKeys {
      let configured =
        length == .vectors("ctx")
        ? plan.context.length ?? clip.tokenizer.encode(plan.context.words ?? "").count
        : plan.configuration.length(key)
      let found = length.found { artifact.parameters[$0]?.shape } ?? 0
      guard found == configured else {
        throw CompatibilityError.length(path: path, key: key, configured: configured, found: length.phrase(found))
      }
    }
  }

  // MARK: Testing

  /// Tests a classifier and writes the result into the log. Without validation images, the test images are used.
  func test(_ classifier: some ImageClassifier, split: Split) throws -> Evaluation {
    let split = dataset.examples(in: split).isEmpty ? Split.test : split
    log.write("Evaluate on the *\(split.rawValue)* set")
    let examples = dataset.examples(in: split)
    let evaluation = try Evaluator(classifier, within: budget).report(
      on: imageEmbeddings(of: split, by: classifier.clip), labels: examples.map(\.label), classNames: dataset.classNames
    )
    let lines = ResultLines(
      evaluation, isPerClass: plan.testing.isPerClass, decimals: plan.trainer.format.decimals
    ).lines
    for line in lines { log.write(line) }
    return evaluation
  }

  /// - Parameter clip: the classifier's, whose image tower may hold prompts: then nothing is kept.
  private func imageEmbeddings(of split: Split, by clip: CLIPModel) throws -> Tensor {
    let isFrozen = !plan.trainer.method.promptsImages
    if isFrozen, let known = embeddings[split] { return known }
    let files = dataset.examples(in: split).map(dataset.url(of:))
    let encoded = try FeatureExtractor(clip).embeddings(of: files) { _ in try check() }
    if isFrozen { embeddings[split] = encoded }
    return encoded
  }
}

extension ReferenceFormat.Key.Length {
  /// A number of what is counted.
  fileprivate func phrase(_ count: Int) -> String {
    switch self {
    case .vectors("ctx"): "\(count) context vectors"
    case .vectors("compound_rep_tokens"): "\(count) tokens in each block"
    case .vectors: "\(count) prompts in each block of the image tower"
    case .layers: "tokens for \(count) blocks"
    case .width: "tokens of \(count) numbers"
    case .blocks: "prompts for \(count) blocks"
    }
  }
}
