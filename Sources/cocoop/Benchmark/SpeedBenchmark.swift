import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// The figures of `cocoop benchmark`: medians over repeated runs, all in one process.
struct SpeedBenchmark: Sendable, Encodable {
  let backbone: String
  let precision: Precision
  let classes: Int
  /// The number of images in one step.
  let images: Int
  let threads: Int
  let libtorch: String
  let trieNodes: Int
  /// The number of positions that the reference computes: for each class the model's token limit, usually 77.
  let densePositions: Int
  let textTrainStepSeconds: Double
  let textForwardSeconds: Double
  /// The seconds for one batch of images; `nil`, like all figures of images, where only the text side was requested.
  let imageForwardSeconds: Double?
  /// The seconds for a whole step with fresh views: decoding, augmentation, encoding, prompts.
  let trainStepSeconds: Double?
  /// The speed of CoCoOp's whole evaluation: decoding, encoding, prompts of every image.
  let evaluationImagesPerSecond: Double?
  /// The same with cached image features.
  let cachedEvaluationImagesPerSecond: Double?
  /// The figures of the fast mode; `nil` unless requested.
  let fastMode: FastBenchmark?
  /// The speed of the fastest square product, measured in turns with the text training step.
  let gemmPeakGFLOPS: Double
  let textTrainGFLOPS: Double
  let rooflineFraction: Double
  /// The peak memory of the process, with the model.
  let peakMemoryMiB: Double
  /// The memory that the text training steps added to the process with the loaded model.
  let textTrainMemoryMiB: Double
  /// The cores that other processes used on average meanwhile; `nil` where the system does not say. Above
  /// ``quiet``, the figures are of a busy machine.
  let coresOfOthers: Double?

  /// What a machine's own services take.
  static let quiet = 0.1

  /// - Parameters:
  ///   - backbone: one of ``BenchmarkBackbone/names``.
  ///   - classNames: the names of the classes.
  ///   - images: the number of images in one step.
  ///   - photo: the file that the whole step decodes.
  ///   - precision: the precision of the products in frozen layers; the GEMM peak for comparison is always that of
  ///     float32.
  ///   - isTextOnly: whether the figures of images are left out.
  ///   - measuresFastMode: whether to expand the classes too, which takes two passes over them for each component of a
  ///     code.
  ///   - budget: the memory of a pass through the text encoder.
  init(
    backbone: String, classNames: [String], images: Int, photo: URL, precision: Precision = .float32,
    isTextOnly: Bool = false, measuresFastMode: Bool = false,
    within budget: MemoryBudget = .automatic
  ) throws {
    let use = ProcessorUse()
    let clip = try BenchmarkBackbone.model(backbone, precision: precision)
    let products = try SquareProducts()
    var generator = SeededGenerator(seed: 1)
    let learner = try ConditionalPrompts(for: classNames, clip: clip)
    let augmentation = try TrainingAugmentation(crop: RandomResizedCrop(size: clip.configuration.preprocessing.size))
    let views = try (0..<images).map { _ in try augmentation(Image(contentsOf: photo), using: &generator) }
    let labels = (0..<images).map { $0 % classNames.count }
    let batch = try Batch(imageFeatures: clip.imageFeatures(ofSquares: views), labels: labels)

    // The text steps come first, so that nothing else has raised the peak memory yet.
    let before = ProcessMemory.residentMiB
    ProcessMemory.resetPeak()
    var trainer = Trainer(Classifier(clip, learner), configuration: .cocoop, seed: 1, within: budget)
    // In turns: a share of the peak would say nothing if only one of the two had been disturbed.
    let (step, peak) = try Self.medians({ _ = try trainer.step(on: batch, learningRate: 1e-5) }, products.measure)
    (textTrainStepSeconds, gemmPeakGFLOPS) = (step, peak.max() ?? 0)
    let trainingPeak = ProcessMemory.peakMiB
    textTrainMemoryMiB = trainingPeak - before
    let classifier = trainer.classifier
    textForwardSeconds = try Self.median { _ = try classifier.logits(for: batch.imageFeatures, within: budget) }
    fastMode =
      try measuresFastMode
      ? FastBenchmark(
        of: classifier, near: batch.imageFeatures.sliced(0..<1, axis: 0), within: budget, median: Self.median) : nil
    if isTextOnly {
      (imageForwardSeconds, trainStepSeconds) = (nil, nil)
      (evaluationImagesPerSecond, cachedEvaluationImagesPerSecond) = (nil, nil)
    } else {
      imageForwardSeconds = try Self.median { _ = try clip.imageFeatures(ofSquares: views) }
      trainStepSeconds = try Self.median {
        let views = try (0..<images).map { _ in try augmentation(Image(contentsOf: photo), using: &generator) }
        _ = try trainer.step(
          on: Batch(imageFeatures: clip.imageFeatures(ofSquares: views), labels: labels), learningRate: 1e-5)
      }
      let photos = [URL](repeating: photo, count: 16)
      let extractor = FeatureExtractor(clip)
      let features = try extractor.features(of: photos)
      evaluationImagesPerSecond =
        try Double(photos.count)
        / Self.median {
          _ = try classifier.probabilities(for: extractor.features(of: photos), within: budget)
        }
      cachedEvaluationImagesPerSecond =
        try Double(photos.count)
        / Self.median {
          _ = try classifier.probabilities(for: features, within: budget)
        }
    }
    self.backbone = backbone
    self.precision = precision
    classes = classNames.count
    self.images = images
    threads = Threads.count
    libtorch = Libtorch.version
    trieNodes = learner.trie.nodes.count
    densePositions = classNames.count * clip.configuration.text.tokenLimit
    let cost = TextCost(of: learner.trie, in: clip.configuration)
    textTrainGFLOPS = Double(images) * cost.trainingStep / textTrainStepSeconds / 1e9
    rooflineFraction = textTrainGFLOPS / gemmPeakGFLOPS
    peakMemoryMiB = max(trainingPeak, ProcessMemory.peakMiB)
    coresOfOthers = use?.coresOfOthers
  }

