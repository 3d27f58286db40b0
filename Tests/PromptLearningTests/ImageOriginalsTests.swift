import CLIP
import Datasets
import Foundation
import PromptLearning
import TestSupport
import Testing
import Torch

/// What Scripts/oracle/record_image_originals.py recorded of the authors' own classes, on a small CLIP of formula
/// weights whose image tower is a vision transformer.
enum ImageOriginals {
  struct Recipe: Decodable, Sendable {
    struct Run: Decodable, Sendable {
      let tokens, imageTokens, textDepth, imageDepth, depth: Int?
      let mean, deviation, weight: Double?
      let imageLayers: Int?
      let dataset: String?
      /// The tensors of the authors' model and their shapes.
      let keys: [String: [Int]]
    }
    struct Rule: Decodable, Sendable { let learningRate: Float }
    let classNames: [String]
    let steps: Int
    let epochs: Int?
    let optimizer: Rule
    let runs: [String: Run]
    /// The sentences about each class, and which of them each step has.
    let sentences: [String: [String]]?
    let rows: [Int]?
  }

  /// Of losses and learned numbers; of gradients, as a share of the largest. Rounding alone moves the recorded numbers
  /// by up to 7e-5 from their repetition in 64-bit floats.
  static let tolerance: Float = 1e-4

  static func fixture(_ name: String) throws -> Fixture<Recipe> { try Fixture("\(name)-originals", in: .module) }

  /// The small CLIP: five blocks for images and four for texts.
  static let clip = Result { try small(imageLayers: 5) }

  static func small(imageLayers: Int) throws -> CLIPModel {
    let vision = VisionTransformer.Configuration(imageSize: 32, patchSize: 8, width: 128, layers: imageLayers, heads: 2)
    let text = CLIPConfiguration.TextTower(width: 64, heads: 1, layers: 4)
    let configuration = CLIPConfiguration(
      embeddingWidth: 64, image: .visionTransformer(vision), text: text, activation: .quickGELU,
      preprocessing: FormulaWeights.preprocessing(size: 32))
    let tensors = try FormulaWeights.tensors(vision, text, embeddingWidth: 64)
    return try CLIPModel(
      name: "small-vit", configuration: configuration, weights: CheckpointSource(tensors, name: "small-vit"))
  }

  static var pixels: Tensor {
    get throws { try FormulaWeights.values("pixels", [20, 3, 32, 32], scale: 1.5) }
  }

  /// The values that a run began with, in the order of the learner.
  static func initial(_ run: String, _ fixture: Fixture<Recipe>, _ names: [String], missing: [Int]) throws -> [Tensor] {
    try names.map { name in
      let key = "\(run).step-0.\(name)"
      return try fixture.has(key) ? fixture.tensor(key) : .zeros(missing)
    }
  }

  /// - Parameters:
  ///   - clip: whose features of the images the loss compares with.
  ///   - comparesOthers: whether these are features of other images.
  static func batch(
    _ step: Int, _ fixture: Fixture<Recipe>, comparing clip: CLIPModel? = nil, comparesOthers: Bool = false
  ) throws -> Batch {
    let labels = try fixture.tensor("labels").integers()
    let rows = try fixture.tensor("order").sliced(step..<step + 1, axis: 0).reshaped([-1])
    let pixels = try pixels.gathered(rows, axis: 0)
    let others =
      try comparesOthers
      ? FormulaWeights.values("other-pixels", [20, 3, 32, 32], scale: 1.5).gathered(rows, axis: 0) : pixels
    return try Batch(
      pixels: pixels, frozenFeatures: clip.map { try $0.imageEncoder(others).unitRows() },
      labels: rows.integers().map { labels[$0] }, teacher: fixture.recipe.rows?[step] ?? 0)
  }

