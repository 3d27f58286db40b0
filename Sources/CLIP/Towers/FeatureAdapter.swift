import Torch

/// A small network on features that adds a share of what it makes of them (Gao et al., *CLIP-Adapter*, IJCV 2024; here
/// as in Roy, Etemad: *CoPrompt*, ICLR 2024, §3.3): m · ReLU(ReLU(x A₁ᵀ) A₂ᵀ) + (1 − m) · x.
///
/// Neither layer has a bias. So x times a positive number gives the result times that number, and the direction is the
/// same whether x has unit length or not.
public struct FeatureAdapter: Sendable {
  /// `[E / 4, E]` and `[E, E / 4]`.
  public let narrowing, widening: Tensor
  /// m.
  public let share: Float

  public init(narrowing: Tensor, widening: Tensor, share: Float) {
    (self.narrowing, self.widening, self.share) = (narrowing, widening, share)
  }

  /// - Parameter features: `[…, E]`.
  /// - Returns: the same shape, not of unit length.
  public func callAsFunction(_ features: Tensor) throws -> Tensor {
    let narrow = try Activation.relu(Linear(weight: narrowing, bias: nil)(features))
    let made = try Activation.relu(Linear(weight: widening, bias: nil)(narrow))
    return try (made * share).adding(features, scaledBy: 1 - share)
  }
}
