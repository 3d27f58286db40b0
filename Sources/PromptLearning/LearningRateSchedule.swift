import Foundation

/// One epoch of warm-up at a constant rate, then a cosine, stepped once an epoch (protocol of the reference).
///
/// η(1) = 1e-5 and η(e) = ½ · peak · (1 + cos(π(e − 2) / epochs)) from epoch 2 on; it never reaches 0.
public struct LearningRateSchedule: Sendable, Equatable {
  public var peak: Double
  public var warmUp: Double
  public var epochs: Int

  public init(peak: Double = 0.002, warmUp: Double = 1e-5, epochs: Int) {
    self.peak = peak
    self.warmUp = warmUp
    self.epochs = epochs
  }

  /// - Parameter epoch: from 1 to `epochs`.
  public func callAsFunction(epoch: Int) -> Float {
    guard epoch > 1 else { return Float(warmUp) }
    return Float(peak / 2 * (1 + cos(.pi * Double(epoch - 2) / Double(epochs))))
  }
}
