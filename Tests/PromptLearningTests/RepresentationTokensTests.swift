import CLIP
import Datasets
import Foundation
import PromptLearning
import TestSupport
import Testing
import Torch

@Suite("Laws of MMRL's tokens and of its two heads", .serialized)
struct RepresentationTokensTests {
  private let names = ["dog", "grand_piano", "body part", "dog house", "cat"]
  /// Of features of unit length, which a trie and single prompts compute with other sums.
  private static let rounding: Float = 1e-5

  private func learner(
    _ heads: RepresentationTokens.Answering.Heads = .byClasses, share: Float = 0.7, depth: Int? = nil
  ) throws -> RepresentationTokens {
    let drawn = try RepresentationTokens(
      for: names, width: 16, depth: depth, answering: .init(share: share, heads: heads),
      clip: ImageOriginals.clip.get())
    // Larger tokens, so that they make a difference.
    return try drawn.replacing([drawn.parameters[0] * 20] + drawn.parameters.dropFirst())
  }

  private func logits(
    _ learner: RepresentationTokens, of names: [String]? = nil
  ) throws -> (answer: Tensor, heads: [Tensor]) {
    let clip = try ImageOriginals.clip.get()
    let asked = try names.map { try learner.withClasses($0, on: clip) } ?? learner
    let images = try Classifier(clip, asked).clip.imageEncoder(ImageOriginals.pixels.sliced(0..<3, axis: 0)).unitRows()
    let features = try asked.features(
      of: images, asked.classFeatures(for: .zeros([1, 0])), scale: clip.logitScale)
    return (try Classifier(clip, asked).logits(for: images), features.heads)
  }

  @Test("the trie of all classes gives the features and gradients of each prompt alone", arguments: [1, 3, 4])
  func trie(depth: Int) throws {
    let learner = try learner(depth: depth)
    let singles = try names.indices.map { try learner.restricted(to: $0..<$0 + 1) }
    let weights = try FormulaWeights.values("cotangent", [1, names.count, 64], scale: 1)
    func gradient(_ features: ([Tensor]) throws -> Tensor) throws -> (value: Tensor, gradients: [Tensor]) {
      let (values, gradients) = try valuesWithGradients(at: learner.parameters) { [try features($0)] }
      return (values[0], gradients[0])
    }
    let whole = try gradient {
      try (learner.replacing($0).classFeatures(for: .zeros([1, 0])) * weights).mean(over: [0, 1, 2])
    }
    let alone = try gradient { parameters in
      let parts = try singles.map { try $0.replacing(parameters).classFeatures(for: .zeros([1, 0])) }
      return try (Tensor.concatenated(parts, axis: 1) * weights).mean(over: [0, 1, 2])
    }
    #expect(try whole.value.isClose(to: alone.value, within: Self.rounding))
    for (index, name) in RepresentationTokens.parameterNames.enumerated() where index == 0 || index > 2 && index < 5 {
      let difference = try whole.gradients[index].relativeDifference(from: alone.gradients[index])
      #expect(difference <= ImageOriginals.tolerance, "the gradient of \(name) differs by \(difference)")
    }
  }

  @Test("both features answer about learned classes, and the class token's alone where one was not learned")
  func heads() throws {
    let learner = try learner()
    func isFused(_ names: [String]?) throws -> Bool {
      let (answer, heads) = try logits(learner, of: names)
      let fused = try (heads[0] * 0.7).adding(heads[1], scaledBy: 0.3)
      #expect(try !fused.isClose(to: heads[0], within: 0.1))
      let isClassToken = try answer.isClose(to: heads[0], within: 1e-4)
      #expect(try isClassToken || answer.isClose(to: fused, within: 1e-4))
      return !isClassToken
    }
    #expect(try isFused(nil))
    #expect(try isFused(["cat", "dog"]))
    #expect(try !isFused(["cat", "aeroplane"]))
    #expect(try !isFused(["aeroplane", "ship"]))
    // A list and then another: what was learned is not forgotten on the way.
    let clip = try ImageOriginals.clip.get()
    let there = try learner.withClasses(["ship"], on: clip).withClasses(names, on: clip)
    #expect(try logits(there).answer.isClose(to: logits(learner).answer, within: 1e-4))
  }

