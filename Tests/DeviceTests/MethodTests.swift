import ClassificationMetrics
import CTestDevice
import CLIP
import Datasets
import Embedded
import Images
import Prediction
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

/// The bundled model on the CPU and on the device of tests.
enum Models {
  static let cpu = Result { try CLIPModel(weights: Embedded.tinyCLIP) }
  static let device = Result { try CLIPModel(weights: Embedded.tinyCLIP, on: DeviceOfTests.device) }
  /// A small model with a vision transformer, in which prompts can stand.
  static func small(on device: Device, precision: Precision = .float32) throws -> CLIPModel {
    let vision = VisionTransformer.Configuration(imageSize: 32, patchSize: 8, width: 48, layers: 4, heads: 3)
    let text = CLIPConfiguration.TextTower(tokenLimit: 77, width: 32, heads: 2, layers: 4)
    return try CLIPModel(
      name: "small",
      configuration: CLIPConfiguration(
        embeddingWidth: 64, image: .visionTransformer(vision), text: text, activation: .quickGELU,
        preprocessing: FormulaWeights.preprocessing(size: 32)),
      weights: GeneratedSource(precision: precision, making: FormulaWeights.weight), on: device)
  }
  static let smallOnCPU = Result { try small(on: .cpu) }
  static let smallOnDevice = Result { try small(on: DeviceOfTests.device) }

  static let dataset = Result { try Dataset(at: Embedded.openclipart).fewShot(1, seed: 1).base }
}

extension OnTheDevice {
  @Suite("Every method computes on a device what it computes on the CPU")
  struct MethodTests {
    /// Of features, losses and parameters, relative to the largest.
    static let tolerance: Float = 1e-6
    /// Of losses after steps, whose differences add up. The scale of logits multiplies the rounding of cosines: those of
    /// the first step differ by up to 4e-6 at CLIP's 100, and by up to 5e-7 at a scale of 1.
    static let toleranceOfSteps: Float = 5e-6
    /// Of logits after steps.
    static let toleranceOfLogits: Float = 2e-5
    /// Of the first step's gradients, which differ by as much on one CPU where its threads divide sums in another way:
    /// by up to 9e-6 in ProGrad, which projects one on another, and 5e-6 elsewhere. At a scale of 1, nine of the methods
    /// still exceed 1e-6. Tip-Adapter-F's gradients, which pass through no tower, are then within 1e-7. So it is the
    /// towers' sums that are rounded in another order, and 1e-6 is not to be had.
    static let toleranceOfGradients: Float = 2e-5
    /// Of parameters after steps. Adam divides a gradient by its own size, so the rounding of one that is nearly zero
    /// moves its parameter as far as any other.
    static let toleranceOfParameters: Float = 5e-4
    static let steps = 3

    @Test("both towers")
    func towers() throws {
      let (cpu, device) = (try Models.cpu.get(), try Models.device.get())
      #expect(device.device == DeviceOfTests.device)
      let dataset = try Models.dataset.get()
      let files = dataset.training.prefix(5).map(dataset.url(of:))
      let expected = try FeatureExtractor(cpu).embeddings(of: files)
      let found = try FeatureExtractor(device).embeddings(of: files)
      #expect(found.device == .cpu)
      #expect(try found.difference(from: expected) <= Self.tolerance)
      let names = dataset.classNames
      let (left, right) = (
        try ZeroShotPrompts(for: names, clip: cpu), try ZeroShotPrompts(for: names, clip: device)
      )
      let none = try Tensor.zeros([1, 0])
      #expect(try right.classFeatures(for: none).difference(from: left.classFeatures(for: none)) <= Self.tolerance)
    }

    static let stepwise = Method.all.filter { $0.defaultTraining != nil }.map(\.id)

    /// A batch of drawn features, or of drawn pixels.
    private func batch(for method: Method, _ clip: CLIPModel) throws -> Batch {
      let labels = [0, 3, 1]
      guard method.promptsImages else {
        return try Batch(
          imageFeatures: Tensor.drawn([labels.count, clip.embeddingWidth], seed: 7).unitRows(), labels: labels)
      }
      let size = clip.configuration.preprocessing.size
      let pixels = try Tensor.drawn([labels.count, 3, size, size], seed: 8)
      return try Batch(
        pixels: pixels, frozenFeatures: clip.imageEncoder(pixels.on(clip.device)).unitRows().on(.cpu), labels: labels)
    }

