import CLIP
import Datasets
import Foundation
import Images
import Support
import Torch

/// Improves a learner on the training images of a dataset, epoch by epoch, with CLIP frozen.
///
/// All randomness comes from one generator, so that a seed gives the same prompts again, and a training that resumes
/// from its saved state ends with the same bits as an uninterrupted one.
public struct Trainer<Learner: TrainablePromptLearner>: Sendable {
  /// The classifier with the prompts learned so far.
  public private(set) var classifier: Classifier<Learner>
  public let configuration: TrainingConfiguration
  public let recipe: TrainingRecipe
  public let seed: UInt64
  /// The state that a resumed training needs in addition to the parameters.
  public private(set) var state: TrainingState

  private let schedule: LearningRateSchedule
  private var budget: MemoryBudget
  /// Whether a device was out of memory once, and passes are smaller since.
  private var isHalved = false
  /// The steps as an accelerator records them; `nil` where it cannot, or has no memory for it.
  private var recorded: RecordedGradients<Learner>?
  private let cache: FeatureCache?
  private let reading: PhotoReading
  private let photoMemory: Int
  private let team: TrainingTeam
  private var plan: MicrobatchPlan<Learner>?
  private var views: TrainingViews?

  /// - Parameters:
  ///   - recipe: the method's loss, and its rules for gradients and parameters.
  ///   - state: of a training that is continued; `nil` begins a new one.
  ///   - budget: decides how a batch is divided; what is learned changes by the rounding of sums alone.
  ///   - cache: of the features of stored views.
  ///   - reading: how the training images are read.
  ///   - photoMemory: the most that images which are used again may take decoded, in bytes; what is learned is the same.
  ///   - team: the processes that train together, each with a trainer of the same values; `nil` for this one alone.
  ///   - recordsSteps: whether an accelerator that can records a step and plays it back; what is learned has the same
  ///     bits.
  public init(
    _ classifier: Classifier<Learner>, configuration: TrainingConfiguration, recipe: TrainingRecipe = .crossEntropy,
    seed: UInt64, state: TrainingState? = nil, within budget: MemoryBudget = .automatic, cache: FeatureCache? = nil,
    reading: PhotoReading = PhotoReading(), photoMemory: Int = 0, team: TrainingTeam? = nil,
    recordsSteps: Bool = true
  ) {
    recorded = recordsSteps && classifier.clip.device.canRecord ? RecordedGradients() : nil
    self.team = team ?? .alone
    self.cache = cache
    self.reading = reading
    self.photoMemory = photoMemory
    self.budget = budget
    self.classifier = classifier
    self.configuration = configuration
    self.recipe = recipe
    self.seed = seed
    schedule = configuration.schedule
    // Initial values are drawn from the seed itself; the training draws from a separate stream.
    self.state =
      state
      ?? TrainingState(
        optimizer: configuration.newOptimizer(), generator: SeededGenerator(seed: seed ^ 0x7472_6169_6E65_7200))
    self.state.lossScaler = classifier.clip.precision == .float16 ? self.state.lossScaler ?? LossScaler() : nil
  }

