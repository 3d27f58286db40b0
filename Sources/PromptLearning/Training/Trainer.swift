import CLIP
import Datasets
import Explanations
import Foundation
import Images
import Torch

/// Improves a learner on the training images of a dataset, epoch by epoch, with CLIP frozen.
///
/// Everything random comes from one generator, so that a seed gives the same prompts again, and a training that is
/// continued from its saved state ends with the same bits as one that was never interrupted.
public struct Trainer<Learner: TrainablePromptLearner>: Sendable {
  /// The classifier with the prompts learned so far.
  public private(set) var classifier: Classifier<Learner>
  public let configuration: TrainingConfiguration
  public let seed: UInt64
  /// What a continued training needs besides the parameters.
  public private(set) var state: TrainingState

  private let schedule: LearningRateSchedule
  private let budget: MemoryBudget
  private let cache: FeatureCache?
  private var plan: PassPlan<Learner>?
  private var views: TrainingViews?

  /// - Parameters:
  ///   - state: of a training that is continued; `nil` begins a new one.
  ///   - budget: decides how a batch is divided; what is learned changes by the rounding of sums alone.
  ///   - cache: of the features of stored views.
  public init(
    _ classifier: Classifier<Learner>, configuration: TrainingConfiguration, seed: UInt64, state: TrainingState? = nil,
    within budget: MemoryBudget = .automatic, cache: FeatureCache? = nil
  ) {
    self.cache = cache
    self.budget = budget
    self.classifier = classifier
    self.configuration = configuration
    self.seed = seed
    schedule = configuration.schedule
    // Initial values are drawn from the seed itself; the training draws from a stream of its own.
    self.state =
      state
      ?? TrainingState(
        optimizer: configuration.optimizer(), generator: SeededGenerator(seed: seed ^ 0x7472_6169_6E65_7200))
  }

  /// Trains on every training image of `dataset` once, in random order.
  ///
  /// - Parameters:
  ///   - epoch: from 0; it decides the learning rate.
  ///   - progress: told after every step; it may throw to stop.
  /// - Throws: ``LearningError``, and whatever reading an image or `progress` throws.
  @discardableResult
  public mutating func runEpoch(
    _ epoch: Int, on dataset: Dataset, progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> EpochReport {
    let start = ContinuousClock.now
    let labels = dataset.training.map(\.label)
    guard !labels.isEmpty else { throw LearningError.noTrainingImages }
    let views = try preparedViews(of: dataset, progress: progress)
    let learningRate = schedule(epoch: epoch + 1)
    let batches = batches(of: Array(labels.indices).shuffled(using: &state.generator))
    var lossSum: Float = 0
    var done = 0
    // The encoder is frozen, so several steps' views may be drawn and encoded together.
    for group in batches.split(every: max(1, FeatureExtractor.batchSize / configuration.batchSize)) {
      let features = try views.features(at: group.flatMap { $0 }, using: &state.generator)
      var row = 0
      for indices in group {
        let batch = try Batch(
          imageFeatures: features.sliced(row..<row + indices.count, axis: 0), labels: indices.map { labels[$0] })
        let (loss, right) = try improve(on: batch, learningRate: learningRate)
        guard loss.isFinite else { throw LearningError.diverged(epoch: epoch + 1, step: done + 1) }
        row += indices.count
        lossSum += loss
        done += 1
        try progress(
          .step(
            epoch: epoch + 1, number: done, of: batches.count, images: indices.count, loss: loss, right: right))
      }
    }
    state.completedEpochs = epoch + 1
    return EpochReport(
      epoch: epoch + 1, loss: lossSum / Float(done), learningRate: learningRate,
      images: batches.reduce(0) { $0 + $1.count }, seconds: (ContinuousClock.now - start).seconds)
  }

  /// - Returns: mean cross-entropy of `batch` before the step, in nats.
  public mutating func step(on batch: Batch, learningRate: Float) throws -> Float {
    try improve(on: batch, learningRate: learningRate).loss
  }

  /// - Returns: the loss before the step, and how many images the classifier named rightly then.
  private mutating func improve(on batch: Batch, learningRate: Float) throws -> (loss: Float, right: Int) {
    let learner = classifier.learner
    let plan = try plan ?? PassPlan(for: learner, within: budget, isTraining: true)
    self.plan = plan
    let (loss, gradients, right) = try classifier.lossWithGradient(on: batch, by: plan)
    let improved = try state.optimizer.step(learner.parameters, along: gradients, learningRate: learningRate)
    classifier = Classifier(classifier.clip, try learner.replacing(improved))
    return (loss, right)
  }

  /// Batches of equal size; a smaller last one is dropped, unless it is the only one.
  private func batches(of order: [Int]) -> [[Int]] {
    let all = order.split(every: configuration.batchSize)
    guard all.count > 1, let last = all.last, last.count < configuration.batchSize else { return all }
    return all.dropLast()
  }

  /// Stored views come from a stream of their own, so that a continued training draws the same ones again.
  private mutating func preparedViews(
    of dataset: Dataset, progress: (TrainingProgress) throws -> Void
  ) throws -> TrainingViews {
    if let views { return views }
    var views = try TrainingViews(of: dataset, mode: configuration.views, clip: classifier.clip, cache: cache)
    var generator = SeededGenerator(seed: seed ^ 0x7669_6577_7300)
    try views.prepare(using: &generator) { try progress(.views(encoded: $0, of: $1)) }
    self.views = views
    return views
  }
}

/// What a training needs to go on, besides the parameters.
public struct TrainingState: Sendable {
  public internal(set) var completedEpochs: Int
  public internal(set) var optimizer: SGD
  public internal(set) var generator: SeededGenerator

  public init(completedEpochs: Int = 0, optimizer: SGD = SGD(), generator: SeededGenerator) {
    self.completedEpochs = completedEpochs
    self.optimizer = optimizer
    self.generator = generator
  }
}

/// Where a training stands.
public enum TrainingProgress: Sendable {
  /// So many views have been encoded, before the first epoch.
  case views(encoded: Int, of: Int)
  /// A step of an epoch was made; both count from 1. So many of its images were named rightly before it.
  case step(epoch: Int, number: Int, of: Int, images: Int, loss: Float, right: Int)
  /// A linear probe is fitted for the number-th of at most so many penalties.
  case fit(number: Int, of: Int)
}

/// What an epoch did.
public struct EpochReport: Sendable, Codable, Equatable {
  /// From 1.
  public let epoch: Int
  /// The mean over the epoch's steps, in nats, each before its step.
  public let loss: Float
  public let learningRate: Float
  public let images: Int
  public let seconds: Double
}

extension Duration {
  /// In seconds, with its fraction.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
