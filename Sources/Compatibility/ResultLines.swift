import Foundation
import PromptLearning

/// A result as the reference's log has it, so that its `parse_test_res.py` finds what it looks for: the line `=> result`,
/// and after it `* accuracy: 85.3%`.
package struct ResultLines {
  private let evaluation: Evaluation
  /// Whether each class has a line.
  private let isPerClass: Bool

  package init(_ evaluation: Evaluation, isPerClass: Bool) {
    self.evaluation = evaluation
    self.isPerClass = isPerClass
  }

  package var lines: [String] {
    let correct = Int((evaluation.accuracy * Double(evaluation.images) / 100).rounded())
    let whole = [
      "=> result", "* total: \(Self.grouped(evaluation.images))", "* correct: \(Self.grouped(correct))",
      "* accuracy: \(Self.percent(evaluation.accuracy))", "* error: \(Self.percent(100 - evaluation.accuracy))",
      "* macro_f1: \(Self.percent(evaluation.macroF1))",
    ]
    return whole + (isPerClass ? classLines : [])
  }

  private var classLines: [String] {
    let classes = evaluation.perClass.enumerated().filter { $0.element.images > 0 }
    let mean = classes.map(\.element.accuracy).reduce(0, +) / Double(max(1, classes.count))
    let lines = classes.map { label, result in
      let correct = Int((result.accuracy * Double(result.images) / 100).rounded())
      return "* class: \(label) (\(result.class))\ttotal: \(Self.grouped(result.images))\t"
        + "correct: \(Self.grouped(correct))\tacc: \(Self.percent(result.accuracy))"
    }
    return ["=> per-class result"] + lines + ["* average: \(Self.percent(mean))"]
  }

  private static func percent(_ value: Double) -> String { String(format: "%.1f%%", value) }

  /// With commas between thousands.
  private static func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.indices.reduce(into: "") { text, index in
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digits[index])
    }
  }
}