  /// Trains on every training image of `dataset` once, in random order; resumes an interrupted epoch.
  ///
  /// - Parameters:
  ///   - epoch: the epoch, from 0, which determines the learning rate.
  ///   - progress: called after every step; it may throw to stop.
  ///   - afterStep: called with the trainer after every step, before `progress`, to save it.
  /// - Throws: ``LearningError``, and the errors of reading an image, of `progress` and of `afterStep`. ``state`` is
  ///   then that after the last complete step.
  @discardableResult
  public mutating func runEpoch(
    _ epoch: Int, on dataset: Dataset, progress: (TrainingProgress) throws -> Void = { _ in },
    afterStep: (Self) throws -> Void = { _ in }
  ) throws -> EpochReport {
    let start = ContinuousClock.now
    let labels = dataset.training.map(\.label)
    guard !labels.isEmpty else { throw LearningError.noTrainingImages }
    let views = try preparedViews(of: dataset, progress: progress)
    if epoch != state.completedEpochs { (state.completedEpochs, state.position) = (epoch, .start) }
    let earlier = state.position
    var generator = state.generator
    let plan = EpochPlan(
      images: labels.count, batchSize: configuration.batchSize, keepsLastBatch: configuration.keepsLastBatch, of: views,
      teachers: recipe.teacherClasses?.shape[0] ?? 1, using: &generator)
    let firstRate = schedule(epoch: epoch + 1, step: 1, of: plan.stepCount)
    let (clip, recipe) = (classifier.clip.withoutPrompts, recipe)
    var skipped = 0
    // The pixels of the next group are read while the model works on this one.
    let promptsImages = classifier.learner.imagePrompts != nil
    // Frozen CLIP's features of stored views are known before the first step.
    let hasFeatures: Bool
    if case .stored = configuration.views { hasFeatures = views.use != .pixels } else { hasFeatures = !promptsImages }
    try plan.groups(after: earlier.steps).forEachPrefetching(by: {
      (own: try views.pixels(of: $0.draws), others: try views.otherPixels(of: $0.draws))
    }) { group, pixels in
      let features = try hasFeatures ? views.features(of: group.draws, pixels: pixels.own) : nil
      var row = 0
      for (index, draws) in group.steps.enumerated() {
        let number = group.firstStep + index + 1
        let rows = row..<row + draws.count
        row = rows.upperBound
        guard number > earlier.steps else { continue }
        let stepLabels = draws.map { labels[$0.image] }
        let frozen = try features.map { try $0.sliced(rows, axis: 0) }
        let others = pixels.others.isEmpty ? pixels.own : pixels.others
        let learningRate = schedule(epoch: epoch + 1, step: number, of: plan.stepCount)
        let (wasHalved, wasRecorded) = (isHalved, recorded?.failure == nil)
        let (result, isSkipped) = try improve(images: draws.count, learningRate: learningRate) {
          try promptsImages
            ? Self.batch(
              of: Array(pixels.own[rows]), comparedWith: Array(others[rows]), frozen: frozen, labels: stepLabels,
              teacher: group.teachers[index], clip, recipe)
            : Batch(imageFeatures: frozen ?? .zeros([0, 0]), labels: stepLabels, teacher: group.teachers[index])
        }
        if isHalved, !wasHalved { try progress(.lessMemory(budget)) }
        if wasRecorded, let reason = recorded?.failure { try progress(.unrecorded(reason)) }
        if isSkipped { skipped += 1 }
        state.position = EpochPosition(
          steps: number, lossSum: state.position.lossSum + Double(result.loss),
          seconds: earlier.seconds + (ContinuousClock.now - start).seconds)
        try afterStep(self)
        try progress(
          .step(
            TrainingStep(
              epoch: epoch + 1, number: number, of: plan.stepCount, images: draws.count, loss: result.loss,
              right: result.right)))
      }
    }
    if skipped > 0 { try progress(.skipped(steps: skipped, epoch: epoch + 1)) }
    guard epoch + 1 < configuration.epochs || state.hasLearned else {
      throw LearningError.nothingLearned(in: classifier.clip.precision)
    }
    let done = state.position
    (state.completedEpochs, state.position, state.generator) = (epoch + 1, .start, generator)
    try averageParameters()
    return EpochReport(
      epoch: epoch + 1, loss: Float(done.lossSum / Double(max(done.steps, 1))), learningRate: firstRate,
      images: plan.imageCount, seconds: earlier.seconds + (ContinuousClock.now - start).seconds)
  }

  /// The pixels of one step's views, and frozen CLIP's features of them where the loss asks for those.
  ///
  /// - Parameters:
  ///   - others: the views that frozen CLIP sees; for most methods the same.
  ///   - known: its features of them, where they are known already.
  private static func batch(
    of squares: [Image], comparedWith others: [Image], frozen known: Tensor?, labels: [Int], teacher: Int,
    _ clip: CLIPModel, _ recipe: TrainingRecipe
  ) throws -> Batch {
    try Batch(
      pixels: clip.pixels(ofSquares: squares),
      frozenFeatures: recipe.comparesImages ? known ?? clip.imageFeatures(ofSquares: others) : nil, labels: labels,
      teacher: teacher)
  }

  /// Adds the parameters after an epoch to the mean over epochs; after the last, the mean takes their place.
  private mutating func averageParameters() throws {
    guard let rule = recipe.average, state.completedEpochs <= configuration.epochs else { return }
    let learner = classifier.learner
    state.average = try rule.adding(
      learner.parameters, after: state.completedEpochs, of: configuration.epochs, to: state.average)
    guard state.completedEpochs == configuration.epochs else { return }
    classifier = Classifier(classifier.clip, try learner.replacing(state.average))
  }

