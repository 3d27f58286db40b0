/// Whether answers given with probability p are right in a share p of cases: a reliability diagram, and its expected
/// calibration error (Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017, §2).
public struct Calibration: Sendable, Equatable {
  /// The answers whose probability is in one range.
  public struct Bin: Sendable, Equatable {
    /// The range's limits; the upper one is included, the lower is not, except that 0 is in the first range.
    public let lower, upper: Double
    public let images: Int
    /// The mean probability of the answers, in 0…1; 0 without images.
    public let confidence: Double
    /// The share of right answers, in 0…1; 0 without images.
    public let accuracy: Double
  }

  /// Ranges of equal width, from 0 to 1.
  public let bins: [Bin]

  /// - Parameter count: the number of bins, at least 1; 15 in the paper.
  public init(_ answers: Answers, bins count: Int = 15) {
    precondition(count > 0, "at least one bin")
    let edges = (0...count).map { $0 == count ? 1 : Double($0) * (1 / Double(count)) }
    var images = [Int](repeating: 0, count: count)
    var right = images
    var sums = [Double](repeating: 0, count: count)
    for (confidence, isRight) in zip(answers.confidences, answers.isRight) {
      let bin = edges[1..<count].count { $0 < Double(confidence) }
      images[bin] += 1
      sums[bin] += Double(confidence)
      if isRight { right[bin] += 1 }
    }
    bins = (0..<count).map { bin in
      let whole = Double(max(images[bin], 1))
      return Bin(
        lower: edges[bin], upper: edges[bin + 1], images: images[bin], confidence: sums[bin] / whole,
        accuracy: Double(right[bin]) / whole)
    }
  }

  /// The mean distance of accuracy from confidence, each bin weighted by its images, in 0…1; 0 without images.
  public var expectedError: Double {
    let images = bins.reduce(0) { $0 + $1.images }
    guard images > 0 else { return 0 }
    return bins.reduce(0) { $0 + Double($1.images) * abs($1.accuracy - $1.confidence) } / Double(images)
  }
}
