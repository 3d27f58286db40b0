import CLIP
import Datasets
import Experiments
import Explanations
import Foundation
import PromptLearning
import Torch

/// One run of the reference with everything loaded: learning, keeping, testing.
final class Experiment {
  let plan: RunPlan
  let clip: CLIPModel
  let identity: ModelIdentity
  let dataset: Dataset
  let seed: Int
  let budget: MemoryBudget
  let log: RunLog
  let check: () throws -> Void
  /// Image features by part, encoded when they are first asked for.
  private var features: [Split: Tensor] = [:]

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
    switch plan.action {
    case .load:
      try log.open(in: plan.outputFolder)
      return nil
    case .evaluate(let folder, let epoch):
      let learner = try learner(in: folder, epoch: epoch)
      try log.open(in: plan.outputFolder)
      return try test(learner, split: plan.testing.split)
    case .train(let training, let saving):
      switch plan.trainer.method {
      case .coop: return try train(newContextPrompts(), training, saving)
      case .cocoop: return try train(newConditionalPrompts(), training, saving)
      case .zeroShot, .zeroShotEnsemble, .linearProbe:
        throw CompatibilityError.notTrained(trainer: plan.trainer.rawValue)
      }
    }
  }

  private func newContextPrompts() throws -> ContextPrompts {
    try ContextPrompts(
      for: dataset.classNames, initialContext: plan.context.initial, position: plan.context.position,
      isClassSpecific: plan.context.isClassSpecific, clip: clip, seed: UInt64(seed))
  }

  private func newConditionalPrompts() throws -> ConditionalPrompts {
    try ConditionalPrompts(
      for: dataset.classNames, initialContext: plan.context.initial, clip: clip, seed: UInt64(seed))
  }

  // MARK: Testing

  /// The learner of a folder of prompts over this dataset's classes.
  private func learner(in folder: URL?, epoch: Int?) throws -> any PromptLearner {
    guard plan.trainer.learns else {
      return try plan.trainer.fixedPrompts(for: dataset, named: plan.dataset.rawValue, clip: clip)
    }
    guard let folder else {
      log.write("No --model-dir is given: the prompts are tested as they begin")
      return plan.trainer == .coop ? try newContextPrompts() : try newConditionalPrompts()
    }
    let file = try PromptFolder(in: folder).file(epoch: epoch)
    let prompts = try ReferencePrompts(at: file)
    log.write("Loading prompts from \(file.path)\(prompts.epoch.map { " (epoch \($0))" } ?? "")")
    let checkpoint = try checkpoint(of: prompts)
    return try checkpoint.learner(on: clip, identity: identity, classNames: dataset.classNames, path: file.path)
  }

  /// The prompts of a file, once it is known that the configuration describes them. The file doesn't know which classes
  /// it was learned on, nor where the class name stands: the configuration says it.
  func checkpoint(of prompts: ReferencePrompts) throws -> PromptCheckpoint {
    guard prompts.method == plan.trainer.method else {
      throw CompatibilityError.otherMethod(
        path: prompts.url.path, trainer: plan.trainer.rawValue, found: prompts.method.title)
    }
    let checkpoint = try prompts.checkpoint(
      on: clip, identity: identity, classNames: [], position: plan.context.position)
    try checkFit(checkpoint, path: prompts.url.path)
    return checkpoint
  }

  /// Refuses prompts that the configuration does not describe; the reference's loader would fail on them too.
  func checkFit(_ checkpoint: PromptCheckpoint, path: String) throws {
    guard checkpoint.description.method == plan.trainer.method else {
      throw CompatibilityError.otherMethod(
        path: path, trainer: plan.trainer.rawValue, found: checkpoint.description.method.title)
    }
    let shape = checkpoint.parameters["ctx"]?.shape ?? []
    let found = shape.count >= 2 ? shape[shape.count - 2] : 0
    let configured = plan.context.length ?? clip.tokenizer.encode(plan.context.words ?? "").count
    guard found == configured else {
      throw CompatibilityError.contextLength(
        path: path, key: plan.trainer.contextLengthKey, configured: configured, found: found)
    }
  }

  /// Tests `learner` and writes the result into the log. Without validation images, those for testing are taken.
  func test(_ learner: some PromptLearner, split: Split) throws -> Evaluation {
    let split = dataset.examples(in: split).isEmpty ? Split.test : split
    log.write("Evaluate on the *\(split.rawValue)* set")
    let examples = dataset.examples(in: split)
    let evaluation = try Evaluator(Classifier(clip, learner), within: budget).report(
      on: imageFeatures(of: split), labels: examples.map(\.label), classNames: dataset.classNames)
    for line in ResultLines(evaluation, isPerClass: plan.testing.isPerClass).lines { log.write(line) }
    return evaluation
  }

  private func imageFeatures(of split: Split) throws -> Tensor {
    if let features = features[split] { return features }
    let files = dataset.examples(in: split).map(dataset.url(of:))
    let encoded = try FeatureExtractor(clip).features(of: files) { _ in try check() }
    features[split] = encoded
    return encoded
  }
}
