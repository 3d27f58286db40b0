import CLIP
import Datasets
import Foundation
import PromptLearning
import TestSupport
import Testing
import Tokenization
import Torch

/// A method was expected to learn step by step.
private struct NoSteps: Error {}

@Suite("Laws of prompts in the image tower", .serialized)
struct ImagePromptLawTests {
  static let methods: [PromptLearning.Method] = [.ivlp, .vpt, .maple, .promptsrc, .coprompt, .mmrl]
  /// Of a loss whose logits have a scale of 100, where zeros are added to its gradient.
  private static let roundingOfSums: Float = 1e-5
  private let names = ["dog", "grand_piano", "body part", "dog house", "cat"]

  private func clip() throws -> CLIPModel { try ImageOriginals.clip.get() }

  private func setup(_ options: [String: Double] = [:], of method: PromptLearning.Method) throws -> MethodSetup {
    MethodSetup(clip: try clip(), classNames: names, options: try MethodOptions(options, for: method))
  }

  private func batch(_ clip: CLIPModel, count: Int = 4) throws -> Batch {
    let pixels = try ImageOriginals.pixels.sliced(0..<count, axis: 0)
    return try Batch(
      pixels: pixels, frozenFeatures: clip.imageEncoder(pixels).unitRows(), labels: (0..<count).map { $0 % names.count }
    )
  }

  private func learner(_ method: PromptLearning.Method, _ setup: MethodSetup) throws -> any TrainablePromptLearner {
    guard case .stepwise(let learning) = method.learning else { throw NoSteps() }
    return try learning.start(setup)
  }

  @Test("MaPLe with its couplings frozen is IVLP whose image prompts are the coupled values")
  func coupled() throws {
    let clip = try clip()
    let maple = try CoupledPrompts(for: names, depth: 3, clip: clip)
    let parameters = maple.parameters
    let first = try Linear(weight: parameters[2], bias: parameters[3])(parameters[0])
    let deeper = try parameters[1].matmul(parameters[4].permuted([0, 2, 1])) + parameters[5].unsqueezed(at: 1)
    let ivlp = try IndependentPrompts(
      for: names, parameters: [parameters[0], parameters[1], first, deeper], sentence: PromptTemplate("of a {}."),
      clip: clip)
    let batch = try batch(clip)
    let (mine, theirs) = (
      try Classifier(clip, maple).gradientOfWhole(batch), try Classifier(clip, ivlp).gradientOfWhole(batch)
    )
    #expect(mine.loss == theirs.loss)
    // Text prompts reach the images through the couplings too: A's gradient is that of what it makes, times the text.
    let gradient = try theirs.gradients[0][2].transposed().matmul(parameters[0])
    #expect(try mine.gradients[0][2].relativeDifference(from: gradient) <= ImageOriginals.tolerance)
    let text = try theirs.gradients[0][0] + theirs.gradients[0][2].matmul(parameters[2])
    #expect(try mine.gradients[0][0].relativeDifference(from: text) <= ImageOriginals.tolerance)
  }

  @Test("PromptSRC without its three terms, all weight on the last epoch, is IVLP")
  func unregulated() throws {
    let clip = try clip()
    let options: [String: Double] = [
      "text-weight": 0, "image-weight": 0, "logit-weight": 0, "average-mean": 20, "average-deviation": 0.001,
    ]
    let setup = try setup(options, of: .promptsrc)
    let recipe = try #require(try Method.promptsrc.recipe(setup))
    let start = try #require(learner(.promptsrc, setup) as? IndependentPrompts)
    let configuration = try TrainingConfiguration(epochs: 20, batchSize: 4)
    var regulated = Trainer(Classifier(clip, start), configuration: configuration, recipe: recipe, seed: 1)
    var plain = Trainer(Classifier(clip, start), configuration: configuration, seed: 1)
    let batch = try batch(clip)
    for _ in 0..<3 {
      let losses = (
        try regulated.step(on: batch, learningRate: 0.01), try plain.step(on: batch, learningRate: 0.01)
      )
      #expect(abs(losses.0 - losses.1) <= Self.roundingOfSums)
    }
    for (mine, theirs) in zip(regulated.classifier.learner.parameters, plain.classifier.learner.parameters) {
      #expect(try mine.isClose(to: theirs, within: Self.roundingOfSums))
    }
    #expect(try #require(recipe.average).weights(epochs: 20).last == 1)
  }

