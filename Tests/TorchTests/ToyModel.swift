import Support
import TestSupport
import Torch

/// Two layers that learn to tell three directions apart, above a frozen projection.
struct ToyModel {
  let frozen: Tensor  // [8, 4]
  var parameters: [Tensor]  // [16, 8], [16], [3, 16], [3]
  let inputs: Tensor  // [6, 4]
  let labels: Tensor  // [6]

  init(seed: UInt64) throws {
    var generator = SplitMix64(state: seed)
    frozen = try .random([8, 4], &generator)
    parameters = try [[16, 8], [16], [3, 16], [3]].map { try Tensor.random($0, &generator) }
    inputs = try .random([6, 4], &generator)
    labels = try Tensor([0, 1, 2, 0, 1, 2] as [Int], shape: [6])
  }

  func loss(_ parameters: [Tensor]) throws -> Tensor {
    let projected = try Linear(weight: frozen, bias: nil)(inputs).unitRows()
    let hidden = try Activation.quickGELU(Linear(weight: parameters[0], bias: parameters[1])(projected))
    return try Linear(weight: parameters[2], bias: parameters[3])(hidden).crossEntropy(labels)
  }

  /// One step of gradient descent; returns the loss before it.
  mutating func step() throws -> Float {
    let (value, gradients) = try valueWithGradient(at: parameters, of: loss)
    parameters = try zip(parameters, gradients).map { try $0.adding($1, scaledBy: -0.1) }
    return try value.scalar()
  }
}
