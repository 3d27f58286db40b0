import Foundation

/// The warm-up of the first epochs before the schedule that follows (Dassl, `optim/lr_scheduler.py`).
public enum WarmUp: Sendable, Hashable, Codable {
  /// This many epochs at one rate.
  case constant(epochs: Int, rate: Double)
  /// The first epoch has the rate `start`; each epoch e after it, up to `epochs`, has peak · (e − 1) / `epochs`.
  case linear(epochs: Int, start: Double)

  /// The standard warm-up: one epoch at 1e-5.
  public static let standard = WarmUp.constant(epochs: 1, rate: 1e-5)
  /// No warm-up: the first epoch has the peak.
  public static let none = WarmUp.constant(epochs: 0, rate: 0)

  public var epochs: Int {
    switch self {
    case .constant(let epochs, _), .linear(let epochs, _): epochs
    }
  }
}

/// How often the learning rate changes.
public enum RateDecay: String, Sendable, Codable {
  /// Once an epoch, towards a rate that is never 0: CoOp's.
  case byEpoch = "by-epoch"
  /// Each step, without a warm-up, to 0 after the last: η(t) = ½ · peak · (1 + cos(πt / all steps)).
  case byStep = "by-step"
}

/// A warm-up, then a cosine, stepped once an epoch (protocol of the reference).
///
/// With one epoch of warm-up: η(1) = 1e-5 and η(e) = ½ · peak · (1 + cos(π(e − 2) / epochs)) from epoch 2 on. The
/// cosine counts from the end of the warm-up but its period is all `epochs`, so that it never reaches 0.
public struct LearningRateSchedule: Sendable, Equatable {
  public var peak: Double
  public var warmUp: WarmUp
  public var epochs: Int
  public var decay: RateDecay

  public init(peak: Double = 0.002, warmUp: WarmUp = .standard, epochs: Int, decay: RateDecay = .byEpoch) {
    self.peak = peak
    self.warmUp = warmUp
    self.epochs = epochs
    self.decay = decay
  }

  /// The rate of one step.
  ///
  /// - Parameters:
  ///   - epoch: from 1 to `epochs`.
  ///   - step: within the epoch, from 1.
  ///   - count: the steps of an epoch.
  public func callAsFunction(epoch: Int, step: Int, of count: Int) -> Float {
    guard decay == .byStep else { return self(epoch: epoch) }
    let (done, all) = ((epoch - 1) * count + step - 1, epochs * count)
    return Float(peak / 2 * (1 + cos(.pi * Double(done) / Double(max(1, all)))))
  }

  /// - Parameter epoch: the epoch, from 1 to `epochs`.
  public func callAsFunction(epoch: Int) -> Float {
    guard epoch > warmUp.epochs else { return Float(rate(warmingUp: epoch)) }
    return Float(peak / 2 * (1 + cos(.pi * Double(epoch - 1 - warmUp.epochs) / Double(epochs))))
  }

  private func rate(warmingUp epoch: Int) -> Double {
    switch warmUp {
    case .constant(_, let rate): rate
    case .linear(_, let start): epoch <= 1 ? start : peak * Double(epoch - 1) / Double(warmUp.epochs)
    }
  }
}
