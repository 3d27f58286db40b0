import Foundation

/// Student's t distribution, for the interval of a mean over a few seeds.
package enum StudentT {
  /// The share of the distribution within −t…t, for whole degrees of freedom ν ≥ 1, exactly
  /// (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4).
  package static func share(within t: Double, degreesOfFreedom ν: Int) -> Double {
    let θ = atan(t / Double(ν).squareRoot())
    let isOdd = !ν.isMultiple(of: 2)
    // cos θ + 2/3 cos³θ + … with odd powers up to ν − 2, or 1 + 1/2 cos²θ + … with even powers up to ν − 2.
    var (term, sum) = (isOdd ? cos(θ) : 1, 0.0)
    for power in stride(from: isOdd ? 1 : 0, through: ν - 2, by: 2) {
      sum += term
      term *= Double(power + 1) / Double(power + 2) * cos(θ) * cos(θ)
    }
    return isOdd ? 2 / .pi * (θ + sin(θ) * sum) : sin(θ) * sum
  }

  /// The t for which 95 % of the distribution is within −t…t.
  package static func bound95(degreesOfFreedom ν: Int) -> Double {
    var (low, high) = (0.0, 13.0)  // 12.706 for one degree of freedom, and less for more
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if share(within: middle, degreesOfFreedom: ν) < 0.95 { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}

extension [Double] {
  package var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }

  /// The standard deviation of a sample.
  package var deviation: Double {
    guard count > 1 else { return 0 }
    return (map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(count - 1)).squareRoot()
  }

  /// Half the width of the 95 % interval of the mean; `nil` for one value, which has no spread.
  package var interval95: Double? {
    guard count > 1 else { return nil }
    return StudentT.bound95(degreesOfFreedom: count - 1) * deviation / Double(count).squareRoot()
  }
}