  /// The median of seven runs after two to warm up, or of as many as fit into half a minute, in seconds.
  static func median(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    var times: [Double] = []
    while times.count < 9, times.count < 3 || (ContinuousClock.now - start).seconds < 30 {
      let start = ContinuousClock.now
      try body()
      times.append((ContinuousClock.now - start).seconds)
    }
    let measured = times.dropFirst(min(2, times.count - 1)).sorted()
    return measured[measured.count / 2]
  }

  /// The median of one measurement, and the medians of several figures that are taken between its runs.
  private static func medians(
    _ body: () throws -> Void, _ others: () throws -> [Double]
  ) rethrows -> (seconds: Double, others: [Double]) {
    let start = ContinuousClock.now
    var times: [Double] = []
    var figures: [[Double]] = []
    while times.count < 9, times.count < 3 || (ContinuousClock.now - start).seconds < 40 {
      let start = ContinuousClock.now
      try body()
      times.append((ContinuousClock.now - start).seconds)
      figures.append(try others())
    }
    func median(_ values: some Sequence<Double>) -> Double {
      let measured = values.dropFirst(min(2, times.count - 1)).sorted()
      return measured[measured.count / 2]
    }
    let columns = figures.first?.indices ?? 0..<0
    return (median(times), columns.map { column in median(figures.map { $0[column] }) })
  }
}

/// Square products in float32 by each of the libraries that libtorch multiplies with: the fastest is the machine's peak.
private struct SquareProducts {
  private let pairs: [(matrix: Tensor, packed: FrozenLinear)]

  init() throws {
    pairs = try [512, 1024, 2048].map { size in
      let matrix = try Tensor([Float](repeating: 0.5, count: size * size), shape: [size, size])
      return (matrix, try FrozenLinear(weight: matrix, bias: nil))
    }
  }

  /// One run of each product, in GFLOP/s.
  func measure() throws -> [Double] {
    try pairs.flatMap { matrix, packed in
      try [{ _ = try matrix.matmul(matrix) }, { _ = try packed(matrix) }].map { (product: () throws -> Void) in
        let start = ContinuousClock.now
        try product()
        return 2 * pow(Double(matrix.shape[0]), 3) / (ContinuousClock.now - start).seconds / 1e9
      }
    }
  }
}

/// The models to measure: the embedded one, and those of OpenAI with random weights.
enum BenchmarkBackbone {
  static let names = ModelSource.embedded + OpenAIModel.allCases.map(\.rawValue)

  /// - Throws: ``UnknownBackbone``, `RunError`.
  static func model(_ name: String, precision: Precision) throws -> CLIPModel {
    if ModelSource.embedded.contains(name) { return try ModelSource(name).load(precision: precision) }
    guard let model = OpenAIModel(rawValue: name) else {
      throw UnknownBackbone(name: name)
    }
    return try CLIPModel(randomlyInitialized: .openAI(model), name: name, seed: 1, precision: precision.checked())
  }
}

/// An unknown name of a model to measure.
struct UnknownBackbone: UserFacingError {
  let name: String

  var problem: String { "There is no backbone '\(name)' to measure" }
  var remedy: String? { "Give one of \(BenchmarkBackbone.names.joined(separator: ", "))" }
}

/// The 100 class names of Caltech101's published split (Li, Andreetto, Ranzato, Perona), in its order: the usual
/// classes for measuring the speed of prompt learning, here and in the literature.
enum CaltechNames {
  static let all = [
    "face", "leopard", "motorbike", "accordion", "airplane", "anchor", "ant", "barrel", "bass", "beaver", "binocular",
    "bonsai", "brain", "brontosaurus", "buddha", "butterfly", "camera", "cannon", "car_side", "ceiling_fan",
    "cellphone", "chair", "chandelier", "cougar_body", "cougar_face", "crab", "crayfish", "crocodile",
    "crocodile_head", "cup", "dalmatian", "dollar_bill", "dolphin", "dragonfly", "electric_guitar", "elephant", "emu",
    "euphonium", "ewer", "ferry", "flamingo", "flamingo_head", "garfield", "gerenuk", "gramophone", "grand_piano",
    "hawksbill", "headphone", "hedgehog", "helicopter", "ibis", "inline_skate", "joshua_tree", "kangaroo", "ketch",
    "lamp", "laptop", "llama", "lobster", "lotus", "mandolin", "mayfly", "menorah", "metronome", "minaret",
    "nautilus", "octopus", "okapi", "pagoda", "panda", "pigeon", "pizza", "platypus", "pyramid", "revolver", "rhino",
    "rooster", "saxophone", "schooner", "scissors", "scorpion", "sea_horse", "snoopy", "soccer_ball", "stapler",
    "starfish", "stegosaurus", "stop_sign", "strawberry", "sunflower", "tick", "trilobite", "umbrella", "watch",
    "water_lilly", "wheelchair", "wild_cat", "windsor_chair", "wrench", "yin_yang",
  ]
}
