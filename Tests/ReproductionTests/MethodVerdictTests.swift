import ClassificationMetrics
import Datasets
import Foundation
import PromptLearning
import Reproduction
import Runs
import Testing

@Suite("The best method is named only where photos and seeds show it")
struct MethodVerdictTests {
  /// A method's runs, each a string with + for a correctly predicted photo and - for another.
  private func answers(_ method: PromptLearning.Method, _ runs: [String], photo: String = "photo") -> MethodAnswers {
    MethodAnswers(
      method: method,
      runs: runs.enumerated().map { index, marks in
        let labels = marks.indices.map { _ in 0 }
        let answers = Answers(
          labels: labels, predictions: marks.map { $0 == "+" ? 0 : 1 }, confidences: labels.map { _ in 1 }, classes: 2)
        return MethodAnswers.Run(
          seed: index + 1, path: "\(method.id)-seed\(index + 1)",
          evaluation: SavedEvaluation(
            dataset: "photos", classes: .all, split: .test, classNames: ["cat", "dog"],
            imageFolder: URL(filePath: "/photos"),
            evaluation: Evaluation(answers, top5: 1, classNames: ["cat", "dog"], seconds: 1),
            predictions: marks.enumerated().map {
              .init(file: "\(photo)\($0)", label: "cat", prediction: $1 == "+" ? "cat" : "dog", probability: 1)
            }), seconds: Double(index + 1))
      })
  }

  /// The marks of `right` photos out of 40: those predicted correctly.
  private func marks(_ right: Range<Int>) -> String {
    String((0..<40).map { right.contains($0) ? "+" : "-" })
  }

  private func result(_ answers: [MethodAnswers], _ question: MethodComparison.Question = .fixed) throws
    -> QuestionResult
  {
    try #require(try QuestionResult(question, answers, learned: 2))
  }

  @Test("ten photos that one method alone names are no chance: p is that of the binomial test")
  func sure() throws {
    let result = try result([answers(.cocoop, [marks(0..<26)]), answers(.linearProbe, [marks(0..<36)])])
    #expect(result.verdict.best == .linearProbe && result.verdict.isSure)
    #expect(
      result.verdict.sentence
        == "Linear probe is best for these classes: 90.0 %, 25.0 points above CoCoOp (p = 0.002, 40 photos).")
    let other = try #require(result.verdict.others.first)
    #expect((other.onlyBest, other.onlyOther, other.pValue) == (10, 0, 2 / 1024))
    #expect(result.methods.map(\.accuracy) == [65, 90])
  }

  @Test("three photos against one tell nothing apart")
  func unsure() throws {
    let result = try result([answers(.zeroShot, [marks(0..<20)]), answers(.cocoop, [marks(1..<23)])], .new)
    #expect(result.verdict.best == .cocoop && !result.verdict.isSure)
    #expect(
      result.verdict.sentence
        == "No method is surely best for new classes: CoCoOp leads with 55.0 %, and 40 photos do not tell it from "
        + "zero-shot CLIP (50.0 %, p = 0.62).")
  }

  @Test("three seeds do not count a photo three times, and one seed that disagrees leaves the answer open")
  func seeds() throws {
    // 20, 20 and -4 photos more than the other: 12 of 40 on average.
    let result = try result([
      answers(.coop, [marks(0..<10), marks(0..<10), marks(0..<10)]),
      answers(.linearProbe, [marks(0..<30), marks(0..<30), marks(0..<6)]),
    ])
    let other = try #require(result.verdict.others.first)
    #expect((other.agreeingSeeds, other.seeds) == (2, 3))
    #expect(abs(other.onlyBest - 40 / 3) < 1e-9 && abs(other.onlyOther - 4 / 3) < 1e-9)
    #expect(other.pValue == McNemarTest(onlyFirst: 13, onlySecond: 1).pValue && other.pValue < 0.05)
    #expect(!result.verdict.isSure)
    #expect(result.verdict.sentence.hasSuffix("CoOp (25.0 %, p = 0.002, better with 2 of 3 seeds)."))
  }

  @Test("what learns nothing stands against every seed")
  func zeroShot() throws {
    let result = try result([
      answers(.zeroShot, [marks(0..<10)]), answers(.coop, [marks(0..<30), marks(0..<34)]),
    ])
    #expect(result.verdict.others.map(\.seeds) == [2] && result.verdict.isSure)
    #expect(result.methods.map(\.seconds) == [1, 1.5])
  }

  @Test("runs that were tested on other photos are not compared")
  func otherPhotos() {
    #expect(
      throws: RunError.incomparable(
        first: "coop-seed1", second: "cocoop-seed1",
        reason: "they were tested on other photos: 'photo0' (cat) and 'other0' (cat)")
    ) {
      try result([answers(.coop, [marks(0..<1)]), answers(.cocoop, [marks(0..<1)], photo: "other")])
    }
  }
}