  /// Compares the first step's logits, terms and gradients, and then every loss and every recorded learned tensor.
  static func expectSame<Learner: TrainablePromptLearner>(
    _ run: String, of fixture: Fixture<Recipe>, _ learner: Learner, by recipe: TrainingRecipe = .crossEntropy,
    on model: CLIPModel? = nil, _ optimizer: Optimizer.Kind = .sgd
  ) throws {
    let clip = try model ?? clip.get()
    let teacher = recipe.comparesImages ? clip : nil
    let classifier = Classifier(clip, learner)
    let first = try batch(0, fixture, comparing: teacher, comparesOthers: recipe.comparesOtherViews)
    let features = try classifier.clip.imageEncoder(#require(first.pixels)).unitRows()
    let logits = try classifier.logits(for: features)
    let difference = try logits.largestDifference(from: fixture.tensor("\(run).logits"))
    #expect(difference <= 100 * tolerance, "logits differ by \(difference), of a scale of 100")
    let plan = try MicrobatchPlan(for: learner, within: .automatic, isTraining: true)
    let result = try classifier.gradient(on: first, by: recipe, plan)
    for term in result.terms {
      let recorded = try fixture.tensor("\(run).\(term.name)").scalar()
      #expect(abs(term.value - recorded) <= tolerance, "\(term.name) is \(term.value), recorded \(recorded)")
    }
    for (name, gradient) in zip(Learner.parameterNames, result.gradients[0]) {
      guard fixture.has("\(run).gradient.\(name)") else { continue }
      let difference = try gradient.relativeDifference(from: fixture.tensor("\(run).gradient.\(name)"))
      #expect(difference <= tolerance, "the gradient of \(name) differs by \(difference)")
    }
    let losses = try fixture.tensor("\(run).losses").floats()
    var configuration = try TrainingConfiguration(epochs: 1, batchSize: 4)
    configuration.optimizer = optimizer
    var trainer = Trainer(classifier, configuration: configuration, recipe: recipe, seed: 1)
    for step in 0..<fixture.recipe.steps {
      let loss = try trainer.step(
        on: batch(step, fixture, comparing: teacher, comparesOthers: recipe.comparesOtherViews),
        learningRate: fixture.recipe.optimizer.learningRate)
      #expect(abs(loss - losses[step]) <= tolerance, "loss of step \(step + 1) is \(loss), recorded \(losses[step])")
      for (name, parameter) in zip(Learner.parameterNames, trainer.classifier.learner.parameters) {
        let key = "\(run).step-\(step + 1).\(name)"
        guard fixture.has(key) else { continue }
        let difference = try parameter.largestDifference(from: fixture.tensor(key))
        #expect(difference <= tolerance, "\(key) differs by \(difference)")
      }
    }
  }
}

@Suite("Methods with prompts in the image tower make the steps of their authors' classes", .serialized)
struct ImageOriginalsTests {
  private func independent(_ run: String, _ fixture: Fixture<ImageOriginals.Recipe>) throws -> IndependentPrompts {
    let tokens = try #require(fixture.recipe.runs[run]?.tokens)
    let parameters = try ImageOriginals.initial(
      run, fixture, IndependentPrompts.parameterNames, missing: [0, tokens, 64])
    return try IndependentPrompts(
      for: fixture.recipe.classNames, parameters: parameters,
      sentence: PromptTemplate(tokens == 4 ? "{}." : "of a {}."), clip: ImageOriginals.clip.get())
  }

  @Test("IVLP: logits, gradients and 30 steps", arguments: ["middle", "whole", "shallow"])
  func ivlp(run: String) throws {
    let fixture = try ImageOriginals.fixture("ivlp")
    try ImageOriginals.expectSame(run, of: fixture, independent(run, fixture))
  }

  @Test("VPT: logits, gradients and 30 steps", arguments: ["middle", "whole"])
  func vpt(run: String) throws {
    let fixture = try ImageOriginals.fixture("vpt")
    let learner = try ImagePrompts(
      for: fixture.recipe.classNames,
      parameters: ImageOriginals.initial(run, fixture, ImagePrompts.parameterNames, missing: []),
      clip: ImageOriginals.clip.get())
    try ImageOriginals.expectSame(run, of: fixture, learner)
  }

  @Test("MaPLe: logits, gradients and 30 steps", arguments: ["middle", "whole"])
  func maple(run: String) throws {
    let fixture = try ImageOriginals.fixture("maple")
    let learner = try CoupledPrompts(
      for: fixture.recipe.classNames,
      parameters: ImageOriginals.initial(run, fixture, CoupledPrompts.parameterNames, missing: []),
      sentence: PromptTemplate(run == "middle" ? "of a {}." : "a {}."), clip: ImageOriginals.clip.get())
    try ImageOriginals.expectSame(run, of: fixture, learner)
  }

