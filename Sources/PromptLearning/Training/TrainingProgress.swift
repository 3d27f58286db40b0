import Images
import Support
import Torch

/// The progress of a training.
public enum TrainingProgress: Sendable {
  /// A training resumes after this number of steps of an epoch, which counts from 1; `passingOver` is a damaged file
  /// that was skipped.
  case resumed(epoch: Int, step: Int, passingOver: String?)
  /// A training resumes with another number of threads than it started with.
  case otherThreads(begun: Int, now: Int)
  /// A training resumes on another device than it started on.
  case otherDevice(begun: String, now: String)
  /// A device had no memory left: passes take no more than this from now on.
  case lessMemory(MemoryBudget)
  /// A device failed to record a step, for this reason: it begins operations one by one from now on.
  case unrecorded(String)
  /// This number of an epoch's steps was skipped, since their gradients were not finite (``LossScaler``).
  case skipped(steps: Int, epoch: Int)
  /// This number of views has been encoded, before the first epoch.
  case views(encoded: Int, of: Int)
  /// A step of an epoch was made.
  case step(TrainingStep)
  /// What the user should know of a choice that a method is about to make, as one sentence without its full stop.
  case choice(String)
  /// A linear probe is about to choose its penalty.
  case penalty(PenaltyRule)
  /// A linear probe is fitted for a penalty, with its number and their maximum.
  case fit(number: Int, of: Int)
}

/// The result of one step.
public struct TrainingStep: Sendable, Equatable {
  /// The epoch, from 1.
  public let epoch: Int
  /// The step's number within the epoch, from 1.
  public let number: Int
  /// The number of steps in the epoch.
  public let count: Int
  public let images: Int
  /// The loss before the step, in nats.
  public let loss: Float
  /// The number of its images that were predicted correctly before it.
  public let right: Int

  public init(epoch: Int, number: Int, of count: Int, images: Int, loss: Float, right: Int) {
    self.epoch = epoch
    self.number = number
    self.count = count
    self.images = images
    self.loss = loss
    self.right = right
  }
}

/// The result of an epoch.
public struct EpochReport: Sendable, Codable, Equatable {
  /// The epoch, from 1.
  public let epoch: Int
  /// The mean loss over the epoch's steps, in nats, each before its step.
  public let loss: Float
  /// Of the epoch's first step.
  public let learningRate: Float
  public let images: Int
  public let seconds: Double
}

extension Duration {
  /// The duration in seconds, with its fraction.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// The state that a training needs to resume, in addition to the parameters: after any step, not only at the end of an
/// epoch.
///
/// The order of an epoch's images and the random view of each follow from ``generator``, the seed and the images, so
/// that a resumed epoch draws them again, decodes nothing for the steps that are done, and encodes the same views
/// together.
public struct TrainingState: Sendable {
  public internal(set) var completedEpochs: Int
  /// The position within the epoch after the completed ones.
  public internal(set) var position: EpochPosition
  public internal(set) var optimizer: Optimizer
  /// As it was before that epoch's first draw.
  public internal(set) var generator: SeededGenerator
  /// The sum of a ``GaussianAverage`` over the completed epochs; empty before the first, or without one.
  public internal(set) var average: [Tensor]
  /// Of a training with products of float16; `nil` of others.
  public internal(set) var lossScaler: LossScaler?

  public init(
    completedEpochs: Int = 0, position: EpochPosition = .start, optimizer: Optimizer = .sgd(SGD()),
    generator: SeededGenerator, average: [Tensor] = [], lossScaler: LossScaler? = nil
  ) {
    self.lossScaler = lossScaler
    self.average = average
    self.completedEpochs = completedEpochs
    self.position = position
    self.optimizer = optimizer
    self.generator = generator
  }

  /// Whether a step was ever made, and so whether the optimiser remembers something; where losses are scaled, the steps
  /// may all have been skipped.
  public var hasBegun: Bool { completedEpochs > 0 || position.steps > 0 }

  /// Whether a step was made and not skipped.
  var hasLearned: Bool { optimizer.memory.contains { !$0.tensors.isEmpty } }
}

/// The position within an epoch.
public struct EpochPosition: Sendable, Codable, Equatable {
  /// Steps completed.
  public let steps: Int
  /// Sum of their losses, in nats.
  public let lossSum: Double
  /// Seconds spent on them, over all interruptions.
  public let seconds: Double

  public init(steps: Int, lossSum: Double, seconds: Double) {
    self.steps = steps
    self.lossSum = lossSum
    self.seconds = seconds
  }

  /// The position before the first step.
  public static let start = EpochPosition(steps: 0, lossSum: 0, seconds: 0)
}