    private struct Course {
      var losses: [Float] = []
      var gradients: [Tensor] = []
      var parameters: [Tensor] = []
      var logits: Tensor?
      var transfers: [Int] = []
    }

    /// Some steps of a method from its initial values.
    private func course(of method: Method, on clip: CLIPModel, _ batch: Batch) throws -> Course {
      guard case .stepwise(let learning) = method.learning else { throw NoSteps() }
      let names = Array(try Models.dataset.get().classNames.prefix(6))
      let setup = MethodSetup(clip: clip, classNames: names, dataset: "openclipart")
      func run(_ learner: some TrainablePromptLearner) throws -> Course {
        var course = Course()
        var trainer = Trainer(
          Classifier(clip, learner), configuration: try #require(method.defaultTraining),
          recipe: try learning.recipe(setup),
          seed: 1, within: try MemoryBudget(bytes: 1 << 30))
        let batch = try batch.on(clip.device)
        let classifier = trainer.classifier
        course.gradients = try classifier.gradient(
          on: batch, by: learning.recipe(setup),
          MicrobatchPlan(
            for: classifier.learner, within: MemoryBudget(bytes: 1 << 30), isTraining: true, on: clip.device)
        ).gradients.flatMap { $0 }
        for _ in 0..<Self.steps {
          let transfers = try DeviceOfTests.transfers {
            course.losses.append(try trainer.step(on: batch, learningRate: 0.002))
          }
          course.transfers.append(transfers)
        }
        course.parameters = trainer.classifier.learner.parameters
        course.logits = try trainer.classifier.logits(
          ofEmbeddings: Tensor.drawn([4, trainer.classifier.clip.imageFeatureWidth], seed: 11),
          within: MemoryBudget(bytes: 1 << 30))
        return course
      }
      let images = LabelledImages(dataset: try Models.dataset.get().choosing(names), extractor: FeatureExtractor(clip))
      return try run(learning.begin(setup, from: images) { _ in })
    }

