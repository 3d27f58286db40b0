import CLIP
import CTestDevice
import Datasets
import Embedded
import PromptLearning
import Support
import Synchronization
import Testing
import TestSupport
import Torch

extension OnTheDevice {
  @Suite("A device that records plays back what it was asked to do, with the bits of doing it")
  struct RecordingTests {
    private let device = DeviceOfTests.device

    /// `body` while the device of tests records; how often it began a recording, operations, and moves of values.
    @discardableResult
    private func recording(_ body: () throws -> Void) rethrows -> (replays: Int, operations: Int, transfers: Int) {
      td_set_recording(true)
      defer { td_set_recording(false) }
      let before = (td_replays(), td_operations(), td_transfers())
      try body()
      return (Int(td_replays() - before.0), Int(td_operations() - before.1), Int(td_transfers() - before.2))
    }

    @Test("a function's first calls run, one records, and all later ones are played back with their own inputs")
    func values() throws {
      try recording {
        let calls = Mutex(0)
        let weight = try Tensor.drawn([4, 3], seed: 1).on(device)
        let function = try RecordedFunction(on: device) { inputs in
          calls.withLock { $0 += 1 }
          let (value, gradients) = try valueWithGradient(at: [inputs[0]]) { x in
            try x[0].matmul(weight).softmax().crossEntropy(inputs[1])
          }
          return [value] + gradients
        }
        var kept: [(found: [Tensor], expected: [[Float]])] = []
        for seed in 2..<9 {
          let x = try Tensor.drawn([5, 4], seed: UInt64(seed)).on(device)
          let labels = try Tensor([0, 1, seed % 3, 2, 0], shape: [5]).on(device)
          let (value, gradients) = try valueWithGradient(at: [x]) {
            try $0[0].matmul(weight).softmax().crossEntropy(labels)
          }
          kept.append((try function([x, labels]), try ([value] + gradients).map { try $0.floats() }))
        }
        // Later calls change no tensor that an earlier one gave.
        for (found, expected) in kept { #expect(try found.map { try $0.floats() } == expected) }
        #expect(function.isRecorded && function.failure == nil)
        #expect(calls.withLock { $0 } == 4)
        let operations = try recording {
          _ = try function([.drawn([5, 4], seed: 1).on(device), .init([0, 0, 0, 0, 0], shape: [5]).on(device)])
        }.operations
        #expect(operations <= 2 * 2, "two outputs are copied out")
        let error = #expect(throws: TorchError.self) {
          try function([.drawn([6, 4], seed: 1).on(device), .init([0, 0, 0, 0, 0], shape: [5]).on(device)])
        }
        #expect(error?.explanation.contains("input 0 is not as recorded") == true, "\(String(describing: error))")
      }
    }

    @Test("a function that reads a value, or fails on its way, runs as usual, and says why")
    func failures() throws {
      try recording {
        let reading = try RecordedFunction(on: device) { inputs in try [inputs[0] * inputs[0].scalar()] }
        let failing = try (0..<2).map { _ in
          try RecordedFunction(on: device) { inputs in try [(inputs[0] + inputs[0]) * inputs[0] + inputs[0]] }
        }
        defer { td_fail_recording(-1) }
        for call in 1...6 {
          let x = try Tensor([Float(call)], shape: [])
          #expect(try reading([x.on(device)])[0].scalar() == Float(call * call))
          for (function, operation) in zip(failing, [2, Int64.max]) {
            td_fail_recording(operation)
            #expect(try function([x.on(device)])[0].scalar() == Float(2 * call * call + call))
            td_fail_recording(-1)
          }
        }
        #expect(reading.failure?.contains("operation not permitted while the device records: values moved") == true)
        #expect(failing[0].failure?.contains("the recording failed, as a test asked") == true)
        #expect(failing[1].failure?.contains("its end failed, as a test asked") == true)
        #expect(!reading.isRecorded && !failing[0].isRecorded && !failing[1].isRecorded)
      }
      #expect(!device.canRecord && !Device.cpu.canRecord)
    }

    private static let steps = 7

    /// Batches that differ in all but their shapes.
    private func batches(for method: Method, _ clip: CLIPModel) throws -> [Batch] {
      try (0..<Self.steps).map { step in
        let labels = [step % 6, 3, (step + 1) % 6]
        guard method.promptsImages else {
          return try Batch(
            imageFeatures: Tensor.drawn([3, clip.embeddingWidth], seed: UInt64(step)).unitRows(), labels: labels,
            teacher: step % 2
          ).on(clip.device)
        }
        let size = clip.configuration.preprocessing.size
        let pixels = try Tensor.drawn([3, 3, size, size], seed: UInt64(step)).on(clip.device)
        return try Batch(
          pixels: pixels, frozenFeatures: clip.imageEncoder(pixels).unitRows(), labels: labels, teacher: step % 2)
      }
    }

