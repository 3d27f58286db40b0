import Torch

/// Stochastic gradient descent with momentum and weight decay, as `torch.optim.SGD` computes it.
///
/// g' = g + λp;  m = g' in the first step, μm + g' afterwards;  p ← p − ηm.
public struct SGD: Sendable {
  public let momentum: Float
  public let weightDecay: Float
  /// One velocity for each parameter; empty before the first step.
  public private(set) var velocities: [Tensor]

  public init(momentum: Float = 0.9, weightDecay: Float = 5e-4, velocities: [Tensor] = []) {
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.velocities = velocities
  }

  /// - Parameter gradients: tensors of the shapes of `parameters`.
  /// - Returns: the parameters after the step.
  public mutating func step(
    _ parameters: [Tensor], along gradients: [Tensor], learningRate: Float
  ) throws -> [Tensor] {
    let decayed = try zip(gradients, parameters).map { try $0.adding($1, scaledBy: weightDecay) }
    velocities =
      velocities.isEmpty ? decayed : try zip(velocities, decayed).map { try $0.on($1.device) * momentum + $1 }
    return try zip(parameters, velocities).map { try $0.adding($1, scaledBy: -learningRate) }
  }
}
