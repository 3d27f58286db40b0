import Foundation

/// Minimises a smooth function by limited-memory BFGS (Liu and Nocedal, 1989) with the line search of Moré and Thuente.
///
/// Settings, stopping rules and the handling of a failed line search are those of L-BFGS-B 3.0 without bounds, which
/// SciPy and scikit-learn use: from the same start, both go through the same points up to rounding.
package struct LBFGS {
  /// The optimisation stops where no component of the gradient is larger.
  package var gradientTolerance: Double
  /// The optimisation stops where a step lowers the value by less than this share of it.
  package var valueTolerance: Double
  package var iterationLimit: Int
  /// The number of pairs of steps and gradient differences that approximate the curvature.
  private let memory = 10

  package init(
    gradientTolerance: Double = 1e-4, valueTolerance: Double = 64 * .ulpOfOne, iterationLimit: Int = 1000
  ) {
    self.gradientTolerance = gradientTolerance
    self.valueTolerance = valueTolerance
    self.iterationLimit = iterationLimit
  }

  /// A point with the value and gradient there.
  package struct Evaluation {
    package let point: [Double]
    package let value: Double
    package let gradient: [Double]
  }

  /// The curvature information of a step: s = x' − x, y = g' − g, 1 / (s · y).
  private struct Pair {
    let step, change: [Double]
    let scale: Double
  }

  /// - Parameter function: returns the value and gradient at a point.
  /// - Returns: the best point found, and the number of steps.
  package func minimize(
    from start: [Double], _ function: ([Double]) throws -> (value: Double, gradient: [Double])
  ) throws -> (result: Evaluation, iterations: Int) {
    func evaluate(_ point: [Double]) throws -> Evaluation {
      let (value, gradient) = try function(point)
      return Evaluation(point: point, value: value, gradient: gradient)
    }
    var current = try evaluate(start)
    var pairs: [Pair] = []
    var iteration = 0
    while iteration < iterationLimit, current.gradient.largestMagnitude > gradientTolerance {
      let direction = direction(along: current.gradient, pairs)
      let slope = current.gradient.dot(direction)
      // The first step has no information about the scale: its length is at most 1.
      let first = iteration == 0 ? min(1, 1 / direction.dot(direction).squareRoot()) : 1
      let next = try LineSearch(value: current.value, slope: slope, firstStep: first).run { length in
        let evaluation = try evaluate(current.point.adding(direction, scaledBy: length))
        return (evaluation, evaluation.value, evaluation.gradient.dot(direction))
      }
      guard let next else {
        if pairs.isEmpty { break }  // not even the steepest descent lowers the value: the minimum within rounding
        pairs = []
        continue
      }
      iteration += 1
      let (decrease, size) = (current.value - next.value, max(abs(current.value), abs(next.value), 1))
      let step = next.point.adding(current.point, scaledBy: -1)
      let change = next.gradient.adding(current.gradient, scaledBy: -1)
      let curvature = step.dot(change)
      if curvature > Double.ulpOfOne * -current.gradient.dot(step) {
        pairs.append(Pair(step: step, change: change, scale: 1 / curvature))
        if pairs.count > memory { pairs.removeFirst() }
      }
      current = next
      if decrease <= valueTolerance * size { break }
    }
    return (current, iteration)
  }

  /// The direction −H g by the two loops over the remembered pairs, with H₀ = (s · y) / (y · y) of the newest.
  private func direction(along gradient: [Double], _ pairs: [Pair]) -> [Double] {
    var result = gradient
    result.scale(by: -1)
    var shares: [Double] = []
    for pair in pairs.reversed() {
      let share = pair.scale * pair.step.dot(result)
      result.add(pair.change, scaledBy: -share)
      shares.append(share)
    }
    if let newest = pairs.last {
      result.scale(by: 1 / (newest.scale * newest.change.dot(newest.change)))
    }
    for (pair, share) in zip(pairs, shares.reversed()) {
      result.add(pair.step, scaledBy: share - pair.scale * pair.change.dot(result))
    }
    return result
  }
}

/// Vectors, eight numbers at a time: the processor adds several at once only where their order is left open.
extension [Double] {
  private typealias Lane = SIMD8<Double>

  var largestMagnitude: Double { reduce(0) { Swift.max($0, abs($1)) } }

  /// The sum of products, added up in eight parts.
  func dot(_ other: [Double]) -> Double {
    withUnsafeBytes { left in
      other.withUnsafeBytes { right in
        var sums = Lane.zero
        let whole = count / Lane.scalarCount
        for lane in 0..<whole {
          let offset = lane * MemoryLayout<Lane>.size
          sums +=
            left.loadUnaligned(fromByteOffset: offset, as: Lane.self)
            * right.loadUnaligned(fromByteOffset: offset, as: Lane.self)
        }
        return (whole * Lane.scalarCount..<count).reduce(sums.sum()) { $0 + self[$1] * other[$1] }
      }
    }
  }

  mutating func scale(by factor: Double) {
    for index in indices { self[index] *= factor }
  }

  mutating func add(_ other: [Double], scaledBy scale: Double) {
    withUnsafeMutableBufferPointer { sums in
      other.withUnsafeBufferPointer { added in
        for index in sums.indices { sums[index] += scale * added[index] }
      }
    }
  }

  func adding(_ other: [Double], scaledBy scale: Double) -> [Double] {
    var result = self
    result.add(other, scaledBy: scale)
    return result
  }
}
