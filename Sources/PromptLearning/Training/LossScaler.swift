import Torch

/// The factor of the losses of a training with products of float16, chosen as `torch.amp.GradScaler` chooses it.
///
/// What is smaller than 3e-8 is zero in float16, and so would be much of a gradient. The loss is multiplied by the factor,
/// and the gradients, in float32 by then, are divided by it. Where one of them is not finite, the factor was too large:
/// the step is skipped, and the factor halved. After 2,000 finite steps in a row it is doubled.
public struct LossScaler: Sendable, Codable, Equatable {
  /// The finite steps in a row after which the factor is doubled.
  static let growthInterval = 2000

  /// A power of 2, so that it changes no bit of a gradient that is finite and not too small.
  public private(set) var scale: Float = 65_536
  /// Finite steps in a row since the factor was last changed.
  public private(set) var growthTracker = 0

  public init() {}

  /// A scaler in the middle of a training.
  package init(scale: Float, growthTracker: Int) { (self.scale, self.growthTracker) = (scale, growthTracker) }

  /// Whether a training may continue with it: no more can be saved by a smaller factor.
  var isUsable: Bool {
    scale.isNormal && scale > 0 && scale.significand == 1 && (0..<Self.growthInterval).contains(growthTracker)
  }

  /// Sets the factor of the next step.
  ///
  /// - Parameter isFinite: whether all gradients of this step were finite.
  package mutating func update(isFinite: Bool) {
    guard isFinite else {
      (scale, growthTracker) = (scale * 0.5, 0)
      return
    }
    growthTracker += 1
    guard growthTracker == Self.growthInterval else { return }
    growthTracker = 0
    if (scale * 2).isFinite { scale *= 2 }
  }
}
