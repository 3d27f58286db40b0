import Images

/// What a training needs to go on, besides the parameters: after any step, not only at the end of an epoch.
///
/// The order of an epoch's images and the random view of each follow from ``generator``, the seed and the images, so that
/// an epoch that goes on draws them again, decodes nothing of what is done, and encodes the same views together.
public struct TrainingState: Sendable {
  public internal(set) var completedEpochs: Int
  /// Within the epoch that follows them.
  public internal(set) var position: EpochPosition
  public internal(set) var optimizer: SGD
  /// As it was before that epoch's first draw.
  public internal(set) var generator: SeededGenerator

  public init(
    completedEpochs: Int = 0, position: EpochPosition = .start, optimizer: SGD = SGD(), generator: SeededGenerator
  ) {
    self.completedEpochs = completedEpochs
    self.position = position
    self.optimizer = optimizer
    self.generator = generator
  }

  /// Whether a step was ever made, and so whether the optimiser has velocities.
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