    /// The losses of some steps with other batches and learning rates, and what is learned, as bytes.
    private func course(
      of learner: some TrainablePromptLearner, by recipe: TrainingRecipe, _ configuration: TrainingConfiguration,
      on batches: [Batch], _ clip: CLIPModel
    ) throws -> (losses: [Float], parameters: [[UInt8]], isRecorded: Bool) {
      var trainer = Trainer(
        Classifier(clip, learner), configuration: configuration, recipe: recipe, seed: 1,
        within: try MemoryBudget(bytes: 1 << 30))
      let losses = try batches.enumerated().map { step, batch in
        try trainer.step(on: batch, learningRate: 0.002 / Float(step + 1))
      }
      return (losses, try trainer.classifier.learner.parameters.map { try $0.bytes() }, trainer.isRecorded)
    }

    @Test("recorded steps of every method have the bits of others, and wait once", arguments: MethodTests.stepwise)
    func methods(id: String) throws {
      let (method, clip) = (try #require(Method(id: id)), try Models.smallOnDevice.get())
      guard case .stepwise(let learning) = method.learning else { throw NoSteps() }
      let dataset = try Models.dataset.get()
      let names = Array(dataset.classNames.prefix(6))
      let setup = MethodSetup(clip: clip, classNames: names, dataset: "openclipart")
      let images = LabelledImages(dataset: try dataset.choosing(names), extractor: FeatureExtractor(clip))
      let learner = try learning.begin(setup, from: images) { _ in }
      let configuration = try #require(method.defaultTraining)
      // Two teachers, of which each step draws one.
      let one = try learning.recipe(setup)
      let recipe = TrainingRecipe(
        objective: one.objective,
        teacherClasses: try one.teacherClasses.map {
          try .concatenated([$0, $0.on(.cpu).mirrored().on(device)], axis: 0)
        },
        gradientRule: one.gradientRule, comparesImages: one.comparesImages)
      let batches = try batches(for: method, clip)
      let plain = try course(of: learner, by: recipe, configuration, on: batches, clip)
      var recorded = plain
      let counts = try recording {
        recorded = try course(of: learner, by: recipe, configuration, on: batches, clip)
      }
      #expect(recorded.isRecorded && !plain.isRecorded)
      #expect(recorded.losses == plain.losses)
      #expect(recorded.parameters == plain.parameters)
      #expect(counts.replays == Self.steps - 3)
    }

    @Test("a recorded step begins a fraction of the operations, moves nothing but what is read, and follows its inputs")
    func operations() throws {
      let clip = try Models.device.get()
      let learner = try ConditionalPrompts(for: Models.dataset.get().classNames, clip: clip)
      func trainer() throws -> Trainer<ConditionalPrompts> {
        Trainer(Classifier(clip, learner), configuration: .cocoop, seed: 1, within: try MemoryBudget(bytes: 1 << 30))
      }
      let batch = try Batch(
        imageFeatures: Tensor.drawn([1, clip.embeddingWidth], seed: 7).unitRows(), labels: [3]
      ).on(device)
      func step(_ trainer: inout Trainer<ConditionalPrompts>) throws {
        _ = try trainer.step(on: batch, learningRate: 0.002)
      }
      var plain = try trainer()
      for _ in 0..<4 { try step(&plain) }
      let before = td_operations()
      try step(&plain)
      let operations = Int(td_operations() - before)
      try recording {
        var recorded = try trainer()
        for _ in 0..<4 { try step(&recorded) }
        let counts = try recording { try step(&recorded) }
        #expect(counts.replays == 1 && counts.transfers == 1)
        #expect(
          counts.operations * 4 < operations, "\(counts.operations) operations, \(operations) without a recording")
      }
    }

    private func dataset() throws -> Dataset {
      let all = try Dataset(at: Embedded.openclipart).fewShot(3, seed: 1).base
      return try all.choosing(Array(all.classNames.prefix(5)))
    }

