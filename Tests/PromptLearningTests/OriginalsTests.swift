import CLIP
import Datasets
import Foundation
import PromptLearning
import TestSupport
import Testing
import Torch

/// A method was expected to learn step by step.
private struct NoSteps: Error {}

/// What Scripts/oracle/record_originals.py recorded of the authors' own code, on a small CLIP of formula weights.
enum Originals {
  struct Recipe: Decodable, Sendable {
    struct Run: Decodable, Sendable {
      let dataset: String?
      let lambda, temperature: Double?
      let layers, block: Int?
      let alpha, beta: Float?
    }
    struct Rule: Decodable, Sendable { let learningRate: Float }
    let classNames: [String]
    let steps: Int
    let optimizer: Rule
    let runs: [String: Run]
  }

  /// Of losses, logits over their scale and learned numbers; of gradients, as a share of the largest. Rounding alone moves
  /// the recorded numbers by 3e-5 from their repetition in 64-bit floats.
  static let tolerance: Float = 1e-4

  static func fixture(_ name: String) throws -> Fixture<Recipe> { try Fixture("\(name)-originals", in: .module) }

  static let width = 64

  static func clip(layers: Int = 12) throws -> CLIPModel {
    let vision = VisionTransformer.Configuration(imageSize: 32, patchSize: 16, width: width, layers: 1, heads: 1)
    let text = CLIPConfiguration.TextTower(width: width, heads: 1, layers: layers)
    let configuration = CLIPConfiguration(
      embeddingWidth: width, image: .visionTransformer(vision), text: text, activation: .quickGELU,
      preprocessing: FormulaWeights.preprocessing(size: 32))
    let tensors = try FormulaWeights.tensors(vision, text, embeddingWidth: width)
    return try CLIPModel(
      name: "small", configuration: configuration, weights: CheckpointSource(tensors, name: "small"))
  }

  /// Repeats a recorded run of training steps, and compares every loss, and every learned tensor where it was recorded.
  static func expectSameSteps<Learner: TrainablePromptLearner>(
    _ run: String, of fixture: Fixture<Recipe>, _ learner: Learner, by recipe: TrainingRecipe,
    _ configuration: TrainingConfiguration, on clip: CLIPModel
  ) throws {
    let (features, labels) = (try fixture.tensor("features").unitRows(), try fixture.tensor("labels").integers())
    let (order, losses) = (try fixture.tensor("order"), try fixture.tensor("\(run).losses").floats())
    var trainer = Trainer(Classifier(clip, learner), configuration: configuration, recipe: recipe, seed: 1)
    for step in 0..<fixture.recipe.steps {
      let rows = try order.sliced(step..<step + 1, axis: 0).reshaped([-1])
      let batch = try Batch(
        imageFeatures: features.gathered(rows, axis: 0), labels: rows.integers().map { labels[$0] })
      let loss = try trainer.step(on: batch, learningRate: fixture.recipe.optimizer.learningRate)
      #expect(abs(loss - losses[step]) <= tolerance, "loss of step \(step + 1)")
      for (name, parameter) in zip(Learner.parameterNames, trainer.classifier.learner.parameters) {
        let key = "\(run).step-\(step + 1).\(name)"
        guard fixture.has(key) else { continue }
        let difference = try parameter.largestDifference(from: fixture.tensor(key))
        #expect(difference <= tolerance, "\(key) differs by \(difference)")
      }
    }
  }

  /// The first step's batch.
  static func firstBatch(_ fixture: Fixture<Recipe>) throws -> Batch {
    let labels = try fixture.tensor("labels").integers()
    let rows = try fixture.tensor("order").sliced(0..<1, axis: 0).reshaped([-1])
    return try Batch(
      imageFeatures: fixture.tensor("features").unitRows().gathered(rows, axis: 0),
      labels: rows.integers().map { labels[$0] })
  }
}