  /// - Returns: the loss on `batch` before the step, in nats.
  /// - Throws: ``LearningError/diverged(epoch:step:in:)`` where the loss is not a finite number; nothing is changed then.
  public mutating func step(on batch: Batch, learningRate: Float) throws -> Float {
    try improve(images: batch.labels.shape[0], learningRate: learningRate) { batch }.result.loss
  }

  /// The step; where a device has no memory left, once more with passes of half the size, and so from then on.
  ///
  /// - Parameter batch: makes the batch, for which the device needs memory too.
  /// - Returns: the gradient before the step, and whether that was not finite, so that no step was made.
  private mutating func improve(
    images: Int, learningRate: Float, on batch: () throws -> Batch
  ) throws -> (result: BatchGradient, isSkipped: Bool) {
    do {
      return try improveAtOnce(on: batch(), learningRate: learningRate)
    } catch let error as TorchError where error.isOutOfMemory && !isHalved {
      let learner = classifier.learner
      let taken =
        learner.microbatchBytes(isTraining: true) * (learner.imagesPerMicrobatch == .max ? 1 : images)
        + learner.imageBytes(isTraining: true) * images
      (budget, isHalved) = ((plan?.budget ?? budget).halved(below: taken), true)
      (plan, recorded) = (nil, nil)
      try classifier.clip.device.releaseMemory()
      return try improveAtOnce(on: batch(), learningRate: learningRate)
    }
  }

  private mutating func improveAtOnce(
    on batch: Batch, learningRate: Float
  ) throws -> (result: BatchGradient, isSkipped: Bool) {
    let (learner, device) = (classifier.learner, classifier.clip.device)
    let batch = try batch.on(device)
    let plan = try plan ?? MicrobatchPlan(for: learner, within: budget, isTraining: true, on: device, by: team)
    self.plan = plan
    let recipe = recipe.scalingLosses(by: state.lossScaler?.scale)
    let gradients: [[Tensor]]
    let read: () throws -> BatchGradient
    if let recorded {
      let begun = try recorded.gradient(of: classifier, on: batch, by: recipe, plan)
      (gradients, read) = (begun.gradients, begun.read)
    } else {
      let unread = try classifier.unreadGradient(on: batch, by: recipe, plan)
      (gradients, read) = (unread.gradients, unread.read)
    }
    let direction = try recipe.gradientRule?.combine(gradients, at: learner.parameters) ?? gradients[0]
    var optimizer = state.optimizer
    let improved = try learner.replacing(
      optimizer.step(learner.parameters, along: direction, learningRate: learningRate))
    // Read when the whole step is begun, so that an accelerator is waited for once.
    let result = try read()
    var scaler = state.lossScaler
    scaler?.update(isFinite: result.isFinite)
    guard result.loss.isFinite, scaler?.isUsable != false else {
      throw LearningError.diverged(
        epoch: state.completedEpochs + 1, step: state.position.steps + 1, in: classifier.clip.precision)
    }
    state.lossScaler = scaler
    guard result.isFinite else { return (result, isSkipped: true) }  // The factor was too large for this step.
    state.optimizer = optimizer
    classifier = Classifier(classifier.clip, improved)
    return (result, isSkipped: false)
  }

  /// Whether steps are played back.
  package var isRecorded: Bool { recorded?.isRecorded ?? false }

  /// Why steps are not recorded, where that was tried and failed.
  package var recordingFailure: String? { recorded?.failure }

  /// Stored views come from a separate stream, so that a resumed training draws the same ones again.
  private mutating func preparedViews(
    of dataset: Dataset, progress: (TrainingProgress) throws -> Void
  ) throws -> TrainingViews {
    if let views { return views }
    let uses = if case .stored(let count) = configuration.views { count } else { configuration.epochs }
    var views = try TrainingViews(
      of: dataset, mode: configuration.views, smallestCrop: configuration.smallestCrop,
      randAugment: recipe.randAugment, drawsPairs: recipe.comparesOtherViews,
      clip: classifier.clip.withoutPrompts, cache: cache,
      use: classifier.learner.imagePrompts == nil ? .features : recipe.comparesImages ? .both : .pixels,
      photos: PhotoMemory(limit: uses > 1 ? photoMemory : 0, reading: reading))
    var generator = SeededGenerator(seed: seed ^ 0x7669_6577_7300)
    try views.prepare(using: &generator) { try progress(.views(encoded: $0, of: $1)) }
    // Another process may still be encoding its own.
    try team.communicator.meet()
    self.views = views
    return views
  }
}
