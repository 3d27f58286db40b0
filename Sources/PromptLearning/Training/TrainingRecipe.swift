import Foundation
import Images
import Torch

/// The way in which a method turns batches into steps: its loss, and the treatment of gradients and parameters.
public struct TrainingRecipe: Sendable {
  public let objective: any Objective
  /// ĝ `[1, C, E]`, unit rows: frozen CLIP's class features, with which the objective compares; `nil` for no teacher.
  /// Of several, `[n, C, E]`, each step draws one for all its classes.
  public private(set) var teacherClasses: Tensor?
  /// Combines the gradients of the objective's terms; `nil` adds them up.
  public let gradientRule: (any GradientRule)?

  /// Whether the objective compares images with frozen CLIP's features of the same views, f̂, where prompts stand in
  /// the image tower.
  public let comparesImages: Bool
  /// Whether these are features of a second random view of each image instead.
  public let comparesOtherViews: Bool
  /// What makes the views instead of a crop and a mirror image.
  public let randAugment: RandAugment?
  /// Averages parameters over the epochs; `nil` keeps those of the last step.
  public let average: GaussianAverage?
  /// The factor of the losses while gradients are taken; these are divided by it. `nil` for none.
  public private(set) var lossScale: Float?

  public init(
    objective: any Objective, teacherClasses: Tensor? = nil, gradientRule: (any GradientRule)? = nil,
    comparesImages: Bool = false, comparesOtherViews: Bool = false, randAugment: RandAugment? = nil,
    average: GaussianAverage? = nil
  ) {
    self.objective = objective
    self.teacherClasses = teacherClasses
    self.gradientRule = gradientRule
    self.comparesImages = comparesImages
    self.comparesOtherViews = comparesOtherViews
    self.randAugment = randAugment
    self.average = average
  }

  /// The same with a factor of the losses while gradients are taken, by which these are divided: a power of 2, or `nil` for
  /// none.
  package func scalingLosses(by factor: Float?) -> TrainingRecipe {
    var recipe = self
    recipe.lossScale = factor
    return recipe
  }

  /// The class features that a step has drawn, `[1, C, E]`; `nil` where there is nothing to draw.
  func drawnTeacher(_ number: Int) throws -> Tensor? {
    guard let teacherClasses, teacherClasses.shape[0] > 1 else { return nil }
    return try teacherClasses.sliced(number..<number + 1, axis: 0)
  }

  /// The same with one teacher, `[1, C, E]`, for all steps.
  func teaching(_ classes: Tensor) -> TrainingRecipe {
    var recipe = self
    recipe.teacherClasses = classes
    return recipe
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

/// A mean of the parameters after each epoch e, with weights w_e ∝ exp(−(e − μ)² / 2σ²) that sum to 1 over all epochs
/// (Khattak et al., *PromptSRC*, ICCV 2023, §3.2.2).
///
/// Nothing reads the mean before the last epoch has ended; then it is what was learned.
public struct GaussianAverage: Sendable, Equatable {
  /// μ, an epoch from 1.
  public let mean: Double
  /// σ, in epochs, above 0.
  public let deviation: Double

  public init(mean: Double, deviation: Double) { (self.mean, self.deviation) = (mean, deviation) }

  /// The weights of all epochs, which sum to 1.
  public func weights(epochs: Int) -> [Double] {
    let exponents = (1...max(1, epochs)).map { -pow(Double($0) - mean, 2) / (2 * deviation * deviation) }
    // Relative to the largest, so that a peak outside the epochs leaves the nearest of them.
    let largest = exponents.max() ?? 0
    let raw = exponents.map { exp($0 - largest) }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }

  /// The sum of the parameters so far, with those after one more epoch.
  ///
  /// - Parameters:
  ///   - sum: empty before the first epoch.
  ///   - epoch: from 1 to `epochs`.
  package func adding(_ parameters: [Tensor], after epoch: Int, of epochs: Int, to sum: [Tensor]) throws -> [Tensor] {
    let weight = Float(weights(epochs: epochs)[epoch - 1])
    guard !sum.isEmpty else { return try parameters.map { try $0 * weight } }
    return try zip(sum, parameters).map { try $0.on($1.device).adding($1, scaledBy: weight) }
  }
}