    @Test("steps with smaller batches between them, and with losses that are scaled anew, have the bits of others")
    func shapes() throws {
      let clip = try CLIPModel(weights: Embedded.tinyCLIP, precision: .float16, on: device)
      let learner = try ConditionalPrompts(for: dataset().classNames, clip: clip)
      // The first batch is a small one, as after a resumption. The 7th finite step doubles the factor of the losses.
      let sizes = [1, 2, 2, 2, 1, 2, 2, 2, 1, 2, 2, 2, 2, 2]
      let batches = try sizes.enumerated().map { index, size in
        try Batch(
          imageFeatures: Tensor.drawn([size, clip.embeddingWidth], seed: UInt64(index)).unitRows(),
          labels: (0..<size).map { (index + $0) % 5 }
        ).on(device)
      }
      func train() throws -> (losses: [Float], parameters: [[UInt8]], scaler: LossScaler?) {
        var trainer = Trainer(
          Classifier(clip, learner), configuration: .cocoop, seed: 1,
          state: TrainingState(
            generator: SeededGenerator(seed: 1), lossScaler: LossScaler(scale: 65_536, growthTracker: 1993)),
          within: try MemoryBudget(bytes: 1 << 30))
        let losses = try batches.map { try trainer.step(on: $0, learningRate: 0.002) }
        return (
          losses, try trainer.classifier.learner.parameters.map { try $0.bytes() }, trainer.state.lossScaler
        )
      }
      let plain = try train()
      #expect(plain.scaler == LossScaler(scale: 131_072, growthTracker: 7))
      let used = td_used()
      var recorded = plain
      let counts = try recording { recorded = try train() }
      #expect(recorded.losses == plain.losses && recorded.parameters == plain.parameters)
      #expect(recorded.scaler == plain.scaler)
      // Of 5 whole batches before the factor is doubled, the last 2 are played back; of 6 after it, the last 3.
      #expect(counts.replays == 2 + 3)
      #expect(td_used() <= used, "a training that is gone holds nothing")
    }

    @Test("a training whose step cannot be recorded goes on without, and says so once")
    func unrecorded() throws {
      let (dataset, clip) = (try dataset(), try Models.device.get())
      func train() throws -> (parameters: [[UInt8]], reasons: [String]) {
        var trainer = Trainer(
          Classifier(clip, try ConditionalPrompts(for: dataset.classNames, clip: clip)),
          configuration: try TrainingConfiguration(epochs: 1, batchSize: 2, views: .stored(1)), seed: 1)
        var reasons: [String] = []
        try trainer.runEpoch(0, on: dataset) { if case .unrecorded(let reason) = $0 { reasons.append(reason) } }
        return (try trainer.classifier.learner.parameters.map { try $0.bytes() }, reasons)
      }
      let plain = try train()
      #expect(plain.reasons.isEmpty)
      var failed = plain
      try recording {
        td_fail_recording(50)
        defer { td_fail_recording(-1) }
        failed = try train()
      }
      #expect(failed.parameters == plain.parameters)
      #expect(failed.reasons.count == 1 && failed.reasons[0].contains("the recording failed, as a test asked"))
    }

    @Test("where the device has no memory for a recording, the training goes on without one, with whole passes")
    func outOfMemory() throws {
      let clip = try Models.device.get()
      let learner = try ConditionalPrompts(for: Models.dataset.get().classNames, clip: clip)
      let batches = try batches(for: .cocoop, clip)
      func train() throws -> (parameters: [[UInt8]], failure: String?, peak: Int) {
        var trainer = Trainer(
          Classifier(clip, learner), configuration: .cocoop, seed: 1, within: try MemoryBudget(bytes: 1 << 30))
        device.resetMemoryPeak()
        for batch in batches { _ = try trainer.step(on: batch, learningRate: 0.002) }
        let peak = try #require(device.memoryUse).peak
        return (
          try trainer.classifier.learner.parameters.map { try $0.bytes() }, trainer.recordingFailure, peak
        )
      }
      let plain = try train()
      let used = td_used()
      try recording {
        // A recording keeps all that a step computes; a step alone does not.
        let recorded = try train()
        #expect(recorded.failure == nil && recorded.peak > plain.peak && td_used() <= used)
        td_set_capacity(Int64(plain.peak + recorded.peak) / 2)
        defer { td_set_capacity(0) }
        let found = try train()
        // After a pass is halved, nobody would remember a failure.
        #expect(found.failure?.contains("no memory left") == true, "\(found.failure ?? "none")")
        #expect(found.parameters == plain.parameters && td_used() <= used)
      }
    }

    private struct NoSteps: Error {}
  }
}

extension Tensor {
  /// The same rows in the opposite order of the last axis, as another teacher.
  fileprivate func mirrored() throws -> Tensor {
    let (values, width) = (try floats(), shape.last ?? 1)
    return try Tensor(
      stride(from: 0, to: values.count, by: width).flatMap { values[$0..<$0 + width].reversed() }, shape: shape)
  }
}