  @Test("PromptSRC: four terms, logits, gradients, 30 steps and the mean over epochs", arguments: ["peaked", "wide"])
  func promptsrc(run: String) throws {
    let fixture = try ImageOriginals.fixture("promptsrc")
    let clip = try ImageOriginals.clip.get()
    let recorded = try #require(fixture.recipe.runs[run])
    let options = try MethodOptions(
      ["average-mean": #require(recorded.mean), "average-deviation": #require(recorded.deviation)], for: .promptsrc)
    let setup = MethodSetup(clip: clip, classNames: fixture.recipe.classNames, options: options)
    let recipe = try #require(try Method.promptsrc.recipe(setup))
    let teacher = try #require(recipe.teacherClasses).reshaped([fixture.recipe.classNames.count, -1])
    #expect(try teacher.isClose(to: fixture.tensor("\(run).teacher-classes"), within: 1e-5))
    let learner = try independent(run, fixture)
    try ImageOriginals.expectSame(run, of: fixture, learner, by: recipe)
    // The mean over three epochs of ten steps.
    let rule = try #require(recipe.average)
    let epochs = try #require(fixture.recipe.epochs)
    let configuration = try TrainingConfiguration(epochs: 1, batchSize: 4)
    var trainer = Trainer(Classifier(clip, learner), configuration: configuration, recipe: recipe, seed: 1)
    var sum: [Tensor] = []
    for step in 0..<fixture.recipe.steps {
      _ = try trainer.step(
        on: ImageOriginals.batch(step, fixture, comparing: clip),
        learningRate: fixture.recipe.optimizer.learningRate)
      guard (step + 1).isMultiple(of: fixture.recipe.steps / epochs) else { continue }
      let epoch = (step + 1) / (fixture.recipe.steps / epochs)
      sum = try rule.adding(trainer.classifier.learner.parameters, after: epoch, of: epochs, to: sum)
    }
    for (name, parameter) in zip(IndependentPrompts.parameterNames, sum) {
      let difference = try parameter.largestDifference(from: fixture.tensor("\(run).average.\(name)"))
      #expect(difference <= ImageOriginals.tolerance, "the mean of \(name) differs by \(difference)")
    }
  }

  @Test("CoPrompt: three terms, logits, gradients and 30 steps", arguments: ["middle", "whole"])
  func coprompt(run: String) throws {
    let fixture = try ImageOriginals.fixture("coprompt")
    let (recorded, names) = (try #require(fixture.recipe.runs[run]), fixture.recipe.classNames)
    let clip = try ImageOriginals.clip.get()
    let options = try MethodOptions(["weight": #require(recorded.weight)], for: .coprompt)
    let sentences = try withTemporaryFolder { folder in
      let file = folder.appending(path: "sentences.json")
      try JSONEncoder().encode(#require(fixture.recipe.sentences)).write(to: file)
      return try ClassSentences(contentsOf: file)
    }
    let setup = MethodSetup(clip: clip, classNames: names, options: options, sentences: sentences)
    let recipe = try #require(try Method.coprompt.recipe(setup))
    #expect(try #require(recipe.teacherClasses).isClose(to: fixture.tensor("\(run).teacher-classes"), within: 1e-5))
    let first = try ImageOriginals.batch(0, fixture, comparing: clip, comparesOthers: true)
    #expect(try first.imageFeatures.isClose(to: fixture.tensor("\(run).teacher-images"), within: 1e-5))
    let learner = try AdaptedPrompts(
      for: names, parameters: ImageOriginals.initial(run, fixture, AdaptedPrompts.parameterNames, missing: []),
      sentence: PromptTemplate(run == "middle" ? "of a {}." : "{}."), clip: clip)
    try ImageOriginals.expectSame(run, of: fixture, learner, by: recipe)
  }

  @Test(
    "MMRL: four terms, the logits of both heads, gradients and 30 steps of AdamW",
    arguments: ["upper", "whole", "last"])
  func mmrl(run: String) throws {
    let fixture = try ImageOriginals.fixture("mmrl")
    let (recorded, names) = (try #require(fixture.recipe.runs[run]), fixture.recipe.classNames)
    let clip = try ImageOriginals.small(imageLayers: #require(recorded.imageLayers))
    let dataset = try #require(recorded.dataset)
    let options = try MethodOptions(["weight": #require(recorded.weight)], for: .mmrl)
    let recipe = try #require(
      try Method.mmrl.recipe(MethodSetup(clip: clip, classNames: names, dataset: dataset, options: options)))
    let teacher = try #require(recipe.teacherClasses).reshaped([names.count, -1])
    #expect(try teacher.isClose(to: fixture.tensor("\(run).teacher-classes"), within: 1e-5))
    let learner = try RepresentationTokens(
      for: names, learned: names,
      parameters: ImageOriginals.initial(run, fixture, RepresentationTokens.parameterNames, missing: []),
      template: .zeroShot(for: dataset), clip: clip)
    let pixels = try #require(try ImageOriginals.batch(0, fixture).pixels)
    #expect(
      try clip.imageEncoder(pixels).unitRows().isClose(to: fixture.tensor("\(run).teacher-images"), within: 1e-5))
    let classes = try learner.classFeatures(for: .zeros([1, 0]))
    #expect(
      try classes.reshaped([names.count, -1]).isClose(to: fixture.tensor("\(run).classes"), within: 1e-5))
    let images = try Classifier(clip, learner).clip.imageEncoder(pixels)
    let heads = try learner.features(of: images, classes, scale: clip.logitScale).heads
    for (head, name) in zip(heads, ["class-logits", "representation-logits"]) {
      let difference = try head.largestDifference(from: fixture.tensor("\(run).\(name)"))
      #expect(difference <= 100 * ImageOriginals.tolerance, "\(name) differ by \(difference), of a scale of 100")
    }
    try ImageOriginals.expectSame(run, of: fixture, learner, by: recipe, on: clip, .adamW)
  }

  @Test("the weights of the epochs are those that the authors' configuration gives")
  func weights() {
    let weights = GaussianAverage(mean: 15, deviation: 1).weights(epochs: 20)
    let expected = [0.054, 0.242, 0.399, 0.242, 0.054]
    for (weight, expected) in zip(weights[12..<17], expected) { #expect(abs(weight - expected) < 5e-4) }
    #expect(abs(weights.reduce(0, +) - 1) < 1e-12)
    #expect(GaussianAverage(mean: 15, deviation: 0.001).weights(epochs: 2) == [0, 1])
  }
}
