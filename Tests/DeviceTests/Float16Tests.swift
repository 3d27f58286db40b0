import CLIP
import CTestDevice
import Datasets
import Embedded
import Foundation
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

extension OnTheDevice {
  @Suite("Products in float16 train with scaled losses")
  struct Float16Tests {
    /// Of losses, relative to those of float32: factors have 11 bits.
    static let tolerance: Float = 5e-3
    static let names = ["arrow", "bird", "clock", "fish", "star", "tree"]

    struct Place: CustomTestStringConvertible, Sendable {
      let device: Device
      var testDescription: String { "\(device)" }
    }

    /// The CPU too, where it has such products.
    static let places = [Device.cpu, DeviceOfTests.device].filter(Precision.float16.isAvailable(on:)).map(Place.init)

    private func model(_ precision: Precision, on device: Device) throws -> CLIPModel {
      try CLIPModel(weights: Embedded.tinyCLIP, precision: precision, on: device)
    }

    private func trainer(
      _ clip: CLIPModel, scaler: LossScaler? = nil, optimizer: Optimizer.Kind = .sgd
    ) throws -> Trainer<ConditionalPrompts> {
      var configuration = try TrainingConfiguration(epochs: 2, batchSize: 2, views: .stored(1))
      configuration.optimizer = optimizer
      let learner = try ConditionalPrompts(for: dataset().classNames, clip: clip)
      return Trainer(
        Classifier(clip, learner), configuration: configuration, seed: 1,
        state: scaler.map {
          TrainingState(
            optimizer: configuration.newOptimizer(), generator: SeededGenerator(seed: 1), lossScaler: $0)
        })
    }

    private func dataset() throws -> Dataset {
      let all = try Dataset(at: Embedded.openclipart).fewShot(2, seed: 1).base
      return try all.choosing(Array(all.classNames.prefix(6)))
    }

    @Test("losses are near those of float32, and a step still waits once", arguments: places)
    func losses(place: Place) throws {
      func losses(_ precision: Precision, on device: Device) throws -> [Float] {
        let clip = try model(precision, on: device)
        var trainer = try trainer(clip)
        let batch = try Batch(
          imageFeatures: Tensor.drawn([3, clip.embeddingWidth], seed: 7).unitRows(), labels: [0, 3, 1]
        ).on(device)
        return try (0..<4).map { step in
          var loss: Float = 0
          let transfers = try DeviceOfTests.transfers { loss = try trainer.step(on: batch, learningRate: 0.002) }
          if device.isAccelerator, step > 0 { #expect(transfers == 1) }
          return loss
        }
      }
      let (found, expected) = (try losses(.float16, on: place.device), try losses(.float32, on: .cpu))
      #expect(found != expected)
      for (own, other) in zip(found, expected) {
        #expect(abs(own - other) <= Self.tolerance * other, "loss \(own), in float32 \(other)")
      }
    }

    @Test(
      "a step whose gradients are not finite changes the factor alone, and such a training goes on", arguments: places)
    func skipped(place: Place) throws {
      let clip = try model(.float16, on: place.device)
      let before = try trainer(clip)
      #expect(before.state.lossScaler == LossScaler())
      var trainer = try trainer(clip, scaler: LossScaler(scale: 0x1p60, growthTracker: 7), optimizer: .adam)
      let batch = try Batch(
        imageFeatures: Tensor.drawn([2, clip.embeddingWidth], seed: 7).unitRows(), labels: [0, 1]
      ).on(place.device)
      let loss = try trainer.step(on: batch, learningRate: 0.002)
      #expect(loss.isFinite)
      #expect(trainer.state.lossScaler == LossScaler(scale: 0x1p59, growthTracker: 0))
      #expect(trainer.state.optimizer.memory.allSatisfy(\.tensors.isEmpty) && trainer.state.optimizer.steps == 0)
      #expect(try bytes(trainer) == bytes(before))
      // The file of a training that has skipped all its steps has no memory of steps.
      let continued = try reopened(trainer, clip)
      #expect(continued.state.lossScaler == trainer.state.lossScaler)
      while try #require(trainer.state.lossScaler).growthTracker == 0 {
        _ = try trainer.step(on: batch, learningRate: 0.002)
      }
      #expect(try bytes(trainer) != bytes(before))
      #expect(trainer.state.optimizer.steps == 1)
    }

    @Test(
      "a training that is continued from its file ends with the same bits, where steps are skipped and the factor grows",
      arguments: places)
    func continued(place: Place) throws {
      let (clip, dataset) = (try model(.float16, on: place.device), try dataset())
      let scaler = LossScaler(scale: 0x1p30, growthTracker: 1997)
      var whole = try trainer(clip, scaler: LossScaler(scale: 65_536, growthTracker: 1997))
      try whole.runEpoch(0, on: dataset)
      #expect(whole.state.lossScaler == LossScaler(scale: 131_072, growthTracker: 3))
      whole = try trainer(clip, scaler: scaler)
      try whole.runEpoch(0, on: dataset)
      let found = try #require(whole.state.lossScaler)
      #expect(found.scale < scaler.scale)
      var continued = try reopened(whole, clip)
      #expect(continued.state.lossScaler == found)
      try whole.runEpoch(1, on: dataset)
      try continued.runEpoch(1, on: dataset)
      #expect(continued.state.lossScaler == whole.state.lossScaler)
      #expect(try bytes(continued) == bytes(whole))
    }

