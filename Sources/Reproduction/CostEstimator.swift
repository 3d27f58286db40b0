import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// Measures the cost of a comparison's trials on this machine: a few warm steps of each, on its own classes.
struct CostEstimator {
  /// The cost of one trial, in seconds.
  struct Cost {
    /// The seconds for reading and encoding the training images, or views of them.
    let images: Double
    /// The seconds for training on them.
    let training: Double
    /// The seconds for testing, without encoding the test images.
    let testing: Double
  }

  let threads: Int
  private let clip: CLIPModel
  private let budget: MemoryBudget
  private var generator = SeededGenerator(seed: 1)
  private var encoding: [String: Double] = [:]  // by dataset: seconds an image
  private var costs: [String: Cost] = [:]  // by dataset and variant

  init(clip: CLIPModel, budget: MemoryBudget) throws {
    self.clip = clip
    self.budget = budget
    threads = Threads.count
    ProcessMemory.resetPeak()
  }

  /// The seconds that reading and encoding one image of a dataset takes, as the mean over a few.
  mutating func secondsToEncode(an dataset: Dataset, titled title: String) throws -> Double {
    if let known = encoding[title] { return known }
    let images = (dataset.training.isEmpty ? dataset.test : dataset.training).shuffled(using: &generator)
    let files = images.prefix(FeatureExtractor.batchSize).map(dataset.url(of:))
    let extractor = FeatureExtractor(clip)
    _ = try extractor.features(of: Array(files.prefix(4)))
    let seconds = try Self.seconds { _ = try extractor.features(of: files) } / Double(max(1, files.count))
    encoding[title] = seconds
    return seconds
  }

  /// - Parameters:
  ///   - sample: the training images of the trial.
  ///   - dataset: the whole dataset.
  ///   - tests: the test images, each with the classes to predict.
  mutating func cost(
    of unit: Trial, on sample: Dataset, encodedAs dataset: Dataset, testedOn tests: [Dataset]
  ) throws -> Cost {
    let key = "\(unit.dataset)/\(unit.variant.folderName)"
    if let known = costs[key] { return known }
    let image = try secondsToEncode(an: dataset, titled: unit.dataset)
    let cost = try measured(unit.configuration, on: sample, image: image, testedOn: tests)
    costs[key] = cost
    return cost
  }

  private mutating func measured(
    _ configuration: RunConfiguration, on sample: Dataset, image: Double, testedOn tests: [Dataset]
  ) throws -> Cost {
    let setup = configuration.setup(for: sample, on: clip)
    switch configuration.method.learning {
    case .direct(let direct):
      let embeddings = LabelledEmbeddings(
        embeddings: try features(of: sample.training.count), labels: sample.training.map(\.label))
      let seconds = try direct.fitSeconds(setup, embeddings)
      let views = max(1, direct.viewsOfTraining)
      let images = configuration.method.isZeroShot ? 0 : views * sample.training.count + sample.validation.count
      return Cost(images: Double(images) * image, training: seconds, testing: 0)
    case .stepwise(let stepwise):
      let cost = try learning(
        stepwise.start(setup), stepwise.recipe(setup), configuration, on: sample, image: image, testedOn: tests)
      let first = Double(stepwise.viewsToStart * sample.training.count) * image
      return Cost(images: cost.images + first, training: cost.training, testing: cost.testing)
    }
  }

  private mutating func learning<Learner: TrainablePromptLearner>(
    _ learner: Learner, _ recipe: TrainingRecipe, _ configuration: RunConfiguration, on sample: Dataset, image: Double,
    testedOn tests: [Dataset]
  ) throws -> Cost {
    let classifier = Classifier(clip, learner)
    guard let training = configuration.training else { return Cost(images: 0, training: 0, testing: 0) }
    let images = sample.training.count
    let size = max(1, min(training.batchSize, images))
    let labels = (0..<size).map { $0 % sample.classNames.count }
    let isPrompted = learner.imagePrompts != nil
    let batch =
      try isPrompted
      ? Batch(
        pixels: pixels(of: size), frozenFeatures: recipe.comparesImages ? features(of: size) : nil, labels: labels)
      : Batch(imageFeatures: features(of: size), labels: labels)
    var trainer = Trainer(classifier, configuration: training, recipe: recipe, seed: 1, within: budget)
    let step = try Self.median { _ = try trainer.step(on: batch, learningRate: 1e-5) }
    let steps = max(1, images / size)
    let views =
      switch training.views {
      case .fresh: training.epochs * steps * size
      case .stored(let count): count * images
      }
    // A tower with prompts encodes its views in the step, and the test images once more for itself.
    let encoded = isPrompted && !recipe.comparesImages ? 0 : views
    let own = isPrompted ? Double(tests.map(\.test.count).reduce(0, +)) * image : 0
    return Cost(
      images: Double(encoded) * image, training: Double(training.epochs * steps) * step,
      testing: own + (try testing(classifier, tests)))
  }

  /// The seconds for predicting encoded images.
  private mutating func testing<Learner: PromptLearner>(
    _ classifier: Classifier<Learner>, _ tests: [Dataset]
  ) throws -> Double {
    try tests.reduce(0.0) { sum, test in
      let renamed = try classifier.withClasses(test.classNames)
      let isShared = renamed.learner.imagesPerMicrobatch == .max
      let rows = isShared ? test.test.count : min(test.test.count, 2 * renamed.learner.imagesPerMicrobatch)
      let features = try features(of: rows, width: renamed.clip.imageFeatureWidth)
      let seconds = try Self.seconds { _ = try renamed.logits(for: features, within: budget) }
      return sum + seconds * Double(test.test.count) / Double(max(1, rows))
    }
  }

  /// Random unit rows: the time does not depend on their values.
  private mutating func features(of count: Int, width: Int? = nil) throws -> Tensor {
    let width = width ?? clip.embeddingWidth
    let numbers = (0..<count * width).map { _ in Float(generator.normal()) }
    return try Tensor(numbers, shape: [count, width]).unitRows()
  }

  /// Random pixels.
  private mutating func pixels(of count: Int) throws -> Tensor {
    let size = clip.configuration.preprocessing.size
    let numbers = (0..<count * 3 * size * size).map { _ in Float(generator.uniform()) }
    return try Tensor(numbers, shape: [count, 3, size, size])
  }

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start).seconds
  }

  /// The median of five runs after one to warm up, or of fewer where they are long.
  private static func median(_ body: () throws -> Void) rethrows -> Double {
    try body()
    var times: [Double] = []
    while times.count < 5, times.reduce(0, +) < 5 { times.append(try seconds(body)) }
    return times.sorted()[times.count / 2]
  }
}
