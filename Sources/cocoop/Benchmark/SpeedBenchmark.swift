import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// The figures of `cocoop benchmark`: medians over repeated runs, all in one process.
struct SpeedBenchmark: Sendable, Encodable {
  let backbone: String
  let precision: Precision
  /// Where the model computed: `cpu`, or an accelerator with its name.
  let device: String
  let classes: Int
  /// The number of images in one step.
  let images: Int
  let threads: Int
  let libtorch: String
  let trieNodes: Int
  /// The number of positions that the reference computes: for each class the model's token limit, usually 77.
  let densePositions: Int
  let textTrainStepSeconds: Double
  /// The same where the device does not record the step; `nil` where it never does.
  let unrecordedTextTrainStepSeconds: Double?
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
  /// The peak memory of the process with the model, or of tensors on a device; `nil` where the device does not tell.
  let peakMemoryMiB: Double?
  /// The memory that the text training steps added to that of the loaded model.
  let textTrainMemoryMiB: Double?
  /// The cores that other processes used on average meanwhile; `nil` where the system does not say. Above
  /// ``quiet``, the figures are of a busy machine.
  let coresOfOthers: Double?

  /// What a machine's own services take.
  static let quiet = 0.1

  /// The photos of an evaluation on an accelerator, whose kernels are idle with few.
  private static let photosOnAccelerator = 512

  /// - Parameters:
  ///   - clip: the model, where it computes.
  ///   - classNames: the names of the classes.
  ///   - images: the number of images in one step.
  ///   - photo: the file that the whole step decodes.
  ///   - isTextOnly: whether the figures of images are left out.
  ///   - measuresFastMode: whether to expand the classes too, which takes two passes over them for each component of a
  ///     code.
  ///   - budget: the memory of a pass through the text encoder.
  init(
    of clip: CLIPModel, classNames: [String], images: Int, photo: URL, isTextOnly: Bool = false,
    measuresFastMode: Bool = false, within budget: MemoryBudget = .automatic
  ) throws {
    let use = ProcessorUse()
    let device = clip.device
    // An operation on a device has only begun when its call returns.
    func median(_ body: () throws -> Void) throws -> Double {
      try Self.median {
        try body()
        try device.wait()
      }
    }
    let products = try SquareProducts(on: device)
    var generator = SeededGenerator(seed: 1)
    let learner = try ConditionalPrompts(for: classNames, clip: clip)
    let augmentation = try TrainingAugmentation(crop: RandomResizedCrop(size: clip.configuration.preprocessing.size))
    let views = try (0..<images).map { _ in try augmentation(Image(contentsOf: photo), using: &generator) }
    let labels = (0..<images).map { $0 % classNames.count }
    let batch = try Batch(imageFeatures: clip.imageFeatures(ofSquares: views), labels: labels)

    // The text steps come first, so that nothing else has raised the peak memory yet.
    var trainer = Trainer(Classifier(clip, learner), configuration: .cocoop, seed: 1, within: budget)
    let memory = MemoryCount(on: device)
    // A device that records steps does so in the fourth, and holds its memory from then on.
    for _ in 0..<(device.canRecord ? 5 : 3) { _ = try trainer.step(on: batch, learningRate: 1e-5) }
    textTrainMemoryMiB = memory.addedMiB
    // In turns: a share of the peak would say nothing if only one of the two had been disturbed.
    let (step, peak) = try Self.medians({ _ = try trainer.step(on: batch, learningRate: 1e-5) }, products.measure)
    (textTrainStepSeconds, gemmPeakGFLOPS) = (step, peak.max() ?? 0)
    unrecordedTextTrainStepSeconds =
      try trainer.isRecorded
      ? {
        var plain = Trainer(
          Classifier(clip, learner), configuration: .cocoop, seed: 1, within: budget, recordsSteps: false)
        return try median { _ = try plain.step(on: batch, learningRate: 1e-5) }
      }() : nil
    let classifier = trainer.classifier
    textForwardSeconds = try median { _ = try classifier.logits(for: batch.imageFeatures, within: budget) }
    fastMode =
      try measuresFastMode
      ? FastBenchmark(
        of: classifier, near: batch.imageFeatures.sliced(0..<1, axis: 0), within: budget, median: median) : nil
    if isTextOnly {
      (imageForwardSeconds, trainStepSeconds) = (nil, nil)
      (evaluationImagesPerSecond, cachedEvaluationImagesPerSecond) = (nil, nil)
    } else {
      imageForwardSeconds = try median { _ = try clip.imageFeatures(ofSquares: views) }
      trainStepSeconds = try median {
        let views = try (0..<images).map { _ in try augmentation(Image(contentsOf: photo), using: &generator) }
        _ = try trainer.step(
          on: Batch(imageFeatures: clip.imageFeatures(ofSquares: views), labels: labels), learningRate: 1e-5)
      }
      let photos = [URL](repeating: photo, count: device.isAccelerator ? Self.photosOnAccelerator : 16)
      let extractor = FeatureExtractor(clip)
      let features = try extractor.features(of: photos)
      evaluationImagesPerSecond =
        try Double(photos.count)
        / median {
          _ = try classifier.probabilities(for: extractor.features(of: photos), within: budget)
        }
      cachedEvaluationImagesPerSecond =
        try Double(photos.count)
        / median {
          _ = try classifier.probabilities(for: features, within: budget)
        }
    }
    (backbone, precision, self.device) = (clip.name, clip.precision, device.title)
    classes = classNames.count
    self.images = images
    threads = Threads.count
    libtorch = Libtorch.version
    trieNodes = learner.trie.nodes.count
    densePositions = classNames.count * clip.configuration.text.tokenLimit
    let cost = TextCost(of: learner.trie, in: clip.configuration)
    textTrainGFLOPS = Double(images) * cost.trainingStep / textTrainStepSeconds / 1e9
    rooflineFraction = textTrainGFLOPS / gemmPeakGFLOPS
    peakMemoryMiB = memory.peakMiB
    coresOfOthers = use?.coresOfOthers
  }

  /// Where something computed, in one phrase.
  static func place(_ device: String, threads: Int) -> String {
    device == "\(Device.cpu)" ? "\(threads) threads" : "on \(device)"
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

/// Square products in float32 by each of the libraries that libtorch multiplies with: the fastest is the device's peak,
/// whatever the model's precision.
private struct SquareProducts {
  private let pairs: [(matrix: Tensor, packed: FrozenLinear)]

  init(on device: Device) throws {
    let sizes = [512, 1024, 2048] + (device.isAccelerator ? [4096, 8192] : [])
    pairs = try sizes.map { size in
      let matrix = try Tensor([Float](repeating: 0.5, count: size * size), shape: [size, size]).on(device)
      return (matrix, try FrozenLinear(weight: matrix, bias: nil))
    }
  }

  /// One run of each product, in GFLOP/s.
  func measure() throws -> [Double] {
    try pairs.flatMap { matrix, packed in
      try [{ _ = try matrix.matmul(matrix) }, { _ = try packed(matrix) }].map { (product: () throws -> Void) in
        let start = ContinuousClock.now
        try product()
        try matrix.device.wait()
        return 2 * pow(Double(matrix.shape[0]), 3) / (ContinuousClock.now - start).seconds / 1e9
      }
    }
  }
}
