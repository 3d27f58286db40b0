/// Finds a step length along a direction with a sufficient decrease and a flat enough slope, the strong Wolfe
/// conditions (Moré and Thuente, *Line search algorithms with guaranteed sufficient decrease*, 1994).
struct LineSearch {
  private static let decrease = 1e-3  // share of the decrease that the first slope predicts
  private static let flatness = 0.9  // the largest share of the first slope that may remain
  private static let narrowest = 0.1  // an interval of this relative width is narrow enough
  private static let longest = 1e10
  private static let trials = 50

  /// A step length that was tried, with the value and slope there.
  struct Trial {
    var length, value, slope: Double
  }

  private let start: Trial
  private let firstStep: Double

  init(value: Double, slope: Double, firstStep: Double) {
    start = Trial(length: 0, value: value, slope: slope)
    self.firstStep = firstStep
  }

  /// - Parameter evaluate: returns the result, value and slope at a length.
  /// - Returns: the result at the length found; `nil` where there is none.
  func run<Result>(
    _ evaluate: (Double) throws -> (result: Result, value: Double, slope: Double)
  ) rethrows -> Result? {
    guard start.slope < 0 else { return nil }
    let promised = Self.decrease * start.slope
    var interval = Interval(best: start, other: start)
    var (lower, upper) = (0.0, 5 * firstStep)
    var width = Self.longest
    var widthBefore = 2 * width
    var length = firstStep
    var lookedDown = false  // whether a length was found that decreases enough and whose slope is not negative

    for _ in 0..<Self.trials {
      let (result, value, slope) = try evaluate(length)
      guard value.isFinite, slope.isFinite else { return nil }
      let enough = start.value + length * promised
      if !lookedDown, value <= enough, slope >= 0 { lookedDown = true }
      let isNarrow =
        interval.isBracket
        && (length <= lower || length >= upper || upper - lower <= Self.narrowest * upper)
      let isLongest = length == Self.longest && value <= enough && slope <= promised
      if isNarrow || isLongest || (value <= enough && abs(slope) <= Self.flatness * -start.slope) { return result }

      // Until the first such length, the interval shrinks by the function less the promised decrease.
      let isTilted = !lookedDown && value <= interval.best.value && value > enough
      let tilt = isTilted ? promised : 0
      interval = interval.tilted(by: -tilt)
      let trial = Trial(length: length, value: value, slope: slope).tilted(by: -tilt)
      length = interval.update(with: trial, from: lower, to: upper)
      interval = interval.tilted(by: tilt)

      if interval.isBracket {
        let span = abs(interval.other.length - interval.best.length)
        if span >= 0.66 * widthBefore {
          length = interval.best.length + 0.5 * (interval.other.length - interval.best.length)
        }
        (widthBefore, width) = (width, span)
        lower = min(interval.best.length, interval.other.length)
        upper = max(interval.best.length, interval.other.length)
      } else {
        let ahead = length - interval.best.length
        (lower, upper) = (length + 1.1 * ahead, length + 4 * ahead)
      }
      length = min(max(length, 0), Self.longest)
      if interval.isBracket,
        length <= lower || length >= upper || upper - lower <= Self.narrowest * upper
      {
        length = interval.best.length
      }
    }
    return nil
  }
}

extension LineSearch.Trial {
  /// The trial of the function with a line of this slope added.
  fileprivate func tilted(by slope: Double) -> Self {
    Self(length: length, value: value + length * slope, slope: self.slope + slope)
  }
}

/// The interval with a good length: between the best one so far and another, once they bracket it.
private struct Interval {
  var best, other: LineSearch.Trial
  var isBracket = false

  func tilted(by slope: Double) -> Interval {
    Interval(best: best.tilted(by: slope), other: other.tilted(by: slope), isBracket: isBracket)
  }

  /// Updates the interval with a trial.
  ///
  /// - Returns: the next length to try, from cubic and quadratic interpolation (§4 of the paper).
  mutating func update(with trial: LineSearch.Trial, from lower: Double, to upper: Double) -> Double {
    let turns = trial.slope * (best.slope < 0 ? -1 : 1) < 0
    let next: Double
    if trial.value > best.value {
      let cubic = Cubic(best, trial).minimum(from: best, to: trial, backwards: trial.length < best.length)
      let secant = (best.value - trial.value) / (trial.length - best.length) + best.slope
      let quadratic = best.length + best.slope / secant / 2 * (trial.length - best.length)
      let isCloser = abs(cubic - best.length) < abs(quadratic - best.length)
      next = isCloser ? cubic : cubic + (quadratic - cubic) / 2
      isBracket = true
    } else if turns {
      let cubic = Cubic(best, trial).minimum(from: trial, to: best, backwards: trial.length > best.length)
      let quadratic = Self.secant(trial, best)
      next = abs(cubic - trial.length) > abs(quadratic - trial.length) ? cubic : quadratic
      isBracket = true
    } else if abs(trial.slope) < abs(best.slope) {
      next = extrapolated(trial, from: lower, to: upper)
    } else if isBracket {
      next = Cubic(other, trial).minimum(from: trial, to: other, backwards: trial.length > other.length)
    } else {
      next = trial.length > best.length ? upper : lower
    }
    if trial.value > best.value {
      other = trial
    } else {
      if turns { other = best }
      best = trial
    }
    return next
  }

  /// The next length where the slope falls in the same direction: the minimum is beyond, if the cubic has one there.
  private func extrapolated(_ trial: LineSearch.Trial, from lower: Double, to upper: Double) -> Double {
    let isForwards = trial.length > best.length
    let cubic =
      Cubic(best, trial).minimumBeyond(trial, from: best, backwards: isForwards) ?? (isForwards ? upper : lower)
    let quadratic = Self.secant(trial, best)
    let isCubicCloser = abs(cubic - trial.length) < abs(quadratic - trial.length)
    guard isBracket else {
      return min(max(isCubicCloser ? quadratic : cubic, lower), upper)
    }
    let closer = isCubicCloser ? cubic : quadratic
    let limit = trial.length + 0.66 * (other.length - trial.length)
    return isForwards ? min(limit, closer) : max(limit, closer)
  }

  private static func secant(_ trial: LineSearch.Trial, _ other: LineSearch.Trial) -> Double {
    trial.length + trial.slope / (trial.slope - other.slope) * (other.length - trial.length)
  }
}

/// The cubic through two trials, by values and slopes.
private struct Cubic {
  private let theta, root: Double

  init(_ first: LineSearch.Trial, _ second: LineSearch.Trial) {
    theta = 3 * (first.value - second.value) / (second.length - first.length) + first.slope + second.slope
    let scale = max(abs(theta), abs(first.slope), abs(second.slope))
    let square = (theta / scale) * (theta / scale) - (first.slope / scale) * (second.slope / scale)
    root = scale * max(0, square).squareRoot()
  }

  func minimum(from near: LineSearch.Trial, to far: LineSearch.Trial, backwards: Bool) -> Double {
    let gamma = backwards ? -root : root
    let share = (gamma - near.slope + theta) / (gamma - near.slope + gamma + far.slope)
    return near.length + share * (far.length - near.length)
  }

  /// The minimum of the cubic on one side; `nil` where it has none there.
  func minimumBeyond(_ trial: LineSearch.Trial, from best: LineSearch.Trial, backwards: Bool) -> Double? {
    let gamma = backwards ? -root : root
    let share = (gamma - trial.slope + theta) / (gamma + (best.slope - trial.slope) + gamma)
    return share < 0 && gamma != 0 ? trial.length + share * (best.length - trial.length) : nil
  }
}
