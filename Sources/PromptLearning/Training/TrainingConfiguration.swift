import Torch

/// The settings of a training. Each default is the reference's.
public struct TrainingConfiguration: Sendable, Hashable, Codable {
  /// The number of passes over the training images.
  public var epochs: Int
  /// The number of images in a step.
  public var batchSize: Int
  /// The highest learning rate; ``LearningRateSchedule`` defines its decay.
  public var learningRate: Double
  public var views: ImageViews
  public var warmUp: WarmUp
  /// The momentum factor of ``SGD``.
  public var momentum: Double
  /// Of any optimiser.
  public var weightDecay: Double

  /// Which rule makes the steps.
  public var optimizer: Optimizer.Kind = .sgd
  /// ε of ``Adam``.
  public var epsilon = 1e-8
  /// How the learning rate falls.
  public var decay: RateDecay = .byEpoch
  /// The smallest area of a random crop, as a share of the photo's.
  public var smallestCrop = 0.08
  /// Whether an epoch ends with a smaller batch where the images are no multiple of the batch size.
  public var keepsLastBatch = false

  /// - Throws: ``LearningError/setting(name:expected:found:)``.
  public init(
    epochs: Int, batchSize: Int, learningRate: Double = 0.002, views: ImageViews = .fresh,
    warmUp: WarmUp = .standard, momentum: Double = 0.9, weightDecay: Double = 5e-4
  ) throws {
    self = try TrainingConfiguration(
      unchecked: epochs, batchSize: batchSize, learningRate: learningRate, views: views, warmUp: warmUp,
      momentum: momentum, weightDecay: weightDecay
    ).checked()
  }

  /// The same, once every value is known to be allowed.
  ///
  /// - Throws: ``LearningError/setting(name:expected:found:)``.
  public func checked() throws -> TrainingConfiguration {
    try check("The number of epochs", epochs, in: 1...100_000)
    try check("The batch size", batchSize, in: 1...100_000)
    if case .stored(let count) = views { try check("The number of views of an image", count, in: 1...10_000) }
    guard learningRate > 0, learningRate.isFinite else {
      throw LearningError.setting(name: "The learning rate", expected: "a positive number", found: "\(learningRate)")
    }
    try check("The number of epochs of warm-up", warmUp.epochs, in: 0...100_000)
    try check("The learning rate of the warm-up", warmUp.rate, below: .infinity)
    try check("The momentum", momentum, below: 1)
    try check("The weight decay", weightDecay, below: .infinity)
    guard epsilon > 0, epsilon.isFinite else {
      throw LearningError.setting(name: "Adam's epsilon", expected: "a positive number", found: "\(epsilon)")
    }
    guard smallestCrop > 0, smallestCrop <= 1 else {
      throw LearningError.setting(
        name: "The smallest crop", expected: "above 0 and at most 1", found: "\(smallestCrop)")
    }
    return self
  }

