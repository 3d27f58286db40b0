import CLIP
import Datasets
import Foundation
import PromptLearning
import Torch

/// The paper's first protocol: learn on the first half of the classes, test on both halves (CoCoOp, §4.1).
public struct BaseToNew: Sendable {
  public let clip: CLIPModel
  public let identity: ModelIdentity
  public let dataset: Dataset
  /// The folder that gets a run for each method and seed, called `METHOD-seedN`.
  public let output: URL

  private let budget: MemoryBudget
  private let cacheFolder: URL?
  private let base: TestImages
  private let new: TestImages

  /// What is being done.
  public enum Progress: Sendable {
    case encoding(done: Int, of: Int)
    case training(method: Method, seed: Int, TrainingProgress)
    case evaluating(method: Method, seed: Int)
  }

  /// Encodes the test images, once for all methods and seeds.
  public init(
    on dataset: Dataset, clip: CLIPModel, identity: ModelIdentity, output: URL,
    within budget: MemoryBudget = .automatic, cacheFolder: URL? = nil,
    progress: (Progress) throws -> Void = { _ in }
  ) throws {
    self.clip = clip
    self.identity = identity
    self.dataset = dataset
    self.output = output
    self.budget = budget
    self.cacheFolder = cacheFolder
    let extractor = FeatureExtractor(
      clip, cache: cacheFolder.map { FeatureCache(folder: $0, model: identity.sha256) })
    let halves = try (base: dataset.base, new: dataset.new)
    let total = halves.base.test.count + halves.new.test.count
    base = try TestImages(of: halves.base, by: extractor) { try progress(.encoding(done: $0, of: total)) }
    new = try TestImages(of: halves.new, by: extractor) {
      try progress(.encoding(done: halves.base.test.count + $0, of: total))
    }
  }

  /// The folder of one run, once it is known that the run may be kept there: ask before what takes long.
  public static func folder(
    of method: Method, seed: Int, under output: URL, existing: RunFolder.Existing
  ) throws -> RunFolder {
    try RunFolder(creating: output.appending(path: "\(method.rawValue)-seed\(seed)"), existing: existing)
  }

  /// Trains and tests one method with one seed.
  ///
  /// - Parameter configuration: of the run; its classes are the base classes.
  public func result(
    of configuration: RunConfiguration, existing: RunFolder.Existing, progress: (Progress) throws -> Void = { _ in }
  ) throws -> SeedResult {
    let (method, seed) = (configuration.method, configuration.seed)
    let folder = try Self.folder(of: method, seed: seed, under: output, existing: existing)
    let run = try TrainingRun(
      configuration, clip: clip, identity: identity, dataset: dataset, folder: folder, within: budget,
      cacheFolder: cacheFolder)
    let start = ContinuousClock.now
    let classifier = try run { try progress(.training(method: method, seed: seed, $0)) }.classifier
    try progress(.evaluating(method: method, seed: seed))
    return SeedResult(
      method: method, seed: seed, base: try base.evaluation(of: classifier, within: budget).accuracy,
      new: method.namesOtherClasses ? try new.evaluation(of: classifier, within: budget).accuracy : nil,
      seconds: (ContinuousClock.now - start).seconds)
  }
}

/// The test images of one list of classes, encoded.
struct TestImages: Sendable {
  let classNames: [String]
  let labels: [Int]
  let embeddings: Tensor  // [images, E]

  init(of dataset: Dataset, by extractor: FeatureExtractor, progress: (Int) throws -> Void) throws {
    classNames = dataset.classNames
    labels = dataset.test.map(\.label)
    embeddings = try extractor.embeddings(of: dataset.test.map(dataset.url(of:)), progress: progress)
  }

  /// How well a classifier of any method names these images, over these images' classes.
  func evaluation(of classifier: some ImageClassifier, within budget: MemoryBudget) throws -> Evaluation {
    try Evaluator(classifier.naming(classNames), within: budget).report(
      on: embeddings, labels: labels, classNames: classNames)
  }
}