@Suite("ProGrad makes the steps of its authors' program, and is CoOp where lambda is 0")
struct ProGradTests {
  private func setup(_ run: String, _ fixture: Fixture<Originals.Recipe>) throws -> MethodSetup {
    let recorded = try #require(fixture.recipe.runs[run])
    let options = try MethodOptions(
      ["lambda": #require(recorded.lambda), "temperature": #require(recorded.temperature)], for: .prograd)
    return MethodSetup(
      clip: try Originals.clip(), classNames: fixture.recipe.classNames, dataset: try #require(recorded.dataset),
      options: options)
  }

  private func learner(_ setup: MethodSetup) throws -> ContextPrompts {
    guard case .stepwise(let learning) = Method.prograd.learning else { throw NoSteps() }
    return try #require(learning.start(setup) as? ContextPrompts)
  }

  @Test(
    "initial contexts, both terms, both gradients, the projection, and 30 steps",
    arguments: ["pets", "caltech", "food"])
  func steps(run: String) throws {
    let fixture = try Originals.fixture("prograd")
    let setup = try setup(run, fixture)
    let learner = try learner(setup)
    #expect(try learner.parameters[0].floats() == fixture.tensor("\(run).step-0.ctx").floats())
    let recipe = try #require(try Method.prograd.recipe(setup))
    let classifier = Classifier(setup.clip, learner)
    let batch = try Originals.firstBatch(fixture)
    #expect(
      try classifier.logits(for: batch.imageFeatures).isClose(
        to: fixture.tensor("\(run).logits"), within: Originals.tolerance))
    let plan = try MicrobatchPlan(for: learner, within: .automatic, isTraining: true)
    let result = try classifier.gradient(on: batch, by: recipe, plan)
    #expect(result.terms.map(\.name) == ["cross-entropy", "guide"])
    let (losses, guides) = (
      try fixture.tensor("\(run).losses").floats(), try fixture.tensor("\(run).guides").floats()
    )
    #expect(abs(result.terms[0].value - losses[0]) <= Originals.tolerance)
    #expect(abs(result.terms[1].value - guides[0]) <= Originals.tolerance)
    #expect(result.loss == result.terms[0].value)
    for (index, name) in ["gradient.cross-entropy", "gradient.guide"].enumerated() {
      let difference = try result.gradients[index][0].relativeDifference(from: fixture.tensor("\(run).\(name)"))
      #expect(difference <= Originals.tolerance, "\(name) differs by \(difference)")
    }
    let rule = try #require(recipe.gradientRule)
    let direction = try rule.combine(result.gradients, at: learner.parameters)
    #expect(try direction[0].relativeDifference(from: fixture.tensor("\(run).gradient")) <= Originals.tolerance)
    try Originals.expectSameSteps(
      run, of: fixture, learner, by: recipe, try #require(Method.prograd.defaultTraining), on: setup.clip)
  }

  @Test("a gradient is projected where it opposes the guide's, and is left alone elsewhere")
  func projection() throws {
    let rule = AlignedGradient(weight: 1)
    let guide = try Tensor([2, 0] as [Float], shape: [2])
    func combined(_ loss: [Float]) throws -> [Float] {
      try rule.combine([[Tensor(loss, shape: [2])], [guide]], at: [guide])[0].floats()
    }
    #expect(try combined([-3, 5]) == [0, 5])
    #expect(try combined([3, 5]) == [3, 5])
    let loss = try Tensor([-3, 5] as [Float], shape: [2])
    #expect(try AlignedGradient(weight: 0.5).combine([[loss], [guide]], at: [guide])[0].floats() == [-1.5, 5])
    #expect(try rule.combine([[loss], [Tensor.zeros([2])]], at: [guide])[0].floats() == [-3, 5])
  }

  @Test("with lambda 0 every step is CoOp's, bit for bit")
  func coop() throws {
    let fixture = try Originals.fixture("prograd")
    let clip = try Originals.clip()
    let setup = MethodSetup(
      clip: clip, classNames: fixture.recipe.classNames, dataset: "OxfordPets",
      options: try MethodOptions(["lambda": 0], for: .prograd))
    let configuration = try #require(Method.prograd.defaultTraining)
    let recipe = try #require(try Method.prograd.recipe(setup))
    var mine = Trainer(Classifier(clip, try learner(setup)), configuration: configuration, recipe: recipe, seed: 1)
    var coop = Trainer(mine.classifier, configuration: configuration, seed: 1)
    let batch = try Originals.firstBatch(fixture)
    for _ in 0..<5 {
      #expect(try mine.step(on: batch, learningRate: 0.01) == coop.step(on: batch, learningRate: 0.01))
    }
    #expect(
      try mine.classifier.learner.parameters[0].bytes() == coop.classifier.learner.parameters[0].bytes())
  }

  @Test("whichever way images and classes are divided, both gradients are the same")
  func divided() throws {
    let names = (0..<40).map { "\($0) dogs and \($0 * 7) cats" }
    let setup = MethodSetup(clip: try TinyCLIP.clip, classNames: names, dataset: "OxfordPets")
    let recipe = try #require(try Method.prograd.recipe(setup))
    let classifier = Classifier(setup.clip, try learner(setup))
    let features = try FormulaWeights.values("features", [4, setup.clip.embeddingWidth], scale: 1).unitRows()
    let batch = try Batch(imageFeatures: features, labels: [3, 39, 0, 17])
    let results = try [1 << 20, 1 << 40].map { bytes in
      let plan = try MicrobatchPlan(
        for: classifier.learner, within: MemoryBudget(bytes: bytes), isTraining: true)
      #expect((plan.parts.count > 1) == (bytes == 1 << 20))
      return try classifier.gradient(on: batch, by: recipe, plan)
    }
    for term in 0..<2 {
      let difference = try results[0].gradients[term][0].relativeDifference(from: results[1].gradients[term][0])
      #expect(difference <= Originals.tolerance)
    }
  }

  @Test("as many tokens are learned as there are words, and the last word stays in the prompt")
  func words() throws {
    let clip = try TinyCLIP.clip
    let setup = MethodSetup(clip: clip, classNames: ["cat"], dataset: "OxfordPets")
    let learner = try learner(setup)
    let vectors = learner.parameters[0]
    #expect(vectors.shape == [16, clip.textEncoder.width])
    #expect(try vectors.sliced(0..<8, axis: 0).floats().allSatisfy { $0 == 0 })
    #expect(learner.sentence.text == "a {}.")
    let caltech = try self.learner(MethodSetup(clip: clip, classNames: ["cat"], dataset: "Caltech101"))
    #expect(caltech.sentence.text == "{}.")
    let random = MethodSetup(
      clip: clip, classNames: ["cat"], dataset: "OxfordPets", context: ContextSettings(words: nil, length: 4))
    #expect(try self.learner(random).parameters[0].shape[0] == 4)
    let short = MethodSetup(
      clip: clip, classNames: ["cat"], context: ContextSettings(words: "a photo of a", length: 3))
    #expect(
      message { try self.learner(short) }
        == "The number of context vectors that end as 'a photo of a' must be from 4 to 76, found 3.")
  }
}

