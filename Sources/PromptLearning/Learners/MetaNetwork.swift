import Images
import Support
import Torch

/// The network from an image's feature to its conditional token: two layers with a bottleneck (CoCoOp, §3.2: the
/// Meta-Net).
struct MetaNetwork: Sendable {
  /// The factor by which the bottleneck is narrower than E.
  static let reduction = 16

  let hidden: Linear  // E → E / 16
  let output: Linear  // E / 16 → D

  /// Draws PyTorch's initial values for linear layers: weights and biases uniform within ±1 / √inputs.
  init(from embeddingWidth: Int, to width: Int, using generator: inout SeededGenerator) throws {
    let bottleneck = embeddingWidth / Self.reduction
    hidden = try .random(from: embeddingWidth, to: bottleneck, using: &generator)
    output = try .random(from: bottleneck, to: width, using: &generator)
  }

  /// - Parameter parameters: the tensors in the order of ``parameters``.
  init(_ parameters: some Collection<Tensor>) throws {
    let tensors = Array(parameters)
    hidden = try Linear(weight: tensors[0], bias: tensors[1])
    output = try Linear(weight: tensors[2], bias: tensors[3])
  }

  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: conditional tokens, `[B, D]`.
  func callAsFunction(_ imageFeatures: Tensor) throws -> Tensor {
    try output(code(of: imageFeatures))
  }

  /// The bottleneck's output for images, `[B, E/16]`, not negative: everything that reaches the prompts.
  func code(of imageFeatures: Tensor) throws -> Tensor { try Activation.relu(hidden(imageFeatures)) }

  static let parameterNames = specs.map(\.name)
  var parameters: [Tensor] {
    [hidden.weight, hidden.bias, output.weight, output.bias].compactMap { $0 }
  }

  /// The tensors of ``parameters`` in files.
  static let specs = [
    ParameterSpec("meta_net.linear1.weight", [.codeWidth, .embeddingWidth]),
    ParameterSpec("meta_net.linear1.bias", [.codeWidth]),
    ParameterSpec("meta_net.linear2.weight", [.textWidth, .codeWidth]),
    ParameterSpec("meta_net.linear2.bias", [.textWidth]),
  ]
}

extension Linear {
  /// PyTorch's default: uniform within ±1 / √inputs.
  static func random(
    from input: Int, to output: Int, using generator: inout SeededGenerator
  ) throws -> Linear {
    let bound = 1 / Float(input).squareRoot()
    return try Linear(
      weight: .uniform([output, input], bound: bound, using: &generator),
      bias: .uniform([output], bound: bound, using: &generator))
  }
}
