import Foundation
import PromptLearning
import Reproduction
import Runs
import Testing

@Suite("Accuracies are summed up as the paper does")
struct ResultTests {
  private static func result(_ seed: Int, base: Double, new: Double? = nil) -> SeedResult {
    SeedResult(seed: seed, accuracies: [base] + (new.map { [$0] } ?? []), seconds: 1.5)
  }

  private static func row(_ results: [SeedResult], _ method: PromptLearning.Method = .cocoop) -> ResultRow {
    ResultRow(results, in: .baseToNew, Variant(method), dataset: "d")
  }

  @Test("H is the harmonic mean of the means, and deviations are a sample's")
  func methodResult() throws {
    let results = [
      Self.result(1, base: 80, new: 60), Self.result(2, base: 90, new: 70), Self.result(3, base: 70, new: 50),
    ]
    let row = Self.row(results)
    #expect(row.seeds == [1, 2, 3] && row.accuracies.map { $0?.mean } == [80, 60])
    // 2 · 80 · 60 / 140; the mean of the three harmonic means would be 68.1.
    #expect(try abs(#require(row.harmonicMean) - 68.571_428) < 1e-5)
    #expect(row.accuracies.map { $0?.deviation } == [10, 10] && row.seconds == 4.5)
    #expect(Self.row([results[0]]).accuracies.map { $0?.deviation } == [0, 0])
    #expect(Self.row([Self.result(1, base: 0, new: 0)]).harmonicMean == 0)
  }

  @Test("a method without new classes has null there in JSON, and a dash in the table")
  func noNewClasses() throws {
    let row = Self.row([Self.result(1, base: 80), Self.result(2, base: 80)], .linearProbe)
    #expect(row.accuracies.map { $0?.mean } == [80, nil] && row.harmonicMean == nil)
    let json = String(decoding: try JSONEncoder.readable.encode(row), as: UTF8.self)
    for name in ["new", "harmonicMean", "newDeviation", "variant", "paper"] {
      #expect(json.contains("\"\(name)\" : null"))
    }
    #expect(
      BaseToNewTable([row]).description == """
        method              base  new  H  seconds
        linear probe  80.0 ± 0.0    –  –      3.0
        """)
  }

  @Test("the fields of a row in JSON are those of its protocol, whatever is missing")
  func fields() throws {
    func fields(_ row: ResultRow) throws -> Set<String> {
      let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(row)) as? [String: Any]
      return try Set(#require(object).keys)
    }
    let common: Set = ["method", "variant", "dataset", "seeds", "seconds", "paper"]
    #expect(
      try fields(Self.row([Self.result(1, base: 80)]))
        == common.union([
          "base", "baseDeviation", "baseInterval", "new", "newDeviation", "newInterval", "harmonicMean",
        ]))
    let transfer = ResultRow(
      [Self.result(1, base: 80)], in: .crossDataset, Variant(.coop), source: "s", dataset: "d", paper: [71])
    #expect(
      try fields(transfer) == common.union(["source", "accuracy", "accuracyDeviation", "accuracyInterval"]))
    let json = String(decoding: try JSONEncoder.readable.encode(transfer), as: UTF8.self)
    #expect(json.contains("\"paper\" : 71"))
    let paper = ResultRow(
      [Self.result(1, base: 80)], in: .baseToNew, Variant(.coop), dataset: "d", paper: [1, 2, 3])
    let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(paper)) as? [String: Any]
    #expect(object?["paper"] as? [String: Double] == ["base": 1, "new": 2, "harmonicMean": 3])
  }

  @Test("the table lines up, with deviations where there are several seeds")
  func table() throws {
    let one = Self.row([Self.result(1, base: 100, new: 4)], .zeroShot)
    let two = Self.row([Self.result(1, base: 80, new: 60), Self.result(2, base: 82, new: 60)])
    #expect(
      BaseToNewTable([one, two]).description == """
        method                base         new     H  seconds
        zero-shot CLIP       100.0         4.0   7.7      1.5
        CoCoOp          81.0 ± 1.4  60.0 ± 0.0  68.9      3.0
        """)
  }

  @Test("an evaluation counts each class by hand")
  func evaluation() {
    // Six classes; the second image's class is the least probable, the third's ties with one before it.
    let logits: [Float] = [
      9, 1, 1, 1, 1, 1,
      1, 2, 3, 4, 5, 0,
      7, 7, 0, 0, 0, 0,
    ]
    let names = ["a", "b", "c", "d", "e", "f"]
    let evaluation = Evaluation(logits: logits, labels: [0, 5, 1], classNames: names, seconds: 2)
    #expect(abs(evaluation.accuracy - 100.0 / 3) < 1e-9)
    #expect(abs(evaluation.top5 - 200.0 / 3) < 1e-9)
    // F1 of a: one right of one image and two predictions; of b and f: 0. Classes without images do not count.
    #expect(abs(evaluation.macroF1 - 100 * (2.0 / 3) / 3) < 1e-9)
    #expect(evaluation.perClass.map(\.class) == names)
    #expect(evaluation.perClass.map(\.accuracy) == [100, 0, 0, 0, 0, 0])
    #expect(evaluation.perClass.map(\.images) == [1, 1, 0, 0, 0, 1])
    #expect(evaluation.images == 3 && evaluation.classes == 6 && evaluation.seconds == 2)
    let nothing = Evaluation(logits: [], labels: [], classNames: ["a"], seconds: 0)
    #expect(nothing.accuracy == 0 && nothing.top5 == 0 && nothing.macroF1 == 0)
  }
}
