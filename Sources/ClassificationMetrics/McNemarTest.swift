import Foundation

/// Whether two classifiers differ on the same images by more than chance (McNemar, *Psychometrika* 12, 1947).
///
/// Images that both or neither answer correctly have no influence. If the classifiers were equally good, each of the
/// others would favour either with probability ½.
public struct McNemarTest: Sendable, Equatable {
  /// The numbers of images that only the first answers correctly, and that only the second does.
  public let onlyFirst, onlySecond: Int
  /// The form of the test that gave ``pValue``.
  public let form: Form
  /// The probability of a difference at least as large between equally good classifiers, in 0…1.
  public let pValue: Double

  public enum Form: String, Sendable, Codable {
    /// The two-sided binomial test: twice the smaller tail.
    case exact
    /// (|b − c| − 1)² / (b + c) against the χ² distribution with one degree of freedom (Edwards's continuity
    /// correction).
    case chiSquare = "chi-square"
  }

  /// The number of differing images from which the χ² approximation is used.
  public static let exactBelow = 25

  public init(onlyFirst: Int, onlySecond: Int) {
    precondition(onlyFirst >= 0 && onlySecond >= 0, "counts")
    self.onlyFirst = onlyFirst
    self.onlySecond = onlySecond
    let (differing, smaller) = (onlyFirst + onlySecond, min(onlyFirst, onlySecond))
    if differing < Self.exactBelow {
      form = .exact
      pValue = min(1, 2 * Self.tail(upTo: smaller, of: differing))
    } else {
      form = .chiSquare
      let distance = Double(max(0, abs(onlyFirst - onlySecond) - 1))
      pValue = erfc((distance * distance / Double(differing) / 2).squareRoot())
    }
  }

  /// - Parameters: whether each image was answered correctly, by the two classifiers; of one length.
  public init(first: [Bool], second: [Bool]) {
    precondition(first.count == second.count, "the same images")
    self.init(
      onlyFirst: zip(first, second).count { $0 && !$1 }, onlySecond: zip(first, second).count { !$0 && $1 })
  }

  /// The probability of at most `successes` heads in `trials` throws of a coin.
  private static func tail(upTo successes: Int, of trials: Int) -> Double {
    var coefficient = 1.0  // trials over 0; below 25 trials all coefficients are exact
    var sum = 0.0
    for heads in 0...successes {
      sum += coefficient
      coefficient = coefficient * Double(trials - heads) / Double(heads + 1)
    }
    return sum / pow(2, Double(trials))
  }
}
