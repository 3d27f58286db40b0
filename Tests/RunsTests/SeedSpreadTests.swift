import Datasets
import Foundation
import PromptLearning
import Runs
import Testing

@Suite("Runs with several seeds tell what another seed, and what other images, would change")
struct SeedSpreadTests {
  private static let names = ["cat", "dog"]
  /// The tolerance of a figure in percent, which is a sum of a few doubles.
  private static let tolerance = 1e-9

  /// A run with ten images of cats, of which those in `right` are predicted correctly.
  private func run(_ path: String, _ method: PromptLearning.Method, seed: Int, right: Range<Int>, images: Int = 10)
    -> SeedGroup.Run
  {
    let answers = (0..<images).map { right.contains($0) ? 0 : 1 }
    let logits = answers.flatMap { $0 == 0 ? [1, 0] : [0, 1] as [Float] }
    let kept = SavedEvaluation(
      dataset: "photos", classes: .all, split: .test, classNames: Self.names, imageFolder: URL(filePath: "/photos"),
      evaluation: Evaluation(
        logits: logits, labels: Array(repeating: 0, count: images), classNames: Self.names, seconds: 1),
      predictions: answers.enumerated().map { index, answer in
        .init(file: "\(index).jpg", label: "cat", prediction: Self.names[answer], probability: 0.9)
      })
    return SeedGroup.Run(path: path, method: method, seed: seed, evaluations: [kept])
  }

  @Test("the spread of three seeds is Student's, that of the images the bootstrap's")
  func spreads() throws {
    let group = SeedGroup([
      run("a", .cocoop, seed: 1, right: 0..<5), run("b", .cocoop, seed: 2, right: 0..<6),
      run("c", .cocoop, seed: 3, right: 0..<7),
    ])
    let spread = try #require(group.spreads.first)
    #expect((spread.evaluation, spread.runs, spread.seeds) == ("photos-all-test", ["a", "b", "c"], [1, 2, 3]))
    #expect(abs(spread.accuracy - 60) < Self.tolerance && abs(spread.deviation - 10) < Self.tolerance)
    // t for two degrees of freedom is 4.30265; times 10 / √3.
    #expect(abs(spread.seedInterval95.lower - 35.1586) < 1e-3 && abs(spread.seedInterval95.upper - 84.8414) < 1e-3)
    // Six of ten images, two of them only with some seeds.
    #expect((25...40).contains(spread.imageInterval95.lower) && (80...95).contains(spread.imageInterval95.upper))
  }

  @Test("two methods are compared seed by seed, on the same seeds and images alone")
  func differences() throws {
    let coop = SeedGroup([run("a", .coop, seed: 1, right: 0..<5), run("b", .coop, seed: 2, right: 0..<6)])
    let cocoop = SeedGroup([run("c", .cocoop, seed: 1, right: 0..<7), run("d", .cocoop, seed: 2, right: 0..<8)])
    let difference = try #require(cocoop.differences(from: coop).first)
    #expect((difference.first, difference.second, difference.seeds) == (["a", "b"], ["c", "d"], [1, 2]))
    #expect(abs(difference.difference - 20) < Self.tolerance && abs(difference.deviation) < Self.tolerance)
    #expect(difference.imageInterval95.lower >= 0 && difference.imageInterval95.upper <= 60)
    let others = SeedGroup([run("e", .coop, seed: 1, right: 0..<5), run("f", .coop, seed: 3, right: 0..<6)])
    #expect(cocoop.differences(from: others).isEmpty)
    let elsewhere = SeedGroup([
      run("g", .coop, seed: 1, right: 0..<5, images: 9), run("h", .coop, seed: 2, right: 0..<5, images: 9),
    ])
    #expect(cocoop.differences(from: elsewhere).isEmpty)
  }

  @Test("runs that were tested on other images are not averaged")
  func otherImages() {
    let group = SeedGroup([
      run("a", .coop, seed: 1, right: 0..<5), run("b", .coop, seed: 2, right: 0..<5, images: 9),
    ])
    #expect(group.spreads.isEmpty)
  }
}
