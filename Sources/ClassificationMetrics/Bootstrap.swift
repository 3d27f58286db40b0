/// The interval that a mean would fall into with other images of the same kind: the percentile bootstrap (Efron and
/// Tibshirani, *An Introduction to the Bootstrap*, 1993, §13.3).
public struct Bootstrap: Sendable, Equatable {
  /// How often N values are drawn from the N values, with replacement.
  public let resamples: Int
  /// The share of those draws' means that lie in the interval.
  public let level: Double

  public init(resamples: Int = 2_000, level: Double = 0.95) {
    precondition(resamples > 0 && 0 < level && level < 1, "at least one draw, and a share")
    self.resamples = resamples
    self.level = level
  }

  /// The interval of the mean of `values`, such as 1 for each right answer and 0 for each wrong one.
  ///
  /// - Returns: `nil` without values.
  /// - Complexity: O(`resamples` · N) draws.
  public func interval(
    ofMeanOf values: [Double], using generator: inout some RandomNumberGenerator
  ) -> ClosedRange<Double>? {
    guard !values.isEmpty else { return nil }
    var means = (0..<resamples).map { _ in
      var sum = 0.0
      for _ in values.indices { sum += values[Int.random(in: 0..<values.count, using: &generator)] }
      return sum / Double(values.count)
    }
    means.sort()
    let tail = (1 - level) / 2
    return Self.quantile(tail, ofSorted: means)...Self.quantile(1 - tail, ofSorted: means)
  }

  /// A quantile between the two values around it, as `numpy.quantile` takes it by default.
  ///
  /// - Parameters:
  ///   - share: in 0…1.
  ///   - values: ascending, at least one.
  public static func quantile(_ share: Double, ofSorted values: [Double]) -> Double {
    let position = share * Double(values.count - 1)
    let below = min(Int(position), values.count - 1)
    let above = min(below + 1, values.count - 1)
    return values[below] + (values[above] - values[below]) * (position - Double(below))
  }
}
