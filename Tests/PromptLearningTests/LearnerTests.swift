import CLIP
import Datasets
import PromptLearning
import Testing
import TestSupport
import Tokenization
import Torch

@Suite("Learners obey the laws of their papers")
struct LearnerTests {
  /// The tolerance of unit features, cosines and logits over their scale.
  static let tolerance: Float = 1e-6
  static let names = ["dog", "grand_piano", "body part", "dog house"]

  let clip: CLIPModel
  let images: Tensor  // [5, E], unit rows

  init() throws {
    clip = try TinyCLIP.clip
    images = try FormulaWeights.values("features", [5, clip.embeddingWidth], scale: 1).unitRows()
  }

  private func expectUnitRows(_ features: Tensor) throws {
    let rows = try features.reshaped([-1, clip.embeddingWidth]).floats()
    for start in stride(from: 0, to: rows.count, by: clip.embeddingWidth) {
      let norm = rows[start..<start + clip.embeddingWidth].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(abs(norm - 1) <= 1e-5)
    }
  }

  @Test("class features are unit rows: one set for all images, or one set for each")
  func shapes() throws {
    let learners: [(any PromptLearner, Int)] = [
      (try ZeroShotPrompts(for: Self.names, clip: clip), 1),
      (try ContextPrompts(for: Self.names, clip: clip), 1),
      (try ContextPrompts(for: Self.names, position: .middle, isClassSpecific: true, clip: clip), 1),
      (try ConditionalPrompts(for: Self.names, clip: clip), 5),
    ]
    for (learner, count) in learners {
      let features = try learner.classFeatures(for: images)
      #expect(features.shape == [count, Self.names.count, clip.embeddingWidth])
      try expectUnitRows(features)
      #expect(learner.classNames == Self.names)
    }
  }