@Suite("TCP makes the steps of its authors' program")
struct TCPTests {
  private func learner(_ names: [String], _ run: Originals.Recipe.Run, _ clip: CLIPModel) throws -> ClassTokenPrompts {
    let shapes: [(String, [Int])] = [
      ("meta_net.linear1.weight", [16, 64]), ("meta_net.linear1.bias", [16]), ("meta_net.linear2.weight", [256, 16]),
      ("meta_net.linear2.bias", [256]),
    ]
    let parameters =
      try [FormulaWeights.values("ctx", [4, 64], scale: 0.035)]
      + shapes.map { try FormulaWeights.values($0, $1, scale: 0.125) }
    let setup = MethodSetup(clip: clip, classNames: names, dataset: run.dataset ?? "")
    let sentences = try Method.tcp.templates(setup)
    return try ClassTokenPrompts(
      for: names, parameters: parameters, sentence: sentences[0], teacher: sentences[1], block: run.block, clip: clip)
  }

  @Test(
    "logits, both terms, the gradient of every learned tensor, and 30 steps",
    arguments: ["caltech", "pets", "ucf"])
  func steps(run name: String) throws {
    let fixture = try Originals.fixture("tcp")
    let run = try #require(fixture.recipe.runs[name])
    let clip = try Originals.clip(layers: #require(run.layers))
    let names = fixture.recipe.classNames
    let learner = try learner(names, run, clip)
    let setup = MethodSetup(clip: clip, classNames: names, dataset: try #require(run.dataset))
    let recipe = try #require(try Method.tcp.recipe(setup))
    let teacher = try #require(recipe.teacherClasses).reshaped([names.count, -1])
    #expect(try teacher.isClose(to: fixture.tensor("\(name).teacher"), within: 1e-5))
    let batch = try Originals.firstBatch(fixture)
    let classifier = Classifier(clip, learner)
    #expect(
      try classifier.logits(for: batch.imageFeatures).isClose(
        to: fixture.tensor("\(name).logits"), within: Originals.tolerance))
    let plan = try MicrobatchPlan(for: learner, within: .automatic, isTraining: true)
    let result = try classifier.gradient(on: batch, by: recipe, plan)
    for (term, key) in zip(result.terms, ["cross-entropy", "knowledge"]) {
      #expect(term.name == key)
      let recorded = try fixture.tensor("\(name).\(key)").scalar()
      #expect(abs(term.value - recorded) <= Originals.tolerance)
    }
    for (key, gradient) in zip(ClassTokenPrompts.parameterNames, result.gradients[0]) {
      let difference = try gradient.relativeDifference(from: fixture.tensor("\(name).gradient.\(key)"))
      #expect(difference <= Originals.tolerance, "\(key) differs by \(difference)")
    }
    try Originals.expectSameSteps(
      name, of: fixture, learner, by: recipe, try #require(Method.tcp.defaultTraining), on: clip)
  }

  private let names = ["dog", "grand_piano", "body part", "dog house", "dog", "cat"]

  private func random(_ names: [String], block: Int? = nil) throws -> ClassTokenPrompts {
    try ClassTokenPrompts(for: names, block: block, clip: TinyCLIP.clip)
  }

  @Test("permuting the classes permutes the logits, and a part of the classes has its part of them")
  func permuted() throws {
    let clip = try TinyCLIP.clip
    let images = try FormulaWeights.values("features", [3, clip.embeddingWidth], scale: 1).unitRows()
    let learner = try random(names)
    let order = [4, 2, 0, 5, 1, 3]
    let logits = try Classifier(clip, learner).logits(for: images)
    let other = try Classifier(clip, learner.withClasses(order.map { names[$0] }, on: clip)).logits(for: images)
    let expected = try logits.gathered(Tensor(order, shape: [order.count]), axis: 1)
    #expect(try other.isClose(to: expected, within: 1e-4))
    let part = try Classifier(clip, learner.restricted(to: 1..<4)).logits(for: images)
    #expect(try part.isClose(to: logits.sliced(1..<4, axis: 1), within: 1e-4))
  }

  @Test("whichever way classes are divided, the gradient is the same")
  func divided() throws {
    let names = (0..<40).map { "\($0) dogs and \($0 * 7) cats" }
    let clip = try TinyCLIP.clip
    let classifier = Classifier(clip, try random(names))
    let features = try FormulaWeights.values("features", [4, clip.embeddingWidth], scale: 1).unitRows()
    let batch = try Batch(imageFeatures: features, labels: [3, 39, 0, 17])
    let recipe = try #require(try Method.tcp.recipe(MethodSetup(clip: clip, classNames: names)))
    let gradients = try [1 << 20, 1 << 40].map { bytes in
      let plan = try MicrobatchPlan(
        for: classifier.learner, within: MemoryBudget(bytes: bytes), isTraining: true)
      return try classifier.gradient(on: batch, by: recipe, plan).gradients[0]
    }
    for (mine, other) in zip(gradients[0], gradients[1]) {
      #expect(try mine.relativeDifference(from: other) <= Originals.tolerance)
    }
  }

  @Test("class tokens enter two thirds of the way up, and a block that is not there is refused")
  func blocks() throws {
    #expect(try random(["dog"]).block == 2)  // of 3
    #expect(try ClassTokenPrompts(for: ["dog"], clip: Originals.clip()).block == 8)
    #expect(
      message { try random(["dog"], block: 3) }
        == "The block where class tokens enter must be from 1 to 2 with this text tower, found 3.")
    #expect(
      message { try MethodOptions(["block": 1.5], for: .tcp) }
        == "The option 'block' of TCP must be a whole number, found 1.5.")
    #expect(
      message { try ClassTokenPrompts(for: ["dog"], initialContext: .random(count: 3), clip: TinyCLIP.clip) }
        == "The number of context vectors must be 4 or more, as many as there are class tokens, found 3.")
  }
}

