import Torch

/// The way in which a method turns batches into steps: its loss, and the treatment of gradients and parameters.
public struct TrainingRecipe: Sendable {
  public let objective: any Objective
  /// ĝ `[1, C, E]`, unit rows: frozen CLIP's class features, with which the objective compares; `nil` for no teacher.
  public let teacherClasses: Tensor?
  /// Combines the gradients of the objective's terms; `nil` adds them up.
  public let gradientRule: (any GradientRule)?

  public init(
    objective: any Objective, teacherClasses: Tensor? = nil, gradientRule: (any GradientRule)? = nil
  ) {
    self.objective = objective
    self.teacherClasses = teacherClasses
    self.gradientRule = gradientRule
  }

  /// The cross-entropy alone.
  public static let crossEntropy = TrainingRecipe(objective: CrossEntropy())
}

/// A rule that combines the gradients of a loss's terms into the direction of a step.
public protocol GradientRule: Sendable {
  /// - Parameters:
  ///   - gradients: for each term, in the objective's order, one gradient of each parameter's shape.
  ///   - parameters: the parameters at which the gradients were taken.
  /// - Returns: one gradient of each parameter's shape.
  func combine(_ gradients: [[Tensor]], at parameters: [Tensor]) throws -> [Tensor]
}
