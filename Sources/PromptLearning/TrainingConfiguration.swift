/// How a learner is trained. Each default is the reference's.
public struct TrainingConfiguration: Sendable, Hashable, Codable {
  /// Passes over the training images.
  public var epochs: Int
  /// Images a step.
  public var batchSize: Int
  /// The highest learning rate; ``LearningRateSchedule`` says how it falls.
  public var learningRate: Double
  public var views: ImageViews

  /// - Throws: ``LearningError/setting(name:expected:found:)``.
  public init(epochs: Int, batchSize: Int, learningRate: Double = 0.002, views: ImageViews = .fresh) throws {
    self.init(unchecked: epochs, batchSize: batchSize, learningRate: learningRate, views: views)
    try check("The number of epochs", epochs, in: 1...100_000)
    try check("The batch size", batchSize, in: 1...100_000)
    if case .stored(let count) = views { try check("The number of views of an image", count, in: 1...10_000) }
    guard learningRate > 0, learningRate.isFinite else {
      throw LearningError.setting(name: "The learning rate", expected: "a positive number", found: "\(learningRate)")
    }
  }

  /// Reads what was written, as strictly as ``init(epochs:batchSize:learningRate:views:)``.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      epochs: container.decode(Int.self, forKey: .epochs), batchSize: container.decode(Int.self, forKey: .batchSize),
      learningRate: container.decode(Double.self, forKey: .learningRate),
      views: container.decode(ImageViews.self, forKey: .views))
  }

  private enum CodingKeys: CodingKey { case epochs, batchSize, learningRate, views }

  private init(unchecked epochs: Int, batchSize: Int, learningRate: Double = 0.002, views: ImageViews = .fresh) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.learningRate = learningRate
    self.views = views
  }

  private func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw LearningError.setting(
        name: name, expected: "from \(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
  }

  /// CoCoOp's: 10 epochs, one image a step.
  public static let cocoop = TrainingConfiguration(unchecked: 10, batchSize: 1)
  /// CoOp's in the comparison with CoCoOp, outside ImageNet: 200 epochs, 32 images a step.
  public static let coop = TrainingConfiguration(unchecked: 200, batchSize: 32)
}
