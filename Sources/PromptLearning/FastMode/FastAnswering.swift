import CLIP
import Torch

/// A classifier whose answers can be approximated near the cost of zero-shot CLIP, as CoCoOp's can.
public protocol FastAnswering: ImageClassifier {
  /// Where its class features are to be expanded.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows, of images that it learned from.
  func typicalCodes(of imageFeatures: Tensor) throws -> TypicalCodes

  /// The passes that make the fast classifier, within `budget` each.
  ///
  /// - Throws: `LearningError/codeWidth(expected:means:deviations:)` for codes of other prompts.
  func fastPreparation(
    around codes: TypicalCodes, exactClasses: Int, within budget: MemoryBudget
  ) throws -> FastPreparation
}

extension FastAnswering {
  /// The fast classifier, whose expansion takes two passes over the classes for each number of a code, and one more.
  public func fastClassifier(
    around codes: TypicalCodes, exactClasses: Int = FastClassifier.standardExactClasses,
    within budget: MemoryBudget = .automatic
  ) throws -> FastClassifier {
    var preparation = try fastPreparation(around: codes, exactClasses: exactClasses, within: budget)
    while true {
      if let made = try preparation.advance() { return made }
    }
  }
}

extension Classifier: FastAnswering where Learner == ConditionalPrompts {
  public func typicalCodes(of imageFeatures: Tensor) throws -> TypicalCodes {
    try TypicalCodes(of: imageFeatures, for: learner)
  }

  public func fastPreparation(
    around codes: TypicalCodes, exactClasses: Int, within budget: MemoryBudget
  ) throws -> FastPreparation {
    try FastPreparation(self, around: codes, exactClasses: exactClasses, within: budget)
  }
}
