import CLIP
import Datasets
import Foundation
import PromptLearning
import Testing
import TestSupport
import Tokenization
import Torch

@Suite("Training improves the prompts, and nothing but the seed decides how")
struct TrainerTests {
  private func configuration(
    epochs: Int = 2, batchSize: Int = 1, learningRate: Double = 0.002, views: ImageViews = .stored(2)
  ) throws -> TrainingConfiguration {
    try TrainingConfiguration(epochs: epochs, batchSize: batchSize, learningRate: learningRate, views: views)
  }

  private func cocoop(
    _ dataset: Dataset, _ configuration: TrainingConfiguration, seed: UInt64 = 1
  ) throws -> Trainer<ConditionalPrompts> {
    let clip = try TinyCLIP.clip
    let learner = try ConditionalPrompts(for: dataset.classNames, clip: clip, seed: seed)
    return Trainer(Classifier(clip, learner), configuration: configuration, seed: seed)
  }

  private func bytes<Learner>(_ trainer: Trainer<Learner>) throws -> [[UInt8]] {
    try trainer.classifier.learner.parameters.map { try $0.bytes() }
  }

  @Test("the loss of CoCoOp falls, and CLIP stays what it was, bit for bit")
  func lossFalls() throws {
    let dataset = try SmallDataset.make(shots: 3)
    let clip = try TinyCLIP.clip
    let prompts = try dataset.classNames.map { try clip.tokenizer.prompt($0, limit: 77).map(PromptSymbol.token) }
    let photos = dataset.training.prefix(2).map(dataset.url(of:))
    func frozen() throws -> [[UInt8]] {
      [
        try clip.textEncoder(PromptTrie(prompts)).bytes(), try FeatureExtractor(clip).features(of: photos).bytes(),
        withUnsafeBytes(of: clip.logitScale, Array.init),
      ]
    }
    let before = try frozen()
    var trainer = try cocoop(dataset, configuration(epochs: 4))
    let reports = try (0..<4).map { try trainer.runEpoch($0, on: dataset) }
    #expect(reports.map(\.epoch) == [1, 2, 3, 4])
    #expect(reports.map(\.images) == [9, 9, 9, 9])
    #expect(reports.map(\.learningRate) == (1...4).map { LearningRateSchedule(epochs: 4)(epoch: $0) })
    #expect(reports[3].loss < reports[1].loss && reports[1].loss < reports[0].loss)
    #expect(trainer.state.completedEpochs == 4)
    #expect(try frozen() == before)
    #expect(try TinyCLIP.clip.textEncoder(PromptTrie(prompts)).bytes() == before[0])
  }

  @Test("one seed gives the same bits, another seed others", arguments: [ImageViews.stored(2), .fresh])
  func seeds(views: ImageViews) throws {
    let dataset = try SmallDataset.make(shots: 2)
    func trained(seed: UInt64) throws -> [[UInt8]] {
      var trainer = try cocoop(dataset, configuration(epochs: 1, learningRate: 0.02, views: views), seed: seed)
      try trainer.runEpoch(0, on: dataset)
      return try bytes(trainer)
    }
    let first = try trained(seed: 1)
    #expect(try trained(seed: 1) == first)
    let other = try trained(seed: 2)
    #expect(zip(first, other).allSatisfy { $0 != $1 })
  }

