import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Torch

/// The figures of `cocoop benchmark`: medians over repeated runs, all in one process.
public struct SpeedBenchmark: Sendable, Encodable {
  public let backbone: String
  public let classes: Int
  /// Images of one step.
  public let images: Int
  public let threads: Int
  public let libtorch: String
  public let trieNodes: Int
  /// Positions that the reference computes: 77 for each class.
  public let densePositions: Int
  public let textTrainStepSeconds: Double
  public let textForwardSeconds: Double
  /// Of one batch of images.
  public let imageForwardSeconds: Double
  /// A whole step with fresh views: decoding, augmentation, encoding, prompts.
  public let trainStepSeconds: Double
  public let gemmPeakGFLOPS: Double
  public let textTrainGFLOPS: Double
  public let rooflineFraction: Double
  public let peakMemoryMiB: Double

  /// - Parameters:
  ///   - backbone: one of ``BenchmarkBackbone/names``.
  ///   - classNames: the classes to tell apart.
  ///   - images: of one step.
  ///   - photo: a file that the whole step decodes.
  public init(backbone: String, classNames: [String], images: Int, photo: URL) throws {
    let clip = try BenchmarkBackbone.model(backbone)
    var generator = SeededGenerator(seed: 1)
    let learner = try ConditionalPrompts(for: classNames, clip: clip)
    let trie = learner.trie
    let views = try (0..<images).map { _ in
      try TrainingAugmentation(crop: RandomResizedCrop(size: clip.configuration.preprocessing.size))(
        Image(contentsOf: photo), using: &generator)
    }
    let labels = (0..<images).map { $0 % classNames.count }
    let batch = try Batch(imageFeatures: clip.imageFeatures(ofSquares: views), labels: labels)
    let cost = TextCost(of: trie, in: clip.configuration)
    gemmPeakGFLOPS = try Self.gemmPeak()

    var trainer = Trainer(Classifier(clip, learner), configuration: .cocoop, seed: 1)
    textTrainStepSeconds = try Self.median { _ = try trainer.step(on: batch, learningRate: 1e-5) }
    textForwardSeconds = try Self.median { _ = try trainer.classifier.learner.classFeatures(for: batch.imageFeatures) }
    imageForwardSeconds = try Self.median { _ = try clip.imageFeatures(ofSquares: views) }
    let augmentation = try TrainingAugmentation(crop: RandomResizedCrop(size: clip.configuration.preprocessing.size))
    trainStepSeconds = try Self.median {
      let views = try (0..<images).map { _ in try augmentation(Image(contentsOf: photo), using: &generator) }
      _ = try trainer.step(
        on: Batch(imageFeatures: clip.imageFeatures(ofSquares: views), labels: labels), learningRate: 1e-5)
    }
    self.backbone = backbone
    classes = classNames.count
    self.images = images
    threads = Threads.count
    libtorch = Libtorch.version
    trieNodes = trie.nodes.count
    densePositions = classNames.count * clip.configuration.text.tokenLimit
    textTrainGFLOPS = Double(images) * cost.trainingStep / textTrainStepSeconds / 1e9
    rooflineFraction = textTrainGFLOPS / gemmPeakGFLOPS
    peakMemoryMiB = ProcessMemory.peakMiB
  }

  /// The median of seven runs, after two to warm up, in seconds.
  private static func median(_ body: () throws -> Void) rethrows -> Double {
    for _ in 0..<2 { try body() }
    let times = try (0..<7).map { _ in
      let start = ContinuousClock.now
      try body()
      return (ContinuousClock.now - start).seconds
    }
    return times.sorted()[times.count / 2]
  }

  /// The fastest of several square products in float32, by each of the libraries that libtorch multiplies with, in
  /// GFLOP/s.
  private static func gemmPeak() throws -> Double {
    try [512, 1024, 2048].flatMap { size in
      let matrix = try Tensor([Float](repeating: 0.5, count: size * size), shape: [size, size])
      let packed = try FrozenLinear(weight: matrix, bias: nil)
      return try [median { _ = try matrix.matmul(matrix) }, median { _ = try packed(matrix) }].map {
        2 * pow(Double(size), 3) / $0 / 1e9
      }
    }.max() ?? 0
  }
}

/// Models to measure: the embedded one, and those of OpenAI with random weights.
public enum BenchmarkBackbone {
  public static let names = ModelSource.embedded + OpenAIModel.allCases.map(\.rawValue)

  /// - Throws: ``ExperimentError/unknownBackbone(name:known:)``.
  static func model(_ name: String) throws -> CLIPModel {
    if ModelSource.embedded.contains(name) { return try ModelSource(name).load() }
    guard let model = OpenAIModel(rawValue: name) else {
      throw ExperimentError.unknownBackbone(name: name, known: names)
    }
    return try CLIPModel(randomlyInitialized: .openAI(model), name: name, seed: 1)
  }
}
