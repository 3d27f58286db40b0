/// The search of CoOp's linear probe for its C, in powers of ten: seven points far apart, then eight halvings.
struct PenaltySearch<Fit> {
  typealias Tried = (fit: Fit, accuracy: Double)

  /// The number of points: seven, both ends of the first range, and one more in each further step.
  static var mostFits: Int { 7 + 2 + (steps - 1) }
  private static var steps: Int { 8 }

  private var tried: [Double: Tried] = [:]

  /// - Parameter fit: returns the fit with C = 10^exponent, and its accuracy on validation images; it is called with
  ///   the number of fits made before.
  mutating func best(
    _ fit: (Double, Int) throws -> Tried
  ) throws -> (fit: Fit, exponent: Double, accuracy: Double) {
    var peak = 6.0
    var highest = -1.0
    for exponent in stride(from: 6.0, through: -6.0, by: -2) {
      let accuracy = try self.fit(at: exponent, fit).accuracy
      if accuracy > highest { (peak, highest) = (exponent, accuracy) }
    }
    var (left, right) = (peak - 1, peak + 1)
    var chosen = left
    for _ in 0..<Self.steps {
      let isRightBetter = try self.fit(at: left, fit).accuracy < self.fit(at: right, fit).accuracy
      chosen = isRightBetter ? right : left
      let middle = (left + right) / 2
      if isRightBetter { left = middle } else { right = middle }
    }
    let result = try self.fit(at: chosen, fit)
    return (result.fit, chosen, result.accuracy)
  }

  private mutating func fit(at exponent: Double, _ fit: (Double, Int) throws -> Tried) throws -> Tried {
    if let known = tried[exponent] { return known }
    let result = try fit(exponent, tried.count)
    tried[exponent] = result
    return result
  }
}