    @Test("steps of training move nothing but the loss, which is read at their end", arguments: stepwise)
    func steps(id: String) throws {
      let method = try #require(Method(id: id))
      let (cpu, device) = (try Models.smallOnCPU.get(), try Models.smallOnDevice.get())
      let batch = try batch(for: method, cpu)
      let expected = try course(of: method, on: cpu, batch)
      let found = try course(of: method, on: device, batch)
      for (own, other) in zip(found.losses, expected.losses) {
        #expect(abs(own - other) <= Self.toleranceOfSteps * max(1, abs(other)), "loss \(own), expected \(other)")
      }
      for (own, other) in zip(found.gradients, expected.gradients) {
        let difference = try own.difference(from: other)
        #expect(difference <= Self.toleranceOfGradients, "a gradient differs by \(difference)")
      }
      for (own, other) in zip(found.parameters, expected.parameters) {
        #expect(own.device == DeviceOfTests.device)
        let difference = try own.difference(from: other)
        #expect(difference <= Self.toleranceOfParameters, "a parameter differs by \(difference)")
      }
      let logits = (try #require(found.logits), try #require(expected.logits))
      let difference = try logits.0.difference(from: logits.1)
      #expect(difference <= Self.toleranceOfLogits, "logits differ by \(difference)")
      // The first step also moves tables that stay.
      #expect(found.transfers.dropFirst().allSatisfy { $0 == 1 }, "transfers of each step: \(found.transfers)")
    }

    @Test("an evaluation gives the answers of the CPU", arguments: ["zero-shot", "zero-shot-ensemble", "cocoop"])
    func evaluation(id: String) throws {
      let dataset = try Models.dataset.get()
      func answers(_ clip: CLIPModel) throws -> (Answers, Double) {
        let classifier: any ImageClassifier
        if id == "cocoop" {
          classifier = Classifier(clip, try ConditionalPrompts(for: dataset.classNames, clip: clip))
        } else {
          let templates = id == "zero-shot" ? [PromptTemplate.photo] : PromptTemplate.ensemble(for: "openclipart")
          classifier = Classifier(clip, try ZeroShotPrompts(for: dataset.classNames, templates: templates, clip: clip))
        }
        let files = try FeatureExtractor(clip).embeddings(of: dataset.training.map(dataset.url(of:)))
        let measured = try classifier.measured(files, dataset.training.map(\.label))
        return (measured.answers, measured.evaluation.accuracy)
      }
      let (expected, found) = (try answers(Models.cpu.get()), try answers(Models.device.get()))
      #expect(found.0.predictions == expected.0.predictions)
      #expect(found.1 == expected.1)
    }

    @Test(
      "a prediction, alone and among others, gives the probabilities of the CPU, of which nothing but these is read")
    func prediction() throws {
      let dataset = try Models.dataset.get()
      let photos = try dataset.training.prefix(3).map { try Image(contentsOf: dataset.url(of: $0)) }
      func predictor(_ clip: CLIPModel) throws -> Predictor {
        try Predictor(zeroShot: clip, classNames: dataset.classNames, templates: ["a photo of a {}."])
      }
      let (cpu, device) = (try predictor(Models.cpu.get()), try predictor(Models.device.get()))
      let squares = try photos.map(cpu.square)
      let expected = try cpu.candidates(for: squares, top: 5)
      _ = try device.candidates(for: squares, top: 5)  // tables move once
      var found: [[Prediction.Candidate]] = []
      // The pixels go there, and the probabilities come back.
      #expect(try DeviceOfTests.transfers { found = try device.candidates(for: squares, top: 5) } == 2)
      #expect(found.map { $0.map(\.class) } == expected.map { $0.map(\.class) })
      for (own, other) in zip(found.joined(), expected.joined()) {
        #expect(abs(own.probability - other.probability) <= 1e-5)
      }
      let alone = try device.candidates(for: [squares[0]], top: 1)
      #expect(alone[0][0].class == expected[0][0].class)
    }

    @Test("fast answers are those of the CPU")
    func fastAnswers() throws {
      let names = Array(try Models.dataset.get().classNames.prefix(6))
      func logits(_ clip: CLIPModel) throws -> Tensor {
        let classifier = Classifier(clip, try ConditionalPrompts(for: names, clip: clip))
        let images = try Tensor.drawn([8, clip.embeddingWidth], seed: 3).unitRows()
        let fast = try classifier.fastClassifier(around: classifier.codeStatistics(of: images))
        return try fast.logits(ofEmbeddings: images, within: .automatic)
      }
      #expect(try logits(Models.device.get()).difference(from: logits(Models.cpu.get())) <= 1e-5)
    }

    @Test(
      "where the device is full, the pass is halved once and the step is the same; where that is not enough, it fails")
    func outOfMemory() throws {
      let clip = try Models.device.get()
      let names = try Models.dataset.get().classNames
      let learner = try ConditionalPrompts(for: names, clip: clip)
      let count = 8
      let batch = try Batch(
        imageFeatures: Tensor.drawn([count, clip.embeddingWidth], seed: 7).unitRows(), labels: (0..<count).map { $0 }
      ).on(clip.device)
      func step(within capacity: Double?) throws -> Float {
        var trainer = Trainer(
          Classifier(clip, learner), configuration: .cocoop, seed: 1, within: try MemoryBudget(bytes: 1 << 30))
        let pass = Double(learner.microbatchBytes(isTraining: true) * count)
        if let capacity { td_set_capacity(td_used() + Int64(pass * capacity)) }
        defer { td_set_capacity(0) }
        return try trainer.step(on: batch, learningRate: 0.002)
      }
      let whole = try step(within: nil)
      #expect(try abs(step(within: 0.6) - whole) <= 1e-5)
      let error = #expect(throws: TorchError.self) { try step(within: 0.01) }
      #expect(error?.isOutOfMemory == true)
    }

    private struct NoSteps: Error {}
  }
}

extension ImageClassifier {
  fileprivate func measured(_ embeddings: Tensor, _ labels: [Int]) throws -> (evaluation: Evaluation, answers: Answers)
  {
    try Evaluator(self).measurement(on: embeddings, labels: labels, classNames: classNames)
  }
}
