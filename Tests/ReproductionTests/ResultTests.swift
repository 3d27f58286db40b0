import Foundation
import PromptLearning
import Reproduction
import Runs
import Testing

@Suite("Accuracies are summed up as the paper does")
struct ResultTests {
  private static func decoded<Value: Decodable>(_ json: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(json.utf8))
  }

  private static func result(_ seed: Int, base: Double, new: Double) throws -> SeedResult {
    try decoded(#"{"method": "cocoop", "seed": \#(seed), "base": \#(base), "new": \#(new), "seconds": 1.5}"#)
  }

  @Test("H is the harmonic mean of the means, and deviations are a sample's")
  func methodResult() throws {
    let rows = [
      try Self.result(1, base: 80, new: 60), try Self.result(2, base: 90, new: 70),
      try Self.result(3, base: 70, new: 50),
    ]
    let result = MethodResult(rows, variant: Variant(.cocoop), dataset: "d")
    #expect(result.seeds == [1, 2, 3] && result.base == 80 && result.new == 60)
    // 2 · 80 · 60 / 140; the mean of the three harmonic means would be 68.1.
    #expect(try abs(#require(result.harmonicMean) - 68.571_428) < 1e-5)
    #expect(result.baseDeviation == 10 && result.newDeviation == 10 && result.seconds == 4.5)
    let single = MethodResult([rows[0]], variant: Variant(.cocoop), dataset: "d")
    #expect(single.baseDeviation == 0 && single.newDeviation == 0)
    let hopeless = MethodResult(
      [try Self.result(1, base: 0, new: 0)], variant: Variant(.cocoop), dataset: "d")
    #expect(hopeless.harmonicMean == 0)
  }

  @Test("a method without new classes has null there in JSON, and a dash in the table")
  func noNewClasses() throws {
    let row: SeedResult = try Self.decoded(#"{"method": "linear-probe", "seed": 1, "base": 80, "seconds": 1}"#)
    let result = MethodResult([row, row], variant: Variant(.linearProbe), dataset: "d")
    #expect(result.new == nil && result.harmonicMean == nil && result.newDeviation == nil)
    let json = String(decoding: try JSONEncoder.readable.encode(result), as: UTF8.self)
    for name in ["new", "harmonicMean", "newDeviation", "variant", "paper"] {
      #expect(json.contains("\"\(name)\" : null"))
    }
    #expect(
      BaseToNewTable([result]).description == """
        method              base  new  H  seconds
        linear probe  80.0 ± 0.0    –  –      2.0
        """)
  }

  @Test("the table lines up, with deviations where there are several seeds")
  func table() throws {
    let one = MethodResult(
      [try Self.result(1, base: 100, new: 4)], variant: Variant(.zeroShot), dataset: "d")
    let two = MethodResult(
      [try Self.result(1, base: 80, new: 60), try Self.result(2, base: 82, new: 60)],
      variant: Variant(.cocoop), dataset: "d")
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