  @Test("probabilities are those of the scaled cosines, and sum to 1")
  func probabilities() throws {
    let classifier = Classifier(clip, try ZeroShotPrompts(for: Self.names, clip: clip))
    let features = try classifier.learner.classFeatures(for: images).reshaped([Self.names.count, -1])
    let logits = try classifier.logits(for: images)
    #expect(try logits.isClose(to: images.matmul(features.transposed()) * clip.logitScale, within: 1e-4))
    let probabilities = try classifier.probabilities(for: images).floats()
    for row in 0..<5 { #expect(abs(probabilities[row * 4..<row * 4 + 4].reduce(0, +) - 1) <= 1e-5) }
  }

  @Test("with equal contexts, CoOp is zero-shot CLIP, wherever the words came from")
  func coopBeginsAsZeroShot() throws {
    let zeroShot = try ZeroShotPrompts(for: Self.names, clip: clip).classFeatures(for: images)
    for isClassSpecific in [false, true] {
      let coop = try ContextPrompts(for: Self.names, isClassSpecific: isClassSpecific, clip: clip)
      #expect(try coop.classFeatures(for: images).isClose(to: zeroShot, within: Self.tolerance))
    }
  }

  @Test("each image has conditional tokens of its own")
  func conditions() throws {
    let features = try ConditionalPrompts(for: Self.names, clip: clip).classFeatures(for: images)
    let (first, second) = (try features.sliced(0..<1, axis: 0), try features.sliced(1..<2, axis: 0))
    #expect(try first.largestDifference(from: second) > 1e-4)
  }

  @Test("a permutation of the classes permutes the logits")
  func permutation() throws {
    let order = [2, 0, 3, 1]
    func logits(_ names: [String]) throws -> Tensor {
      try Classifier(clip, try ConditionalPrompts(for: names, clip: clip)).logits(for: images)
    }
    let expected = try logits(Self.names).gathered(Tensor(order, shape: [4]), axis: 1)
    let permuted = try logits(order.map { Self.names[$0] })
    #expect(try permuted.isClose(to: expected, within: Self.tolerance * clip.logitScale))
  }

  @Test("an ensemble is the mean of its templates' unit features, at unit length again")
  func ensemble() throws {
    let templates = PromptTemplate.ensemble(for: "openclipart")
    #expect(templates.count == 8)
    let ensemble = try ZeroShotPrompts(for: Self.names, templates: templates, clip: clip).classFeatures(for: images)
    let parts = try templates.map { try ZeroShotPrompts(for: Self.names, templates: [$0], clip: clip) }
    let sum = try parts.dropFirst().reduce(parts[0].classFeatures(for: images)) { sum, part in
      try sum + part.classFeatures(for: images)
    }
    #expect(try ensemble.isClose(to: sum.unitRows(), within: Self.tolerance))
    #expect(try ensemble.largestDifference(from: parts[7].classFeatures(for: images)) > 1e-3)
  }

  @Test("names with underscores and spaces are one name")
  func underscores() throws {
    let features = try ZeroShotPrompts(for: ["body_part", " body  part "], clip: clip).classFeatures(for: images)
    let (first, second) = (try features.sliced(0..<1, axis: 1), try features.sliced(1..<2, axis: 1))
    #expect(try first.floats() == second.floats())
  }

  @Test("a context of words has one vector for each token", arguments: [("a photo of a", 4), ("aardvark's burrow", 6)])
  func words(words: String, expected: Int) throws {
    let ids = clip.tokenizer.encode(words)
    #expect(ids.count == expected)
    let coop = try ContextPrompts(for: Self.names, initialContext: .words(words), clip: clip)
    #expect(try coop.parameters[0].bytes() == clip.textEncoder.embeddings(of: ids).bytes())
    let zeroShot = try ZeroShotPrompts(for: Self.names, templates: [PromptTemplate("\(words) {}.")], clip: clip)
    let difference = try coop.classFeatures(for: images).largestDifference(from: zeroShot.classFeatures(for: images))
    #expect(difference <= Self.tolerance)
  }

  @Test("prompts are laid out as the paper draws them", arguments: ContextPosition.allCases, [1, 3, 4])
  func layout(position: ContextPosition, count: Int) throws {
    let learner = try ContextPrompts(
      for: Self.names, initialContext: .random(count: count), position: position, clip: clip)
    let before = [.end: count, .middle: count / 2, .front: 0][position, default: -1]
    let vectors = (0..<count).map(PromptSymbol.context)
    let prompts = Self.names.map { name in
      let words = clip.tokenizer.encode(PromptTemplate.words(of: name)).map(PromptSymbol.token)
      let stop = clip.tokenizer.encode(".").map(PromptSymbol.token)
      return [.token(clip.tokenizer.startOfText)] + vectors.prefix(before) + words + vectors.dropFirst(before) + stop
        + [.token(clip.tokenizer.endOfText)]
    }
    let expected = try clip.textEncoder(PromptTrie(prompts), contexts: learner.parameters[0].unsqueezed(at: 0))
    #expect(try learner.classFeatures(for: images).isClose(to: expected.unitRows(), within: Self.tolerance))
  }

  @Test("random contexts: M of them, from N(0, 0.02²), by seed", arguments: [1, 3, 16])
  func randomContexts(count: Int) throws {
    func context(_ learner: some TrainablePromptLearner) -> Tensor { learner.parameters[0] }
    let start = InitialContext.random(count: count)
    let coop = try ContextPrompts(for: Self.names, initialContext: start, clip: clip, seed: 3)
    let cocoop = try ConditionalPrompts(for: Self.names, initialContext: start, clip: clip, seed: 3)
    #expect(context(coop).shape == [count, clip.textEncoder.width])
    #expect(context(cocoop).shape == [count, clip.textEncoder.width])
    let again = try ContextPrompts(for: Self.names, initialContext: start, clip: clip, seed: 3)
    let other = try ContextPrompts(for: Self.names, initialContext: start, clip: clip, seed: 4)
    #expect(try context(again).bytes() == context(coop).bytes())
    #expect(try context(other).bytes() != context(coop).bytes())
    #expect(try coop.classFeatures(for: images).isFinite)
    #expect(try cocoop.classFeatures(for: images).isFinite)

    let values = try context(coop).floats().map(Double.init)
    let mean = values.reduce(0, +) / Double(values.count)
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
    let sixErrors = 6 * 0.02 / Double(values.count).squareRoot()  // six standard errors of the mean
    #expect(abs(mean) < sixErrors)
    #expect(abs(deviation - 0.02) < sixErrors)
  }

  @Test("class-specific random contexts differ from class to class")
  func classSpecificContexts() throws {
    let learner = try ContextPrompts(
      for: Self.names, initialContext: .random(count: 2), isClassSpecific: true, clip: clip)
    let context = learner.parameters[0]
    #expect(context.shape == [Self.names.count, 2, clip.textEncoder.width])
    let sets = try (0..<Self.names.count).map { try context.sliced($0..<$0 + 1, axis: 0).bytes() }
    #expect(Set(sets).count == sets.count)
  }

  @Test("the meta-network begins as PyTorch's linear layers do: uniform within 1 / √inputs")
  func metaNetwork() throws {
    let parameters = try ConditionalPrompts(for: Self.names, clip: clip, seed: 1).parameters.dropFirst()
    #expect(parameters.map(\.shape) == [[32, 512], [32], [256, 32], [256]])
    for (parameter, inputs) in zip(parameters, [512, 512, 32, 32]) {
      let bound = 1 / Float(inputs).squareRoot()
      let values = try parameter.floats()
      #expect(values.allSatisfy { abs($0) <= bound })
      #expect(values.contains { $0 > 0.8 * bound } && values.contains { $0 < -0.8 * bound })
    }
  }

  @Test("learned prompts name other classes, but class-specific ones do not")
  func withClasses() throws {
    let other = ["boat", "clock", "star"]
    let coop = try ContextPrompts(for: Self.names, clip: clip).withClasses(other, on: clip)
    #expect(coop.classNames == other)
    let cocoop = try ConditionalPrompts(for: Self.names, clip: clip)
    let renamed = try cocoop.withClasses(other, on: clip)
    #expect(try zip(renamed.parameters, cocoop.parameters).allSatisfy { try $0.bytes() == $1.bytes() })
    #expect(try renamed.classFeatures(for: images).shape == [5, 3, clip.embeddingWidth])
    let specific = try ContextPrompts(for: Self.names, isClassSpecific: true, clip: clip)
    #expect(
      message { try specific.withClasses(other, on: clip) }
        == "These contexts were learned for 4 classes, one set each, and there is none for 'boat'. "
        + "Evaluate them on the classes they were learned for, or learn unified contexts.")
    // Other classes of the same number would fit, and would get the contexts of the original classes.
    #expect(throws: LearningError.noContexts(className: "star", learnedFor: 4)) {
      try specific.withClasses(Self.names.dropLast() + ["star"], on: clip)
    }
  }

  @Test("class-specific contexts go with their classes in another order, or to some of them")
  func orders() throws {
    let specific = try ContextPrompts(
      for: Self.names, initialContext: .random(count: 2), isClassSpecific: true, clip: clip)
    let features = try specific.classFeatures(for: images).reshaped([4, -1])
    for order in [[3, 1, 2, 0], [2, 0]] {
      let named = try specific.withClasses(order.map { Self.names[$0] }, on: clip)
      let expected = try features.gathered(Tensor(order, shape: [order.count]), axis: 0)
      #expect(try named.classFeatures(for: images).reshaped([order.count, -1]).isClose(to: expected, within: 1e-5))
    }
  }
}