  @Test("permuting the classes permutes the logits", arguments: methods)
  func permuted(method: PromptLearning.Method) throws {
    func expectPermuted(_ learner: some TrainablePromptLearner) throws {
      let clip = try clip()
      let order = [4, 2, 0, 1, 3]
      let classifier = Classifier(clip, learner)
      let features = try classifier.clip.imageEncoder(ImageOriginals.pixels.sliced(0..<3, axis: 0)).unitRows()
      let logits = try classifier.logits(for: features)
      let other = try classifier.withClasses(order.map { names[$0] }).logits(for: features)
      #expect(try other.isClose(to: logits.gathered(Tensor(order, shape: [5]), axis: 1), within: 1e-4))
      let part = try Classifier(clip, learner.restricted(to: 1..<4)).logits(for: features)
      #expect(try part.isClose(to: logits.sliced(1..<4, axis: 1), within: 1e-4))
    }
    try expectPermuted(learner(method, setup(of: method)))
  }

  @Test("a memory budget changes the rounding of sums alone", arguments: methods)
  func budgets(method: PromptLearning.Method) throws {
    func expectSame(_ learner: some TrainablePromptLearner, _ recipe: TrainingRecipe) throws {
      let clip = try clip()
      let batch = try batch(clip, count: 6)
      let classifier = Classifier(clip, learner)
      let results = try [1 << 20, 3 << 20, 1 << 40].map { bytes in
        let plan = try MicrobatchPlan(for: learner, within: MemoryBudget(bytes: bytes), isTraining: true)
        return try classifier.gradient(on: batch, by: recipe, plan)
      }
      for result in results.dropLast() {
        #expect(abs(result.loss - results[2].loss) <= ImageOriginals.tolerance)
        for (mine, other) in zip(result.gradients[0], results[2].gradients[0]) {
          #expect(try mine.relativeDifference(from: other) <= ImageOriginals.tolerance)
        }
      }
    }
    let setup = try setup(of: method)
    try expectSame(learner(method, setup), #require(try method.recipe(setup)))
  }

  @Test("initial values are words, N(0, 0.02²), and one coupling for all inner blocks; a seed gives them again")
  func initial() throws {
    let clip = try clip()
    let maple = try #require(learner(.maple, setup(of: .maple)) as? CoupledPrompts)
    let again = try #require(learner(.maple, setup(of: .maple)) as? CoupledPrompts)
    for (one, other) in zip(maple.parameters, again.parameters) { #expect(try one.bytes() == other.bytes()) }
    #expect(maple.parameters.map(\.shape) == [[2, 64], [3, 2, 64], [128, 64], [128], [3, 128, 64], [3, 128]])
    let words = try clip.textEncoder.embeddings(of: clip.tokenizer.encode("a photo"))
    #expect(try maple.parameters[0].floats() == words.floats())
    let projections = try maple.parameters[4].floats()
    #expect(projections[0..<8192] == projections[8192..<16384])
    let ivlp = try #require(
      learner(.ivlp, setup(["image-tokens": 3, "text-depth": 2], of: .ivlp)) as? IndependentPrompts)
    #expect(ivlp.parameters.map(\.shape) == [[2, 64], [1, 2, 64], [3, 128], [4, 3, 128]])
    let drawn = try ivlp.parameters[3].floats()
    let deviation = (drawn.map { $0 * $0 }.reduce(0, +) / Float(drawn.count)).squareRoot()
    #expect(abs(deviation - 0.02) < 0.002)
    let vpt = try #require(learner(.vpt, setup(of: .vpt)) as? ImagePrompts)
    #expect(vpt.parameters.map(\.shape) == [[8, 128], [4, 8, 128]])
  }

  @Test("a depth above the towers' blocks and a tower without tokens are refused in one line")
  func refusals() throws {
    #expect(
      message { try learner(.maple, setup(["depth": 5], of: .maple)) }
        == "Prompts for 5 blocks were given, but the text tower has 4. Give a depth from 1 to 4.")
    #expect(
      message { try learner(.vpt, setup(["image-depth": 6], of: .vpt)) }
        == "Prompts for 6 blocks were given, but the image tower has 5. Give a depth from 1 to 5.")
    for method in Self.methods {
      let text = message { try learner(method, MethodSetup(clip: TinyCLIP.clip, classNames: ["dog"])) }
      #expect(
        text.hasPrefix("Prompts stand among the tokens of a vision transformer, but the image tower of tiny-clip is"))
    }
    let coop = try ContextPrompts(for: names, clip: clip())
    #expect(
      message { try Classifier(clip(), coop).gradientOfWhole(batch(clip())) }
        == "The batch must be image features, as there are no prompts in the image tower, found pixels.")
  }
}

extension Classifier where Learner: TrainablePromptLearner {
  fileprivate func gradientOfWhole(_ batch: Batch) throws -> BatchGradient {
    try gradient(on: batch, MicrobatchPlan(for: learner, within: .automatic, isTraining: true))
  }
}
