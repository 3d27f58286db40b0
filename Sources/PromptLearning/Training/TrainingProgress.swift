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
  public let learningRate: Float
  public let images: Int
  public let seconds: Double
}

extension Duration {
  /// In seconds, with its fraction.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