    /// The training as its file has it.
    private func reopened(
      _ trainer: Trainer<ConditionalPrompts>, _ clip: CLIPModel
    ) throws -> Trainer<ConditionalPrompts> {
      let identity = ModelIdentity(name: "tiny-clip", sha256: "0")
      let artifact = try withTemporaryFolder { folder in
        let file = folder.appending(path: "kept.safetensors")
        var position = trainer.state.position
        if trainer.state.completedEpochs == 0 { position = EpochPosition(steps: 1, lossSum: 1, seconds: 1) }
        let state = TrainingState(
          completedEpochs: trainer.state.completedEpochs, position: position, optimizer: trainer.state.optimizer,
          generator: trainer.state.generator, lossScaler: trainer.state.lossScaler)
        let kept = Trainer(
          trainer.classifier, configuration: trainer.configuration, seed: trainer.seed, state: state)
        try Artifact(kept, of: .cocoop, model: identity, resumable: true).write(to: file)
        return try Artifact(contentsOf: file)
      }
      let training = try #require(artifact.training)
      let restored = try artifact.classifier(on: clip, identity: identity, path: "file")
      let classifier = try #require(restored as? Classifier<ConditionalPrompts>)
      return Trainer(classifier, configuration: training.configuration, seed: training.seed, state: training.state)
    }

    private func bytes(_ trainer: Trainer<ConditionalPrompts>) throws -> [[UInt8]] {
      try trainer.classifier.learner.parameters.map { try $0.bytes() }
    }

    @Test("skipped steps are counted, and a training of nothing else ends in one line", arguments: places)
    func allSkipped(place: Place) throws {
      let (clip, dataset) = (try model(.float16, on: place.device), try dataset())
      var trainer = try trainer(clip, scaler: LossScaler(scale: 0x1p100, growthTracker: 0))
      var skipped: [Int] = []
      func run(_ epoch: Int) throws {
        try trainer.runEpoch(epoch, on: dataset) {
          if case .skipped(let steps, epoch + 1) = $0 { skipped.append(steps) }
        }
      }
      try run(0)
      let error = #expect(throws: LearningError.self) { try run(1) }
      #expect(skipped == [6, 6])
      #expect(
        error?.explanation
          == "Nothing was learned: the gradients of all steps were not finite in float16. Give --precision bfloat16 or"
          + " float32.")
    }

    @Test("a file with averages of epochs, all of whose steps were skipped, is read again")
    func skippedAverages() throws {
      let clip = try Models.small(on: DeviceOfTests.device, precision: .float16)
      let dataset = try dataset()
      guard case .stepwise(let learning) = Method.promptsrc.learning else { throw NoSteps() }
      let setup = MethodSetup(clip: clip, classNames: dataset.classNames, dataset: "openclipart")
      let description = try ArtifactDescription(
        .promptsrc, setup, model: ModelIdentity(name: "small", sha256: String(repeating: "0", count: 64)))
      func check<Learner: TrainablePromptLearner>(_ learner: Learner) throws {
        let configuration = try TrainingConfiguration(epochs: 2, batchSize: 4, views: .stored(1))
        var trainer = Trainer(
          Classifier(clip, learner), configuration: configuration, recipe: try learning.recipe(setup), seed: 1,
          state: TrainingState(
            optimizer: configuration.newOptimizer(), generator: SeededGenerator(seed: 1),
            lossScaler: LossScaler(scale: 0x1p100, growthTracker: 0)))
        try trainer.runEpoch(0, on: dataset)
        #expect(trainer.state.optimizer.memory.allSatisfy { $0.tensors.isEmpty } && !trainer.state.average.isEmpty)
        let found = try withTemporaryFolder { folder in
          let file = folder.appending(path: "kept.safetensors")
          try Artifact(description, trainer, resumable: true).write(to: file)
          return try #require(try Artifact(contentsOf: file).training?.state)
        }
        #expect(found.lossScaler == trainer.state.lossScaler)
        #expect(try found.average.map { try $0.bytes() } == trainer.state.average.map { try $0.bytes() })
        #expect(found.optimizer.memory.allSatisfy { $0.tensors.isEmpty })
      }
      try check(try learning.start(setup))
    }

    private struct NoSteps: Error {}

    @Test("TF32 is refused where there is none, in one line")
    func tf32() {
      let error = #expect(throws: TorchError.self) { try model(.tf32, on: DeviceOfTests.device) }
      #expect(
        error?.explanation == "spare:0 has no TF32, which NVIDIA's GPUs have from the A100 on. Take float32.")
    }
  }
}
