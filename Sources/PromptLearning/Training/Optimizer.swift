import Torch

/// The rule that turns gradients into steps, with what it remembers of the steps before.
public enum Optimizer: Sendable {
  case sgd(SGD)
  case adam(Adam)

  /// Which rule, as configurations spell it.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case sgd
    /// Weight decay is added to the gradient.
    case adam
    /// Weight decay shrinks the parameters, beside the step.
    case adamW = "adamw"
  }

  /// - Parameter gradients: of the shapes of `parameters`.
  /// - Returns: the parameters after the step.
  public mutating func step(
    _ parameters: [Tensor], along gradients: [Tensor], learningRate: Float
  ) throws -> [Tensor] {
    switch self {
    case .sgd(var rule):
      let improved = try rule.step(parameters, along: gradients, learningRate: learningRate)
      self = .sgd(rule)
      return improved
    case .adam(var rule):
      let improved = try rule.step(parameters, along: gradients, learningRate: learningRate)
      self = .adam(rule)
      return improved
    }
  }

  /// What is remembered of each parameter, by the name that files give it; empty lists before the first step.
  package var memory: [(name: String, tensors: [Tensor])] {
    switch self {
    case .sgd(let rule): [("velocity", rule.velocities)]
    case .adam(let rule): [("mean", rule.means), ("square", rule.squares)]
    }
  }

  /// How many steps were made, where the rule counts them.
  package var steps: Int? {
    if case .adam(let rule) = self { rule.steps } else { nil }
  }

  /// Of ``SGD``; none of other rules.
  public var velocities: [Tensor] {
    if case .sgd(let rule) = self { rule.velocities } else { [] }
  }
}

/// Adam (Kingma and Ba, ICLR 2015) as `torch.optim.Adam` computes it, and AdamW (Loshchilov and Hutter, ICLR 2019) as
/// `torch.optim.AdamW` does.
///
/// g' = g + λp, of AdamW g' = g and p ← p − ηλp;  m = β₁m + (1 − β₁)g';  v = β₂v + (1 − β₂)g'²;
/// p ← p − η · (m / (1 − β₁ᵗ)) / (√v / √(1 − β₂ᵗ) + ε).
public struct Adam: Sendable {
  public static let decays = (mean: 0.9, square: 0.999)

  /// ε.
  public let epsilon: Float
  /// λ.
  public let weightDecay: Float
  /// Whether weight decay shrinks the parameters beside the step: AdamW.
  public let isDecoupled: Bool
  /// t: how many were made.
  public private(set) var steps: Int
  /// m and v, one for each parameter; empty before the first step.
  public private(set) var means, squares: [Tensor]

  public init(
    epsilon: Float = 1e-8, weightDecay: Float = 5e-4, isDecoupled: Bool = false, steps: Int = 0, means: [Tensor] = [],
    squares: [Tensor] = []
  ) {
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.isDecoupled = isDecoupled
    self.steps = steps
    self.means = means
    self.squares = squares
  }

  /// - Parameter gradients: of the shapes of `parameters`.
  /// - Returns: the parameters after the step.
  public mutating func step(
    _ parameters: [Tensor], along gradients: [Tensor], learningRate: Float
  ) throws -> [Tensor] {
    steps += 1
    let decayed =
      try isDecoupled ? gradients : zip(gradients, parameters).map { try $0.adding($1, scaledBy: weightDecay) }
    let (first, second) = Self.decays
    if means.isEmpty {
      means = try gradients.map { try .zeros($0.shape, on: $0.device) }
      squares = means
    }
    means = try zip(means, decayed).map { try ($0.on($1.device) * Float(first)).adding($1, scaledBy: Float(1 - first)) }
    squares = try zip(squares, decayed).map {
      try ($0.on($1.device) * Float(second)).adding($1 * $1, scaledBy: Float(1 - second))
    }
    let corrections = (1 - power(first, steps), (1 - power(second, steps)).squareRoot())
    let size = Float(Double(learningRate) / corrections.0)
    let one = try Tensor([1], shape: [])
    return try parameters.indices.map { index in
      let start = try isDecoupled ? parameters[index] * (1 - learningRate * weightDecay) : parameters[index]
      let spread = try (squares[index].squareRoot() * Float(1 / corrections.1)).adding(one, scaledBy: epsilon)
      return try start.adding(means[index] / spread, scaledBy: -size)
    }
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<min(exponent, 100_000)).reduce(1.0) { product, _ in product * base }
  }
}
