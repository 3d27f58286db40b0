/// Where a training stands.
public enum TrainingProgress: Sendable {
  /// A training goes on after so many steps of an epoch, which counts from 1; a damaged file was passed over for that.
  case resumed(epoch: Int, step: Int, passingOver: String?)
  /// A training goes on with another number of threads than it began with.
  case otherThreads(begun: Int, now: Int)
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