  @Test("photos that are kept decoded change no bit, whatever there is room for")
  func photoMemory() throws {
    let dataset = try SmallDataset.make(shots: 2)
    let clip = try TinyCLIP.clip
    func trained(_ photoMemory: Int, views: ImageViews) throws -> [[UInt8]] {
      let learner = try ConditionalPrompts(for: dataset.classNames, clip: clip, seed: 1)
      var trainer = Trainer(
        Classifier(clip, learner), configuration: try configuration(learningRate: 0.02, views: views), seed: 1,
        photoMemory: photoMemory)
      for epoch in 0..<2 { try trainer.runEpoch(epoch, on: dataset) }
      return try bytes(trainer)
    }
    for views in [ImageViews.fresh, .stored(2)] {
      let decoded = try trained(0, views: views)
      for bytes in [600_000, 1 << 28] { #expect(try trained(bytes, views: views) == decoded) }
    }
  }

  @Test("the seed decides the order of the images, not only the initial values")
  func order() throws {
    let dataset = try SmallDataset.make(shots: 3)
    let clip = try TinyCLIP.clip
    func losses(seed: UInt64) throws -> [Float] {
      let learner = try ContextPrompts(for: dataset.classNames, clip: clip)
      var trainer = Trainer(Classifier(clip, learner), configuration: try configuration(views: .stored(1)), seed: seed)
      var losses: [Float] = []
      try trainer.runEpoch(0, on: dataset) { if case .step(let step) = $0 { losses.append(step.loss) } }
      return losses
    }
    #expect(try losses(seed: 1) == losses(seed: 1))
    #expect(try losses(seed: 1) != losses(seed: 2))
  }

  @Test(
    "a training that is continued from its file ends with the bits of one that was never interrupted",
    arguments: [ImageViews.stored(2), .fresh])
  func continued(views: ImageViews) throws {
    let dataset = try SmallDataset.make(shots: 2)
    let identity = ModelIdentity(name: "tiny-clip", sha256: "0")
    let clip = try TinyCLIP.clip
    var uninterrupted = try cocoop(dataset, configuration(epochs: 3, batchSize: 2, views: views))
    try uninterrupted.runEpoch(0, on: dataset)
    let restored = try withTemporaryFolder { folder in
      let file = folder.appending(path: "prompts.safetensors")
      try Artifact(uninterrupted, of: .cocoop, model: identity, resumable: true).write(to: file)
      return try Artifact(contentsOf: file)
    }
    for epoch in 1...2 { try uninterrupted.runEpoch(epoch, on: dataset) }

    let training = try #require(restored.training)
    #expect(training.configuration == uninterrupted.configuration)
    #expect((training.seed, training.state.completedEpochs) == (1, 1))
    let classifier = try #require(
      try restored.classifier(on: clip, identity: identity, path: "file") as? Classifier<ConditionalPrompts>)
    var continued = Trainer(
      classifier, configuration: training.configuration, seed: training.seed, state: training.state)
    for epoch in 1...2 { try continued.runEpoch(epoch, on: dataset) }
    #expect(try bytes(continued) == bytes(uninterrupted))
    #expect(continued.state.generator == uninterrupted.state.generator)
    #expect(
      try continued.state.optimizer.velocities.map { try $0.bytes() }
        == uninterrupted.state.optimizer.velocities.map { try $0.bytes() })
  }

  @Test(
    "nor does it matter after which step it is continued, within views that are encoded together or between them",
    arguments: [ImageViews.stored(2), .fresh], [1, 12])
  func continuedWithinAnEpoch(views: ImageViews, batchSize: Int) throws {
    struct Stop: Error {}
    let dataset = try SmallDataset.make(shots: 13)
    let identity = ModelIdentity(name: "tiny-clip", sha256: "0")
    let configuration = try configuration(epochs: 2, batchSize: batchSize, views: views)
    var uninterrupted = try cocoop(dataset, configuration)
    let reports = try (0..<2).map { try uninterrupted.runEpoch($0, on: dataset) }
    // 39 images: 39 steps in groups of 32, or 3 in groups of 2.
    for last in batchSize == 1 ? [1, 31, 32, 33, 39] : [1, 2, 3] {
      var stopped = try cocoop(dataset, configuration)
      try stopped.runEpoch(0, on: dataset)
      #expect(throws: Stop.self) {
        try stopped.runEpoch(1, on: dataset) { if case .step(let step) = $0, step.number == last { throw Stop() } }
      }
      let restored = try withTemporaryFolder { folder in
        let file = folder.appending(path: "training.safetensors")
        try Artifact(stopped, of: .cocoop, model: identity, resumable: true).write(to: file)
        return try Artifact(contentsOf: file)
      }
      let state = try #require(restored.training?.state)
      #expect(state.position.steps == last && state.position.lossSum == stopped.state.position.lossSum)
      let classifier = try #require(
        try restored.classifier(on: TinyCLIP.clip, identity: identity, path: "file") as? Classifier<ConditionalPrompts>)
      var continued = Trainer(classifier, configuration: configuration, seed: 1, state: state)
      var steps: [Int] = []
      let report = try continued.runEpoch(1, on: dataset) {
        if case .step(let step) = $0 { steps.append(step.number) }
      }
      #expect(steps == Array((last + 1)..<(batchSize == 1 ? 40 : 4)))
      #expect(report.loss == reports[1].loss && report.images == reports[1].images)
      #expect(try bytes(continued) == bytes(uninterrupted), "after step \(last)")
      #expect(continued.state.generator == uninterrupted.state.generator)
    }
  }

  @Test(
    "a partial last batch is dropped, unless it is the only one",
    arguments: [(7, 3, [3, 3]), (6, 3, [3, 3]), (2, 3, [2]), (3, 1, [1, 1, 1]), (5, 4, [4])])
  func partialBatches(images: Int, batchSize: Int, expected: [Int]) throws {
    let dataset = try SmallDataset.make(counts: [images - 1, 1], classes: ["arrow", "bird"])
    let clip = try TinyCLIP.clip
    let learner = try ContextPrompts(for: dataset.classNames, clip: clip)
    var trainer = Trainer(
      Classifier(clip, learner), configuration: try configuration(batchSize: batchSize, views: .stored(1)), seed: 1)
    var steps: [Int] = []
    var encoded: [Int] = []
    let report = try trainer.runEpoch(0, on: dataset) { progress in
      switch progress {
      case .views(let done, let total):
        encoded.append(done)
        #expect(total == images)
      case .step(let step):
        steps.append(step.images)
        #expect((0...step.images).contains(step.right))
        #expect((step.epoch, step.number, step.count) == (1, steps.count, expected.count))
      case .fit, .penalty, .choice, .resumed, .otherThreads, .otherDevice, .lessMemory, .unrecorded, .skipped:
        Issue.record("prompts are not fitted, and a trainer does not know what was before")
      }
    }
    #expect(steps == expected)
    #expect(report.images == expected.reduce(0, +))
    #expect(encoded == [images])
  }

  @Test("views are drawn once and kept, or drawn anew for each use")
  func views() throws {
    let dataset = try SmallDataset.make(counts: [1, 1], classes: ["arrow", "bird"])
    let clip = try TinyCLIP.clip
    /// The losses of each epoch, at a rate so small that only different views change them.
    func losses(_ views: ImageViews) throws -> [Float] {
      let learner = try ContextPrompts(for: dataset.classNames, clip: clip)
      let configuration = try configuration(epochs: 3, batchSize: 2, learningRate: 1e-30, views: views)
      var trainer = Trainer(Classifier(clip, learner), configuration: configuration, seed: 1)
      let batch = try (1...2).map { try trainer.runEpoch($0, on: dataset).loss }
      return batch
    }
    let stored = try losses(.stored(1))
    #expect(abs(stored[0] - stored[1]) <= 1e-6)
    let fresh = try losses(.fresh)
    #expect(abs(fresh[0] - fresh[1]) > 1e-4)
  }

  @Test("progress may stop a training, which then throws what progress threw")
  func stop() throws {
    struct Stop: Error {}
    let dataset = try SmallDataset.make(shots: 1)
    var trainer = try cocoop(dataset, configuration(views: .fresh))
    #expect(throws: Stop.self) {
      try trainer.runEpoch(0, on: dataset) { if case .step(let step) = $0, step.number == 2 { throw Stop() } }
    }
    #expect(trainer.state.completedEpochs == 0)
  }

  @Test("a loss that is no number ends the training")
  func divergence() throws {
    let dataset = try SmallDataset.make(shots: 2)
    var trainer = try cocoop(dataset, configuration(learningRate: 1e38))
    #expect(
      message {
        for epoch in 0..<2 { try trainer.runEpoch(epoch, on: dataset) }
      } == "Training diverged in epoch 2, step 2: the loss is not a number. Lower the learning rate.")
  }

  @Test("an image that is missing is named")
  func missingImage() throws {
    let dataset = try SmallDataset.make(shots: 1)
    let elsewhere = try withTemporaryFolder { folder in
      let file = folder.appending(path: "split_none.json")
      try Data(
        #"{"train": [["a.jpg", 0, "a"], ["b.jpg", 1, "b"]], "val": [], "test": [["a.jpg", 0, "a"], ["b.jpg", 1, "b"]]}"#
          .utf8
      ).write(to: file)
      return try Dataset(splitFile: file, images: dataset.imageFolder)
    }
    var trainer = try cocoop(elsewhere, configuration())
    let text = message(in: dataset.imageFolder) { try trainer.runEpoch(0, on: elsewhere) }
    #expect(text == "There is no file FOLDER/a.jpg. Check the path.")
  }
}
