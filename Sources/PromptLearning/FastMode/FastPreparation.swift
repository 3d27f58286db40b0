import CLIP
import Torch

/// A ``FastClassifier`` in the making: one pass over its classes at a time, for who has other things to do in between.
public struct FastPreparation: Sendable {
  private let exact: Classifier<ConditionalPrompts>
  private let codes: TypicalCodes
  private let exactClasses: Int
  private let plan: MicrobatchPlan<ConditionalPrompts>
  private let axes: [Int]
  private var terms: [Tensor] = []  // [C, E] each: the features at the typical code, then the slopes of each axis
  /// The features at the upper end of an axis whose lower end comes next.
  private var above: Tensor?

  /// - Throws: `LearningError/codeWidth(expected:means:deviations:)` for codes of other prompts.
  public init(
    _ exact: Classifier<ConditionalPrompts>, around codes: TypicalCodes,
    exactClasses: Int = FastClassifier.standardExactClasses, within budget: MemoryBudget = .automatic
  ) throws {
    try codes.check(for: exact.clip)
    self.exact = exact
    self.codes = codes
    self.exactClasses = exactClasses
    plan = try MicrobatchPlan(for: exact.learner, within: budget, isTraining: false)
    axes = codes.axes
  }

  /// Passes that are still to be made; before the first, two for each axis and one more.
  public var passesLeft: Int {
    terms.isEmpty ? 2 * axes.count + 1 : 2 * (axes.count + 1 - terms.count) - (above == nil ? 0 : 1)
  }

  /// Makes one pass, of which at least one must be left.
  ///
  /// - Returns: the classifier, after the last pass.
  public mutating func advance() throws -> FastClassifier? {
    precondition(passesLeft > 0, "The classifier was made already")
    if terms.isEmpty {
      terms = [try features(at: codes.means)]
    } else {
      let axis = axes[terms.count - 1]
      if let above {
        terms.append(try (above - features(at: codes.shifted(along: axis, by: -1))) * 0.5)
        self.above = nil
      } else {
        above = try features(at: codes.shifted(along: axis, by: 1))
      }
    }
    guard passesLeft == 0 else { return nil }
    return FastClassifier(exact, exactClasses: exactClasses, by: try ClassExpansion(terms: terms, around: codes))
  }

  /// - Returns: `[C, E]`, unit rows.
  private func features(at code: [Float]) throws -> Tensor {
    let row = try Tensor(code, shape: [1, code.count])
    let parts = try plan.parts.map { try $0.classFeatures(atCodes: row) }
    return try Tensor.concatenated(parts, axis: 1).reshaped([exact.classNames.count, -1])
  }
}