@Suite("Tip-Adapter answers as its authors' program, and Tip-Adapter-F makes its steps")
struct TipAdapterTests {
  private let fixture: Fixture<Originals.Recipe>
  private let cache: CacheModel
  private let grid = CacheGrid(initial: .init(alpha: 1.17, beta: 1), scales: (beta: 7, alpha: 3))
  private let clip: CLIPModel

  init() throws {
    fixture = try Originals.fixture("tip-adapter")
    clip = try Originals.clip(layers: 1)
    let keys = try fixture.tensor("views").mean(over: [0]).unitRows()
    cache = try CacheModel(
      for: ["a", "b", "c", "d"], keys: keys, labels: fixture.tensor("labels").integers(), strengths: grid.initial,
      templates: [.photo], classFeatures: fixture.tensor("text").unsqueezed(at: 0))
  }

  @Test("keys are unit means of raw features, and photos get the recorded logits")
  func cacheLogits() throws {
    #expect(try cache.keys.isClose(to: fixture.tensor("keys"), within: 1e-6))
    let logits = try Classifier(clip, cache).logits(for: fixture.tensor("held"))
    #expect(try logits.isClose(to: fixture.tensor("cache-logits"), within: Originals.tolerance))
  }

  @Test(
    "the same α and β are chosen on the same photos, of the cache and of trained keys",
    arguments: ["cache", "last"])
  func search(run name: String) throws {
    let run = try #require(fixture.recipe.runs[name])
    let model = try name == "cache" ? cache : cache.replacing([fixture.tensor("step-30.keys")])
    let found = try grid.best(
      for: model, on: fixture.tensor("held"), labels: fixture.tensor("held-labels").integers(), isOwn: false, scale: 100
    )
    let (alpha, beta) = (try #require(run.alpha), try #require(run.beta))
    #expect(abs(found.strengths.alpha - alpha) <= 1e-6 && abs(found.strengths.beta - beta) <= 1e-6)
    #expect(abs(found.accuracy - 23.0 / 30) <= 1e-9)
  }

  @Test("30 steps of AdamW with a rate that falls at each, the last batch of an epoch smaller")
  func steps() throws {
    let configuration = TrainingConfiguration.tipAdapterF(epochs: 10)
    var trainer = Trainer(Classifier(clip, cache), configuration: configuration, seed: 1)
    let (fresh, order) = (try fixture.tensor("fresh"), try fixture.tensor("order"))
    let (labels, losses) = (try fixture.tensor("labels").integers(), try fixture.tensor("losses").floats())
    var step = 0
    for epoch in 0..<10 {
      let view = try fresh.sliced(epoch..<epoch + 1, axis: 0).reshaped([labels.count, -1]).unitRows()
      let sequence = try order.sliced(epoch..<epoch + 1, axis: 0).reshaped([-1])
      for (number, range) in [0..<5, 5..<10, 10..<12].enumerated() {
        let rows = try sequence.sliced(range, axis: 0)
        let batch = try Batch(
          imageFeatures: view.gathered(rows, axis: 0), labels: rows.integers().map { labels[$0] })
        let loss = try trainer.step(
          on: batch, learningRate: configuration.schedule(epoch: epoch + 1, step: number + 1, of: 3))
        #expect(abs(loss - losses[step]) <= Originals.tolerance, "loss of step \(step + 1)")
        step += 1
        guard fixture.has("step-\(step).keys") else { continue }
        let keys = trainer.classifier.learner.keys
        let difference = try keys.largestDifference(from: fixture.tensor("step-\(step).keys"))
        #expect(difference <= Originals.tolerance, "keys of step \(step) differ by \(difference)")
      }
    }
  }

  @Test("with alpha 0 it is zero-shot CLIP, and other classes than its own are refused")
  func laws() throws {
    let held = try fixture.tensor("held")
    let plain = try Features(images: held, classes: cache.classFeatures(for: held), scale: clip.logitScale).logits
    let silent = try cache.with(.init(alpha: 0, beta: 1))
    #expect(try Classifier(clip, silent).logits(for: held).floats() == plain.floats())
    let part = try cache.withClasses(["d", "b"], on: clip)
    let logits = try Classifier(clip, cache).logits(for: held)
    let expected = try logits.gathered(Tensor([3, 1], shape: [2]), axis: 1)
    #expect(try Classifier(clip, part).logits(for: held).isClose(to: expected, within: 1e-5))
    #expect(
      message { try cache.withClasses(["a", "z"], on: clip) }
        == "A cache of photos knows the 4 classes it was trained on and no others. "
        + "Ask it about those alone, train it on the others too, or take a method with prompts.")
  }

