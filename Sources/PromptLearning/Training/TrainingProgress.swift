import Images
import Support

/// Where a training stands.
public enum TrainingProgress: Sendable {
  /// A training goes on after so many steps of an epoch, which counts from 1; a damaged file was passed over for that.
  case resumed(epoch: Int, step: Int, passingOver: String?)
  /// A training goes on with another number of threads than it began with.
  case otherThreads(begun: Int, now: Int)
  /// So many views have been encoded, before the first epoch.
  case views(encoded: Int, of: Int)
  /// A step of an epoch was made.
  case step(TrainingStep)
  /// What the user should know of a choice that a method is about to make, as one sentence without its full stop.
  case choice(String)
  /// A linear probe is about to choose its penalty.
  case penalty(PenaltyRule)
  /// A linear probe is fitted for the number-th of at most so many penalties.
  case fit(number: Int, of: Int)
}

/// What one step did.
public struct TrainingStep: Sendable, Equatable {
  /// From 1.
  public let epoch: Int
  /// Within the epoch, from 1.
  public let number: Int
  /// The steps of the epoch.
  public let count: Int
  public let images: Int
  /// The loss before the step, in nats.
  public let loss: Float
  /// How many of its images were named rightly before it.
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

/// What an epoch did.
public struct EpochReport: Sendable, Codable, Equatable {
  /// From 1.
  public let epoch: Int
  /// The mean over the epoch's steps, in nats, each before its step.
  public let loss: Float
  /// Of the epoch's first step.
  public let learningRate: Float
  public let images: Int
  public let seconds: Double
}

extension Duration {
  /// In seconds, with its fraction.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// What a training needs to go on, besides the parameters: after any step, not only at the end of an epoch.
///
/// The order of an epoch's images and the random view of each follow from ``generator``, the seed and the images, so that
/// an epoch that goes on draws them again, decodes nothing of what is done, and encodes the same views together.
public struct TrainingState: Sendable {
  public internal(set) var completedEpochs: Int
  /// Within the epoch that follows them.
  public internal(set) var position: EpochPosition
  public internal(set) var optimizer: Optimizer
  /// As it was before that epoch's first draw.
  public internal(set) var generator: SeededGenerator

  public init(
    completedEpochs: Int = 0, position: EpochPosition = .start, optimizer: Optimizer = .sgd(SGD()),
    generator: SeededGenerator
  ) {
    self.completedEpochs = completedEpochs
    self.position = position
    self.optimizer = optimizer
    self.generator = generator
  }

  /// Whether a step was ever made, and so whether the optimiser remembers something.
  public var hasBegun: Bool { completedEpochs > 0 || position.steps > 0 }
}

/// How far an epoch is.
public struct EpochPosition: Sendable, Codable, Equatable {
  /// That are made.
  public let steps: Int
  /// Of those steps, in nats.
  public let lossSum: Double
  /// That they took, however often the training was interrupted.
  public let seconds: Double

  public init(steps: Int, lossSum: Double, seconds: Double) {
    self.steps = steps
    self.lossSum = lossSum
    self.seconds = seconds
  }

  /// Before the first step.
  public static let start = EpochPosition(steps: 0, lossSum: 0, seconds: 0)
}
