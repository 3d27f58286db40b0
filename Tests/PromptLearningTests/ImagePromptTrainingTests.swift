import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import TestSupport
import Testing
import Torch

/// A method was expected to learn step by step.
private struct NoSteps: Error {}

@Suite("Methods with prompts in the image tower train on pixels, resume, and are saved", .serialized)
struct ImagePromptTrainingTests {
  static let methods = ImagePromptLawTests.methods
  private static let identity = ModelIdentity(name: "small-vit", sha256: String(repeating: "cd", count: 32))

  private func setup(of method: PromptLearning.Method, _ options: [String: Double] = [:]) throws -> MethodSetup {
    MethodSetup(
      clip: try ImageOriginals.clip.get(), classNames: SmallDataset.names,
      options: try MethodOptions(options, for: method))
  }

  private func start(_ method: PromptLearning.Method, _ setup: MethodSetup) throws -> any TrainablePromptLearner {
    guard case .stepwise(let learning) = method.learning else { throw NoSteps() }
    return try learning.start(setup)
  }

  /// A training of three epochs on six photos.
  private func trainer<Learner: TrainablePromptLearner>(
    _ learner: Learner, of method: PromptLearning.Method, views: ImageViews = .fresh, state: TrainingState? = nil
  ) throws -> Trainer<Learner> {
    let setup = try setup(of: method, method == .promptsrc ? ["average-mean": 2] : [:])
    let configuration = try TrainingConfiguration(epochs: 3, batchSize: 2, learningRate: 0.01, views: views)
    return try Trainer(
      Classifier(setup.clip, learner), configuration: configuration, recipe: #require(try method.recipe(setup)),
      seed: 5,
      state: state)
  }

  private func bytes(_ learner: some TrainablePromptLearner) throws -> [[UInt8]] {
    try learner.parameters.map { try $0.bytes() }
  }