  /// Decodes a configuration, as strictly as the initialiser above.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    var read = try TrainingConfiguration(
      unchecked: container.decode(Int.self, forKey: .epochs), batchSize: container.decode(Int.self, forKey: .batchSize),
      learningRate: container.decode(Double.self, forKey: .learningRate),
      views: container.decode(ImageViews.self, forKey: .views),
      // Absent from runs of the first version, which had this value.
      warmUp: container.decodeIfPresent(WarmUp.self, forKey: .warmUp) ?? .standard,
      momentum: container.decodeIfPresent(Double.self, forKey: .momentum) ?? 0.9,
      weightDecay: container.decodeIfPresent(Double.self, forKey: .weightDecay) ?? 5e-4)
    // Absent where they are the standard ones.
    read.optimizer = try container.decodeIfPresent(Optimizer.Kind.self, forKey: .optimizer) ?? read.optimizer
    read.epsilon = try container.decodeIfPresent(Double.self, forKey: .epsilon) ?? read.epsilon
    read.decay = try container.decodeIfPresent(RateDecay.self, forKey: .decay) ?? read.decay
    read.smallestCrop = try container.decodeIfPresent(Double.self, forKey: .smallestCrop) ?? read.smallestCrop
    read.keepsLastBatch = try container.decodeIfPresent(Bool.self, forKey: .keepsLastBatch) ?? read.keepsLastBatch
    self = try read.checked()
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(epochs, forKey: .epochs)
    try container.encode(batchSize, forKey: .batchSize)
    try container.encode(learningRate, forKey: .learningRate)
    try container.encode(views, forKey: .views)
    try container.encode(warmUp, forKey: .warmUp)
    try container.encode(momentum, forKey: .momentum)
    try container.encode(weightDecay, forKey: .weightDecay)
    let standard = Self.coop
    if optimizer != standard.optimizer { try container.encode(optimizer, forKey: .optimizer) }
    if epsilon != standard.epsilon { try container.encode(epsilon, forKey: .epsilon) }
    if decay != standard.decay { try container.encode(decay, forKey: .decay) }
    if smallestCrop != standard.smallestCrop { try container.encode(smallestCrop, forKey: .smallestCrop) }
    if keepsLastBatch != standard.keepsLastBatch { try container.encode(keepsLastBatch, forKey: .keepsLastBatch) }
  }

  private enum CodingKeys: CodingKey {
    case epochs, batchSize, learningRate, views, warmUp, momentum, weightDecay, optimizer, epsilon, decay
    case smallestCrop, keepsLastBatch
  }

  private init(
    unchecked epochs: Int, batchSize: Int, learningRate: Double = 0.002, views: ImageViews = .fresh,
    warmUp: WarmUp = .standard, momentum: Double = 0.9, weightDecay: Double = 5e-4
  ) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.learningRate = learningRate
    self.views = views
    self.warmUp = warmUp
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  private func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw LearningError.setting(
        name: name, expected: "from \(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
  }

  private func check(_ name: String, _ value: Double, below limit: Double) throws {
    guard value >= 0, value < limit else {
      let expected = limit.isFinite ? "at least 0 and below \(Int(limit))" : "a finite number, at least 0"
      throw LearningError.setting(name: name, expected: expected, found: "\(value)")
    }
  }

  /// The learning rate of each epoch.
  public var schedule: LearningRateSchedule {
    LearningRateSchedule(peak: learningRate, warmUp: warmUp, epochs: epochs, decay: decay)
  }

  /// An optimiser before its first step, or with what it remembers of the steps before.
  ///
  /// - Parameters:
  ///   - memory: in the order of ``Optimizer/memory``.
  ///   - steps: that were made, where the rule counts them.
  package func newOptimizer(memory: [[Tensor]] = [], steps: Int = 0) -> Optimizer {
    switch optimizer {
    case .sgd:
      .sgd(SGD(momentum: Float(momentum), weightDecay: Float(weightDecay), velocities: memory.first ?? []))
    case .adam, .adamW:
      .adam(
        Adam(
          epsilon: Float(epsilon), weightDecay: Float(weightDecay), isDecoupled: optimizer == .adamW, steps: steps,
          means: memory.first ?? [], squares: memory.dropFirst().first ?? []))
    }
  }

  /// CoCoOp's configuration: 10 epochs, one image a step.
  public static let cocoop = TrainingConfiguration(unchecked: 10, batchSize: 1)
  /// CoOp's configuration in the comparison with CoCoOp, outside ImageNet: 200 epochs, 32 images a step.
  public static let coop = TrainingConfiguration(unchecked: 200, batchSize: 32)

  /// The same configuration with another number of epochs, which is known to be allowed.
  func with(epochs: Int, batchSize: Int? = nil) -> TrainingConfiguration {
    var changed = self
    changed.epochs = epochs
    changed.batchSize = batchSize ?? self.batchSize
    return changed
  }
}

extension WarmUp {
  /// The lowest of its rates.
  fileprivate var rate: Double {
    switch self {
    case .constant(_, let rate): rate
    case .linear(_, let start): start
    }
  }
}
