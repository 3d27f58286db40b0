import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("Initial values are distributed as torch's")
struct InitialValuesTests {
  /// The recording of `torch.nn.Linear` and `torch.nn.init.normal_` by Scripts/oracle/record_draws.py.
  private struct Recorded: Decodable {
    struct Values: Decodable {
      let deviation, largest: Double
      let quantiles: [Double]
    }
    let draws: Int
    let levels: [Double]
    let embeddingWidth: Int
    let values: [String: Values]
  }

  /// Five standard errors of a quantile, or of a deviation, over 10⁵ draws on both sides, for values within ±1.
  private static let tolerance = 0.0225

  /// The values of one parameter, pooled over as many seeds as give `count` of them.
  private func pooled(_ index: Int, _ context: InitialContext, count: Int) throws -> [Double] {
    var values: [Double] = []
    var seed: UInt64 = 0
    while values.count < count {
      seed += 1
      let learner = try ConditionalPrompts(
        for: ["cat"], initialContext: context, clip: TinyCLIP.clip, seed: seed)
      values += try learner.parameters[index].floats().map(Double.init)
    }
    return values
  }

  @Test("the meta-network's layers and random contexts: deviation, quantiles and bound over 100,000 draws")
  func distributions() throws {
    let file = Bundle.module.bundleURL.appending(path: "Fixtures/initial-values.json")
    let recorded = try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: file))
    let embedding = try TinyCLIP.clip.embeddingWidth
    for (index, name) in ConditionalPrompts.parameterNames.enumerated() {
      let expected = try #require(recorded.values[name.replacing("meta_net.", with: "")])
      // A layer's bound is 1 / √inputs, so values are compared as shares of it; contexts as shares of 50 deviations.
      let (isContext, isFirst) = (index == 0, index < 3)
      func inputs(_ embedding: Int) -> Double { Double(isFirst ? embedding : embedding / 16) }
      let (ours, theirs) =
        isContext ? (50.0, 50.0) : (inputs(embedding).squareRoot(), inputs(recorded.embeddingWidth).squareRoot())
      // A network has few biases; a bias has the same distribution as a weight.
      let count = name.hasSuffix("bias") ? recorded.draws / 20 : recorded.draws
      let tolerance = Self.tolerance * (Double(recorded.draws) / Double(count)).squareRoot() * (isContext ? 3 : 1)
      let context: InitialContext = isContext ? .random(count: 16) : "a photo of a"
      let values = try pooled(index, context, count: count).map { $0 * ours }.sorted()
      let number = Double(values.count)
      let mean = values.reduce(0, +) / number
      let squares = values.reduce(0.0) { sum, value in sum + (value - mean) * (value - mean) }
      let deviation = (squares / number).squareRoot()
      #expect(abs(mean) < tolerance, "mean of \(name)")
      #expect(abs(deviation - expected.deviation * theirs) < tolerance, "deviation of \(name)")
      for (level, quantile) in zip(recorded.levels, expected.quantiles) {
        let found = values[Int(level * Double(values.count - 1))]
        #expect(abs(found - quantile * theirs) < tolerance, "\(level) quantile of \(name)")
      }
      if !isContext { #expect(values.allSatisfy { abs($0) <= 1 }, "\(name) stays within its bound") }
    }
  }
}