  @Test("a training that resumes after any step from its file ends with the same bits", arguments: methods)
  func resume(method: PromptLearning.Method) throws {
    func expectSame<Learner: TrainablePromptLearner>(_ learner: Learner) throws {
      let dataset = try SmallDataset.make(shots: 2)
      let setup = try setup(of: method)
      let description = try ArtifactDescription(method, setup, model: Self.identity)
      var whole = try trainer(learner, of: method)
      var saved: [Artifact] = []
      for epoch in 0..<3 {
        try whole.runEpoch(epoch, on: dataset, afterStep: { saved.append(Artifact(description, $0, resumable: true)) })
        saved.append(Artifact(description, whole, resumable: true))
      }
      #expect(saved.count == 12)
      let expected = try bytes(whole.classifier.learner)
      for place in [1, 3, 6, 11] {
        try withTemporaryFolder { folder in
          let file = folder.appending(path: "checkpoint.safetensors")
          try saved[place].write(to: file)
          let read = try Artifact(contentsOf: file)
          guard case .stepwise(let learning) = method.learning else { throw NoSteps() }
          let restored = try #require(learning.restore(read, setup, file.path) as? Learner)
          var resumed = try trainer(restored, of: method, state: #require(read.training).state)
          while resumed.state.completedEpochs < 3 {
            try resumed.runEpoch(resumed.state.completedEpochs, on: dataset)
          }
          #expect(try bytes(resumed.classifier.learner) == expected, "after state \(place)")
        }
      }
    }
    try expectSame(start(method, setup(of: method)))
  }

  @Test("what PromptSRC has learned is the mean over its epochs")
  func average() throws {
    let dataset = try SmallDataset.make(shots: 2)
    let start = try #require(start(.promptsrc, setup(of: .promptsrc)) as? IndependentPrompts)
    var trainer = try trainer(start, of: .promptsrc)
    var last: [Tensor] = []
    var sums: [[Tensor]] = []
    for epoch in 0..<3 {
      try trainer.runEpoch(epoch, on: dataset, afterStep: { last = $0.classifier.learner.parameters })
      sums.append(last)
    }
    let weights = try #require(trainer.recipe.average).weights(epochs: 3)
    for (index, learned) in trainer.classifier.learner.parameters.enumerated() {
      let expected = try (1..<3).reduce(sums[0][index] * Float(weights[0])) {
        try $0.adding(sums[$1][index], scaledBy: Float(weights[$1]))
      }
      #expect(try learned.isClose(to: expected, within: 1e-7))
    }
  }

  @Test("stored views are the same pixels in every epoch")
  func storedViews() throws {
    let dataset = try SmallDataset.make(shots: 2)
    let learner = try #require(start(.vpt, setup(of: .vpt)) as? ImagePrompts)
    var once = try trainer(learner, of: .vpt, views: .stored(1))
    var again = try trainer(learner, of: .vpt, views: .stored(1))
    let reports = try (once.runEpoch(0, on: dataset), again.runEpoch(0, on: dataset))
    #expect(reports.0.loss == reports.1.loss)
    #expect(try bytes(once.classifier.learner) == bytes(again.classifier.learner))
  }

  @Test(
    "frozen CLIP's features of stored views are those of the same views made anew",
    arguments: [PromptLearning.Method.promptsrc, .coprompt])
  func keptFeatures(method: PromptLearning.Method) throws {
    // Every view of a photo in one colour is the same photo.
    try withTemporaryFolder { folder in
      for (label, name) in SmallDataset.names.enumerated() {
        for part in ["train", "test"] {
          let place = folder.appending(path: "\(part)/\(name)")
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          for number in 0..<2 {
            let colour = [60 * label + 20, 90 * number + 30, 200 - 50 * label].map(UInt8.init)
            let image = try Image(width: 40, height: 40, pixels: (0..<1600).flatMap { _ in colour })
            try image.png().write(to: place.appending(path: "\(number).png"))
          }
        }
      }
      let dataset = try Dataset(at: folder)
      // A crop of such a photo is; an operation on it would not be.
      let setup = try setup(of: method, method == .coprompt ? ["operations": 0] : [:])
      func losses(_ learner: some TrainablePromptLearner, _ views: ImageViews) throws -> [Float] {
        let configuration = try TrainingConfiguration(epochs: 3, batchSize: 6, learningRate: 0.01, views: views)
        var trainer = try Trainer(
          Classifier(setup.clip, learner), configuration: configuration,
          recipe: #require(try method.recipe(setup)), seed: 5)
        return try (0..<3).map { try trainer.runEpoch($0, on: dataset).loss }
      }
      let learner = try start(method, setup)
      let (fresh, stored) = (try losses(learner, .fresh), try losses(learner, .stored(2)))
      #expect(fresh[0] != fresh[2])
      for (one, other) in zip(fresh, stored) { #expect(abs(one - other) < 1e-4 * abs(one)) }
    }
  }

  @Test(
    "every weight and every answer of the frozen model is the same after training, bit for bit",
    arguments: PromptLearning.Method.all.filter { $0.defaultTraining != nil }.map(\.id))
  func frozen(id: String) throws {
    let method = try #require(PromptLearning.Method.all.first { $0.id == id })
    let vision = VisionTransformer.Configuration(imageSize: 32, patchSize: 8, width: 128, layers: 2, heads: 2)
    let text = CLIPConfiguration.TextTower(width: 64, heads: 1, layers: 3)
    let tensors = try FormulaWeights.tensors(vision, text, embeddingWidth: 64)
    let before = try tensors.mapValues { try $0.bytes() }
    let clip = try CLIPModel(
      name: "small",
      configuration: CLIPConfiguration(
        embeddingWidth: 64, image: .visionTransformer(vision), text: text, activation: .quickGELU,
        preprocessing: FormulaWeights.preprocessing(size: 32)),
      weights: CheckpointSource(tensors, name: "small"))
    let dataset = try SmallDataset.make(shots: 2)
    let setup = MethodSetup(clip: clip, classNames: dataset.classNames)
    func answers() throws -> [UInt8] {
      let images = try clip.imageEncoder(ImageOriginals.pixels)
      let prompts = try ZeroShotPrompts(for: dataset.classNames, clip: clip)
      return try images.bytes() + Classifier(clip, prompts).logits(for: images.unitRows()).bytes()
    }
    let answered = try answers()
    func train(_ learner: some TrainablePromptLearner) throws {
      let configuration = try TrainingConfiguration(epochs: 1, batchSize: 2, learningRate: 0.01)
      let begun = try bytes(learner)
      var trainer = try Trainer(
        Classifier(clip, learner), configuration: configuration, recipe: #require(try method.recipe(setup)), seed: 1)
      try trainer.runEpoch(0, on: dataset)
      #expect(try bytes(trainer.classifier.learner) != begun)
    }
    try train(start(method, setup))
    #expect(try answers() == answered)
    for (name, tensor) in tensors { #expect(try tensor.bytes() == before[name], "\(name)") }
  }

  @Test("an evaluation by two features of an image takes them from a cache as it has put them there")
  func twoFeatures() throws {
    let dataset = try SmallDataset.make(shots: 2)
    let setup = try setup(of: .mmrl, ["width": 16])
    let learner = try #require(start(.mmrl, setup) as? RepresentationTokens)
    let classifier = Classifier(setup.clip, learner)
    #expect(classifier.clip.imageFeatureWidth == 2 * setup.clip.embeddingWidth)
    try withTemporaryFolder { folder in
      let cache = FeatureCache(folder: folder, model: Self.identity.sha256)
      let files = dataset.test.map(dataset.url(of:))
      let computed = try FeatureExtractor(classifier.clip, cache: cache).features(of: files)
      #expect(computed.shape == [files.count, classifier.clip.imageFeatureWidth])
      #expect(try FeatureExtractor(classifier.clip, cache: cache).features(of: files).bytes() == computed.bytes())
      let report = try Evaluator(classifier, cache: cache).report(on: dataset)
      let measured = Evaluation(
        logits: try classifier.logits(for: computed).floats(), labels: dataset.test.map(\.label),
        classNames: dataset.classNames, seconds: report.seconds)
      #expect(report == measured)
      // A projection of the second feature is as much part of the tower as its tokens are.
      var others = learner.parameters
      others[5] = try others[5] * 2
      let other = Classifier(setup.clip, try learner.replacing(others))
      #expect(other.clip.imageEncoder.detail != classifier.clip.imageEncoder.detail)
    }
  }

  @Test("an evaluation encodes with the prompts, and a cache keeps what each run sees apart")
  func evaluation() throws {
    let dataset = try SmallDataset.make(shots: 2)
    let setup = try setup(of: .vpt, ["image-tokens": 2])
    let learner = try #require(start(.vpt, setup) as? ImagePrompts)
    let other = try learner.replacing(learner.parameters.map { try $0 * 100 })
    try withTemporaryFolder { folder in
      let cache = FeatureCache(folder: folder, model: Self.identity.sha256)
      let models = [setup.clip, Classifier(setup.clip, learner).clip, Classifier(setup.clip, other).clip]
      let files = dataset.test.map(dataset.url(of:))
      let features = try models.map { try FeatureExtractor($0, cache: cache).features(of: files) }
      let again = try models.map { try FeatureExtractor($0, cache: cache).features(of: files) }
      for (one, two) in zip(features, again) { #expect(try one.bytes() == two.bytes()) }
      #expect(Set(try features.map { try $0.bytes() }).count == 3)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 3)
      let report = try Evaluator(Classifier(setup.clip, learner), cache: cache).report(on: dataset)
      let expected = try Classifier(setup.clip, learner).logits(for: features[1])
      let measured = Evaluation(
        logits: try expected.floats(), labels: dataset.test.map(\.label), classNames: dataset.classNames,
        seconds: report.seconds)
      #expect(report == measured)
    }
  }
}

@Suite("Files of IVLP, VPT, MaPLe, PromptSRC, CoPrompt and MMRL come in and go out unchanged", .serialized)
struct WholeModelCheckpointTests {
  private static let identity = ModelIdentity(name: "small-vit", sha256: String(repeating: "cd", count: 32))

  /// Writes the tensors of the authors' model, those that are learned with recorded values.
  private func write(
    _ run: String, _ fixture: Fixture<ImageOriginals.Recipe>, to file: URL, without missing: Set<String> = [],
    adding more: [String: [Int]] = [:]
  ) throws -> [String: [Int]] {
    let keys = try #require(fixture.recipe.runs[run]).keys.filter { !missing.contains($0.key) }
      .merging(more) { $1 }
    let state = try keys.sorted { $0.key < $1.key }.map { name, shape in
      // The frozen towers may be anything: they are passed over.
      let isLearned =
        name.contains("VPT") || name.hasPrefix("prompt_learner.c") || name.hasPrefix("prompt_learner.proj")
        || name.hasPrefix("adapter_")
        || name.hasPrefix("representation_learner.") || name == "image_encoder.proj_rep"
      let isOfClasses = name.contains("token_") || name == "prompt_embeddings"
      return (
        key: name,
        value: SavedValue.tensor(
          isLearned ? try FormulaWeights.values(name, shape, scale: 0.1) : try .zeros(isOfClasses ? shape : [1]))
      )
    }
    try TorchArchive.write(.dictionary([("state_dict", .dictionary(state)), ("epoch", .integer(5))]), to: file)
    return keys
  }

  private static let files: [(fixture: String, run: String, method: PromptLearning.Method, folder: String)] = [
    ("ivlp", "middle", .ivlp, "VLPromptLearner"), ("ivlp", "shallow", .ivlp, "VLPromptLearner"),
    ("vpt", "whole", .vpt, "prompt_learner"), ("maple", "whole", .maple, "MultiModalPromptLearner"),
    ("promptsrc", "peaked", .promptsrc, "VLPromptLearner"), ("mmrl", "whole", .mmrl, "MultiModalRepresentationLearner"),
    ("mmrl", "last", .mmrl, "MultiModalRepresentationLearner"),
    ("coprompt", "middle", .coprompt, "MultiModalPromptLearner"),
  ]

  @Test("import, export and import give equal bytes under the authors' names", arguments: 0..<8)
  func roundTrip(index: Int) throws {
    let (name, run, method, inner) = Self.files[index]
    let fixture = try ImageOriginals.fixture(name)
    let clip = try ImageOriginals.clip.get()
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "\(inner)/model.pth.tar-5")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      let keys = try write(run, fixture, to: file)
      let read = try ReferencePrompts(at: folder)
      #expect(read.method == method && read.epoch == 5)
      let artifact = try read.checkpoint(on: clip, identity: Self.identity, classNames: fixture.recipe.classNames)
      let classifier = try artifact.classifier(on: clip, identity: Self.identity, path: file.path)
      #expect(classifier.classNames == fixture.recipe.classNames && !classifier.clip.imageEncoder.detail.isEmpty)
      let output = folder.appending(path: "out")
      try ReferencePrompts.write(
        artifact, on: clip, .init(epoch: 5, learningRate: 0.1), precision: .float32, toFolder: output)
      let written = ReferencePrompts.file(ofEpoch: 5, of: method, in: output)
      let archive = try TorchArchive(contentsOf: written)
      for stored in archive.names {
        let own = String(stored.dropFirst("state_dict.".count))
        let shape = try #require(keys[own], "\(own) is none of the authors' names")
        let value = try archive.tensor(stored)
        #expect(try value.bytes() == FormulaWeights.values(own, shape, scale: 0.1).bytes(), "\(own)")
      }
      let again = try ReferencePrompts(at: output, of: method)
      for (name, tensor) in read.parameters { #expect(try again.parameters[name]?.bytes() == tensor.bytes()) }
    }
  }

  /// The message about a changed file, with its path as FILE.
  private func refusal(
    _ name: String, _ run: String, without missing: Set<String> = [], adding more: [String: [Int]] = [:],
    on clip: CLIPModel? = nil
  ) throws -> String {
    let fixture = try ImageOriginals.fixture(name)
    return try withTemporaryFolder { folder in
      let file = folder.appending(path: "model.pth.tar-5")
      _ = try write(run, fixture, to: file, without: missing, adding: more)
      return message {
        try ReferencePrompts(at: file).checkpoint(
          on: clip ?? ImageOriginals.clip.get(), identity: Self.identity, classNames: fixture.recipe.classNames)
      }.replacing(file.path, with: "FILE")
    }
  }

  @Test("another depth, width or backbone, and a gap between blocks, are refused by name and number")
  func refusals() throws {
    let block = "image_encoder.transformer.resblocks"
    #expect(
      try refusal("ivlp", "middle", without: ["\(block).2.VPT_shallow"]).contains(
        "it has '\(block).3.VPT_shallow', but none of number 2"))
    #expect(
      try refusal("ivlp", "middle", adding: ["\(block).2.VPT_shallow": [3, 128]]).hasPrefix(
        "Tensor '\(block).2.VPT_shallow' of FILE has shape [3, 128], expected [2, 128]"))
    #expect(
      try refusal("ivlp", "whole", adding: ["\(block).5.VPT_shallow": [3, 128]])
        == "Prompts for 6 blocks were given, but the image tower has 5. Give a depth from 1 to 5.")
    let maple = "prompt_learner.compound_prompts_text"
    #expect(
      try refusal("maple", "whole", without: ["\(maple).2"]).contains(
        "it has prompts for 3 blocks, but couplings for 4"))
    #expect(
      try refusal("ivlp", "shallow", adding: ["prompt_learner.more": [2]]).hasPrefix(
        "FILE has unexpected tensors: prompt_learner.more"))
    #expect(
      try refusal("maple", "middle", adding: ["prompt_learner.ctx": [2, 512]]).contains("has shape"))
    let layers = "representation_learner.compound_rep_tokens_r2"
    #expect(
      try refusal("mmrl", "whole", without: ["\(layers)tproj.3.weight", "\(layers)tproj.3.bias"]).contains(
        "it has layers for 4 blocks of the image tower, but others for 3"))
    #expect(
      try refusal("mmrl", "whole", without: Set((0..<4).map { "\(layers)vproj.\($0).bias" })).hasPrefix(
        "FILE has no tensor '\(layers)vproj.0.bias'"))
    let fifth = [
      "vproj.4.weight": [128, 32], "vproj.4.bias": [128], "tproj.4.weight": [64, 32], "tproj.4.bias": [64],
    ]
    #expect(
      try refusal(
        "mmrl", "whole", adding: Dictionary(uniqueKeysWithValues: fifth.map { ("\(layers)\($0.key)", $0.value) }))
        == "Prompts for 5 blocks were given, but the text tower has 4. Give a depth from 1 to 4.")
    #expect(
      try refusal("mmrl", "last", adding: ["\(layers)tproj.0.weight": [64, 24]]).hasPrefix(
        "Tensor 'compound_rep_tokens_r2tproj.weight' of FILE has shape [1, 64, 24], expected [1, 64, 16]"))
    #expect(
      try refusal("mmrl", "last", on: TinyCLIP.clip).hasPrefix(
        "Prompts stand among the tokens of a vision transformer, but the image tower of tiny-clip is an EfficientNet."))
    #expect(
      try refusal("mmrl", "last", without: ["image_encoder.proj_rep"]).hasPrefix(
        "FILE has no tensor 'image_encoder.proj_rep'"))
    #expect(
      try refusal("vpt", "middle", on: TinyCLIP.clip).hasPrefix(
        "Prompts stand among the tokens of a vision transformer, but the image tower of tiny-clip is an EfficientNet."))
    let wide = VisionTransformer.Configuration(imageSize: 32, patchSize: 16, width: 64, layers: 5, heads: 1)
    let text = CLIPConfiguration.TextTower(width: 64, heads: 1, layers: 4)
    let other = try CLIPModel(
      name: "other",
      configuration: CLIPConfiguration(
        embeddingWidth: 64, image: .visionTransformer(wide), text: text, activation: .quickGELU,
        preprocessing: FormulaWeights.preprocessing(size: 32)),
      weights: CheckpointSource(FormulaWeights.tensors(wide, text, embeddingWidth: 64), name: "other"))
    #expect(
      try refusal("vpt", "middle", on: other).hasPrefix(
        "FILE was learned on another backbone than small-vit: its 'VPT' is for an image tower 128 wide, but small-vit"
          + " has 64."))
  }
}