  @Test("α and β are chosen on validation photos, or on the cache's own, or not at all, and it says which")
  func rules() throws {
    let pairs = try SmallDataset.make(counts: [2, 3, 2])
    let single = try SmallDataset.make(counts: [1, 1, 2])
    #expect(CacheRule(for: pairs) == .otherPhotos(count: 7))
    #expect(CacheRule(for: pairs, keysAreTrained: true) == .initial)
    #expect(CacheRule(for: single) == .initial)
    #expect(
      CacheRule.initial.sentence(grid.initial)
        == "There are no validation photos to choose the cache's α and β on: they are 1.17 and 1.0")
  }

  @Test("a photo's own key has no vote where it is named by the others")
  func leaveOneOut() throws {
    // Each photo is its own key, and its label says nothing of it: its own vote names it rightly, no other does.
    let keys = try fixture.tensor("keys")
    let labels = (0..<keys.shape[0]).map { $0 % 4 }
    let mixed = try CacheModel(
      for: cache.classNames, keys: keys, labels: labels, strengths: grid.initial, templates: [.photo],
      classFeatures: fixture.tensor("text").unsqueezed(at: 0))
    let wide = CacheGrid(initial: grid.initial, scales: (beta: 7, alpha: 300))
    let all = try wide.best(for: mixed, on: keys, labels: labels, isOwn: false, scale: 100)
    let others = try wide.best(for: mixed, on: keys, labels: labels, isOwn: true, scale: 100)
    #expect(all.accuracy == 1 && others.accuracy < 0.75)
  }
}

