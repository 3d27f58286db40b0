import CLIP
import Foundation
import Images
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("The fast mode ranks by an expansion and answers with exact numbers")
struct FastModeTests {
  static let names = ["arrow", "bird", "clock", "fire truck", "hot dog", "dog", "2012 Audi A5", "2012 Audi R8"]

  let clip: CLIPModel
  let exact: Classifier<ConditionalPrompts>
  let images: Tensor  // [40, E], around one direction, like the images of a dataset

  init() throws {
    clip = try TinyCLIP.clip
    exact = try Classifier(clip, ConditionalPrompts(for: Self.names, clip: clip, seed: 3))
    var generator = SeededGenerator(seed: 5)
    let width = clip.embeddingWidth
    let common = (0..<width).map { _ in Float.random(in: -1..<1, using: &generator) }
    let elements = (0..<40 * width).map { common[$0 % width] + 0.5 * Float.random(in: -1..<1, using: &generator) }
    images = try Tensor(elements, shape: [40, width]).unitRows()
  }

  private func fast(exactClasses: Int) throws -> FastClassifier {
    try exact.fastClassifier(around: exact.codeStatistics(of: images), exactClasses: exactClasses)
  }

  private func logits(_ classifier: some ImageClassifier) throws -> [[Float]] {
    let values = try classifier.logits(ofEmbeddings: images, within: .automatic).floats()
    return stride(from: 0, to: values.count, by: classifier.classNames.count).map {
      Array(values[$0..<$0 + classifier.classNames.count])
    }
  }

  @Test("With every class computed exactly, it is the exact classifier up to the rounding of sums")
  func allClasses() throws {
    for (fast, exact) in try zip(logits(fast(exactClasses: 99)), logits(exact)) {
      #expect(zip(fast, exact).allSatisfy { abs($0 - $1) <= 1e-5 * clip.logitScale })
    }
  }

  @Test("Its K best classes have exact logits, and the others are near", arguments: [1, 3])
  func bestClasses(count: Int) throws {
    let tolerance = 1e-5 * clip.logitScale
    for (fast, exact) in try zip(logits(fast(exactClasses: count)), logits(exact)) {
      let differences = zip(fast, exact).map { abs($0 - $1) }
      #expect(differences.count { $0 <= tolerance } >= count)
      #expect(differences.allSatisfy { $0 <= 0.02 * clip.logitScale })
      let best = fast.indices.max { fast[$0] < fast[$1] } ?? 0
      #expect(abs(fast[best] - exact[best]) <= tolerance)
    }
  }

  @Test("Its agreement is measured on numbers alone")
  func overflow() throws {
    var elements = try images.floats()
    elements[3] = .nan
    let damaged = try Tensor(elements, shape: images.shape)
    let classifier = try fast(exactClasses: 1)
    #expect(
      message { try FastAgreement(of: classifier, on: damaged) }
        == "The probabilities of 1 of 40 images are not numbers in float32. Use another model or run.")
  }

  @Test("It is made in two passes for each number of a code that images change, and one more")
  func preparation() throws {
    let codes = try CodeStatistics(of: images, for: exact.learner)
    let axes = codes.deviations.count { $0 > 0 && $0 >= (codes.deviations.max() ?? 0) / 1000 }
    var preparation = try FastPreparation(exact, around: codes, exactClasses: 3)
    for left in stride(from: 2 * axes + 1, to: 1, by: -1) {
      #expect(preparation.passesLeft == left)
      #expect(try preparation.advance() == nil)
    }
    let made = try #require(try preparation.advance())
    #expect(preparation.passesLeft == 0)
    #expect(try logits(made) == logits(fast(exactClasses: 3)))
    let numbers = (1 + axes) * (clip.embeddingWidth + 1 + axes) * Self.names.count
    #expect(made.expansionBytes == 4 * numbers)
  }

  @Test("The codes are those of the images: their means and deviations, and no image at all changes some of them")
  func codes() throws {
    let codes = try CodeStatistics(of: images, for: exact.learner)
    #expect(codes.means.count == clip.embeddingWidth / 16 && codes.deviations.count == codes.means.count)
    #expect(codes.means.allSatisfy { $0 >= 0 } && codes.deviations.allSatisfy { $0 >= 0 })
    #expect(zip(codes.means, codes.deviations).contains { $0 > 0 && $1 > 0 })
    #expect(zip(codes.means, codes.deviations).allSatisfy { $0 > 0 || $1 == 0 })  // a code of 0 on average is 0 always
    let one = try CodeStatistics(of: images.sliced(0..<1, axis: 0), for: exact.learner)
    #expect(one.deviations.allSatisfy { $0 == 0 })
    // Without any axis, the expansion is a constant, but the best class is still exact.
    let constant = try exact.fastClassifier(around: one, exactClasses: 1)
    #expect(try logits(constant).count == 40)
  }

  @Test("codes of other prompts are refused")
  func otherCodes() throws {
    for (means, deviations) in [(32, 31), (31, 32), (0, 0), (33, 33)] {
      func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }
      let codes = try JSONDecoder().decode(
        CodeStatistics.self, from: JSONEncoder().encode(["means": zeros(means), "deviations": zeros(deviations)]))
      #expect(
        message { try exact.fastClassifier(around: codes) }
          == "The typical codes have \(means) means and \(deviations) deviations, but a code of these prompts has 32 numbers."
          + " Measure the codes with these prompts.")
    }
  }

  @Test("Agreement is full with all classes exact; with other classes it is measured anew")
  func agreement() throws {
    let all = try FastAgreement(of: fast(exactClasses: Self.names.count), on: images)
    #expect(all.top1 == 100 && all.top5 == 100 && all.largestDifference <= 1e-4 && all.images == 40)
    #expect(all.isGoodEnough)
    let two = try FastAgreement(of: fast(exactClasses: 2), on: images)
    #expect(two.exactClasses == 2 && two.meanDifference <= two.largestDifference)
    #expect(two.meanDifference > all.meanDifference)
    let renamed = try fast(exactClasses: 5).withClasses(["zebra", "ant"])
    #expect(renamed.classNames == ["zebra", "ant"])
    let expected = try exact.withClasses(["zebra", "ant"])
    for (fast, exact) in try zip(logits(renamed), logits(expected)) {
      #expect(zip(fast, exact).allSatisfy { abs($0 - $1) <= 1e-5 * clip.logitScale })  // both of two are exact
    }
  }
}