  @Test("the option decides otherwise, and a share of 1 is the class token's feature alone")
  func option() throws {
    for (heads, own, other) in [
      (RepresentationTokens.Answering.Heads.classToken, 1, 1), (.both, 0.7, 0.7), (.byClasses, 0.7, 1),
    ] as [(RepresentationTokens.Answering.Heads, Float, Float)] {
      let learner = try learner(heads)
      for (names, share) in [(nil, own), (["ship", "dog"], other)] {
        let (answer, of) = try logits(learner, of: names)
        let expected = try (of[0] * share).adding(of[1], scaledBy: 1 - share)
        #expect(try answer.isClose(to: expected, within: 1e-4), "\(heads), \(share)")
      }
    }
    let (answer, of) = try logits(learner(share: 1))
    #expect(try answer.isClose(to: of[0], within: 1e-4))
  }

  @Test("the part of a divided class list is answered about as the whole list is")
  func divided() throws {
    let clip = try ImageOriginals.clip.get()
    let whole = try learner().withClasses(["dog", "ship", "cat"], on: clip)
    let images = try Classifier(clip, whole).clip.imageEncoder(ImageOriginals.pixels.sliced(0..<3, axis: 0)).unitRows()
    let part = try Classifier(clip, whole.restricted(to: 2..<3)).logits(for: images)
    let expected = try Classifier(clip, whole).logits(for: images).sliced(2..<3, axis: 1)
    #expect(try part.isClose(to: expected, within: 1e-4))
    #expect(try !logits(learner(), of: ["cat"]).answer.isClose(to: expected, within: 0.1))
  }

  @Test("initial values, depths and the authors' weight and width on a dataset; a seed gives them again")
  func initial() throws {
    let clip = try ImageOriginals.clip.get()
    func start(_ dataset: String, _ options: [String: Double] = [:]) throws -> [Tensor] {
      guard case .stepwise(let learning) = Method.mmrl.learning else { return [] }
      return try learning.start(
        MethodSetup(
          clip: clip, classNames: names, dataset: dataset, options: MethodOptions(options, for: .mmrl))
      ).parameters
    }
    let parameters = try start("")
    #expect(
      parameters.map(\.shape) == [[5, 512], [3, 128, 512], [3, 128], [3, 64, 512], [3, 64], [128, 64]])
    for (one, other) in try zip(parameters, start("")) { #expect(try one.bytes() == other.bytes()) }
    #expect(try start("EuroSAT")[0].shape == [5, 2048])
    #expect(try start("EuroSAT", ["width": 8, "tokens": 2, "depth": 4])[1].shape == [4, 128, 8])
    let images = try parameters[1].floats()
    #expect(images[0..<65_536] == images[65_536..<131_072])
    func deviation(_ tensor: Tensor) throws -> Float {
      let numbers = try tensor.floats()
      return (numbers.map { $0 * $0 }.reduce(0, +) / Float(numbers.count)).squareRoot()
    }
    #expect(try abs(deviation(parameters[0]) - 0.02) < 0.002)
    #expect(try abs(deviation(parameters[5]) - 1 / Float(128).squareRoot()) < 0.005)
    #expect(
      message { try start("", ["depth": 5]) }
        == "Prompts for 5 blocks were given, but the text tower has 4. Give a depth from 1 to 4.")
    // One term is the weight times a distance that is the same for all datasets.
    func weight(_ dataset: String, _ options: [String: Double] = [:]) throws -> Float {
      let setup = MethodSetup(
        clip: clip, classNames: names, dataset: dataset, options: try MethodOptions(options, for: .mmrl))
      let objective = try #require(try Method.mmrl.recipe(setup)).objective
      let one = try Tensor([Float(1), 0], shape: [1, 2])
      let student = try RepresentationTokens(for: names, width: 8, clip: clip).features(
        of: Tensor([Float(0), 1, 0, 1], shape: [1, 4]), one.unsqueezed(at: 0), scale: 1)
      let teacher = try Features(images: one, classes: one.unsqueezed(at: 0), scale: 1)
      let terms = try objective.terms(student, teacher: teacher, labels: Tensor([0], shape: [1]))
      return try #require(terms.first { $0.name == "images" }).value.scalar()
    }
    #expect(try weight("StanfordCars") == 7 && weight("my photos") == 1)
    #expect(try abs(weight("EuroSAT") - 0.01) < 1e-6 && weight("EuroSAT", ["weight": 2]) == 2)
  }

  @Test("ImageNet has larger batches and fewer epochs; the optimiser is AdamW, the crops half a photo or more")
  func training() throws {
    let usual = try #require(Method.mmrl.defaultTraining)
    #expect(usual.epochs == 10 && usual.batchSize == 4 && usual.learningRate == 0.001)
    #expect(usual.optimizer == .adamW && usual.smallestCrop == 0.5 && usual.weightDecay == 5e-4)
    let large = try #require(Method.mmrl.defaultTraining(on: "ImageNet"))
    #expect(large.epochs == 5 && large.batchSize == 32)
  }
}