@Suite("Adam and AdamW remember in files what they need to go on")
struct AdamTests {
  @Test("a training that is continued from its file ends with the same bits", arguments: [Method.tcp, .tipAdapterF])
  func continued(method: Method) throws {
    let clip = try TinyCLIP.clip
    let dataset = try SmallDataset.make(shots: 2)
    let setup = MethodSetup(clip: clip, classNames: dataset.classNames)
    guard case .stepwise(let learning) = method.learning else { return }
    let learner = try learning.start(setup)
    try expectSameBits(learner, method, learning, setup, dataset)
  }

  private func expectSameBits<Learner: TrainablePromptLearner>(
    _ learner: Learner, _ method: Method, _ learning: StepwiseLearning, _ setup: MethodSetup, _ dataset: Dataset
  ) throws {
    var configuration = try #require(method.defaultTraining)
    (configuration.epochs, configuration.batchSize, configuration.views) = (2, 4, .stored(2))
    let recipe = try learning.recipe(setup)
    var whole = Trainer(Classifier(setup.clip, learner), configuration: configuration, recipe: recipe, seed: 1)
    try whole.runEpoch(0, on: dataset)
    let identity = ModelIdentity(name: "tiny-clip", sha256: "0")
    let restored = try withTemporaryFolder { folder in
      let file = folder.appending(path: "kept.safetensors")
      try Artifact(ArtifactDescription(method, setup, model: identity), whole, resumable: true).write(to: file)
      return try Artifact(contentsOf: file, noun: method.artifactNoun)
    }
    let training = try #require(restored.training)
    #expect(training.configuration == configuration)
    let again = try #require(learning.restore(restored, setup, "file") as? Learner)
    var continued = Trainer(
      Classifier(setup.clip, again), configuration: training.configuration, recipe: recipe, seed: training.seed,
      state: training.state)
    try whole.runEpoch(1, on: dataset)
    try continued.runEpoch(1, on: dataset)
    for (mine, other) in zip(continued.classifier.learner.parameters, whole.classifier.learner.parameters) {
      #expect(try mine.bytes() == other.bytes())
    }
  }
}

@Suite("Checkpoints of ProGrad and TCP go to and fro")
struct OriginalsCheckpointTests {
  private let identity = SavedTraining.identity
  private let names = ["cat", "dog"]

  /// Writes a run's prompts as the original would, and reads them again.
  private func exchanged(
    _ method: Method, dataset: String, as given: Method?
  ) throws -> (before: Artifact, after: Artifact, method: Method) {
    let clip = try TinyCLIP.clip
    let setup = MethodSetup(clip: clip, classNames: names, dataset: dataset)
    guard case .stepwise(let learning) = method.learning else { throw NoSteps() }
    let learner = try learning.start(setup)
    let artifact = try Artifact(
      ArtifactDescription(method, setup, model: identity), (learner: learner, search: [:]))
    return try withTemporaryFolder { folder in
      let training = ReferencePrompts.Training(epoch: 50, learningRate: 0.002)
      try ReferencePrompts.write(artifact, on: clip, training, precision: .float32, toFolder: folder)
      let prompts = try ReferencePrompts(at: folder, of: given)
      let read = try prompts.checkpoint(on: clip, identity: identity, classNames: names, dataset: dataset)
      return (artifact, read, prompts.method)
    }
  }

  @Test("TCP's is told by its shapes, and answers as it did", arguments: ["OxfordPets", "FGVCAircraft", "mine"])
  func tcp(dataset: String) throws {
    let (before, after, method) = try exchanged(.tcp, dataset: dataset, as: nil)
    #expect(method == .tcp && before.description.templates == after.description.templates)
    try expectSameAnswers(before, after)
  }

  @Test("ProGrad's is taken for CoOp's unless somebody says what it is", arguments: ["OxfordPets", "mine"])
  func prograd(dataset: String) throws {
    let (before, after, method) = try exchanged(.prograd, dataset: dataset, as: .prograd)
    #expect(method == .prograd && before.description.templates == after.description.templates)
    try expectSameAnswers(before, after)
    #expect(try exchanged(.prograd, dataset: dataset, as: nil).method == .coop)
  }

  private func expectSameAnswers(_ before: Artifact, _ after: Artifact) throws {
    let clip = try TinyCLIP.clip
    let images = try FormulaWeights.values("features", [3, clip.embeddingWidth], scale: 1)
    let logits = try [before, after].map {
      try $0.classifier(on: clip, identity: identity, path: "file").logits(ofEmbeddings: images, within: .automatic)
    }
    #expect(try logits[0].floats() == logits[1].floats())
  }

  @Test("a network whose tokens are no whole number of widths is refused by name and shape")
  func widths() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "model.pth.tar-50")
      let shapes = [
        ("ctx", [4, 256]), ("meta_net.linear1.weight", [128, 512]), ("meta_net.linear1.bias", [128]),
        ("meta_net.linear2.weight", [768, 128]), ("meta_net.linear2.bias", [1024]),
      ]
      let state = try shapes.map { ($0.0, SavedValue.tensor(try .zeros($0.1))) }
      try TorchArchive.write(.dictionary([("state_dict", .dictionary(state)), ("epoch", .integer(50))]), to: file)
      let prompts = try ReferencePrompts(at: file)
      let artifact = try prompts.checkpoint(on: TinyCLIP.clip, identity: identity, classNames: names)
      #expect(
        message { try artifact.classifier(on: TinyCLIP.clip, identity: identity, path: "file") }
          == "Tensor 'meta_net.linear2.bias' of file has shape [1024], expected [768]. "
          + "Train again, or restore the file from a copy.")
    }
  }
}
