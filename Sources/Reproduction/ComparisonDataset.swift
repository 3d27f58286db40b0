import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// A dataset of a comparison, read once, or the reason why it cannot be used.
struct ComparisonDataset: Sendable {
  /// The dataset's name on the command line.
  let name: String
  /// The folder of benchmarks, where `name` is one.
  let root: String?
  /// The dataset's title in the paper, or its own name.
  let title: String
  let dataset: Result<Dataset, UnusableData>

  /// - Parameter isRecursive: whether photos in sub-folders of a class folder count too.
  /// - Throws: ``RunError`` for a name that stands for nothing; what is wrong with the files themselves is kept.
  init(_ name: String, root: String?, isRecursive: Bool) throws {
    let benchmark = root == nil ? nil : PublishedDataset(named: name)
    let source = try DataSource(name, root: benchmark == nil ? nil : root, isRecursive: isRecursive)
    self.name = name
    self.root = benchmark == nil ? nil : root
    do {
      let loaded = try source.load()
      title = PublishedDataset(named: loaded.name)?.rawValue ?? loaded.name
      dataset = .success(loaded)
    } catch let error as any UserFacingError {
      let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
      title = (benchmark ?? PublishedDataset(named: stem))?.rawValue ?? stem
      dataset = .failure(UnusableData(error))
    }
  }
}

/// The reason why images cannot be used for training or testing.
struct UnusableData: UserFacingError {
  let problem: String
  let remedy: String?

  init(_ error: any UserFacingError) { (problem, remedy) = (error.problem, error.remedy) }
}

/// The test images of every dataset of a comparison, each encoded once for all trials.
struct EncodedTestSets: Sendable {
  private let extractor: FeatureExtractor
  private let cache: FeatureCache?
  private let reading: PhotoReading
  private var encoded: [String: Result<Tensor, UnusableData>] = [:]  // by title: [test images, E]

  init(_ clip: CLIPModel, cache: FeatureCache?, reading: PhotoReading) {
    extractor = FeatureExtractor(clip, cache: cache, reading: reading)
    (self.cache, self.reading) = (cache, reading)
  }

  /// The images of some classes as a trial's classifier sees them. A classifier with prompts in the image tower encodes
  /// them for itself.
  ///
  /// - Throws: ``UnusableData`` where an image cannot be read, at each request.
  mutating func images(
    of dataset: Dataset, titled title: String, classes: ClassSubset, seenBy classifier: any ImageClassifier,
    progress: (Int) throws -> Void
  ) throws -> TestImages {
    guard classifier.clip.imageEncoder.detail.isEmpty else {
      let part = try dataset.subset(classes)
      do {
        let own = FeatureExtractor(classifier.clip, cache: cache, reading: reading)
        return TestImages(
          dataset: part, classes: classes,
          embeddings: try own.embeddings(of: part.test.map(part.url(of:)), progress: progress))
      } catch let error as any UserFacingError {
        throw UnusableData(error)
      }
    }
    if encoded[title] == nil {
      do {
        let embeddings = try extractor.embeddings(of: dataset.test.map(dataset.url(of:)), progress: progress)
        encoded[title] = .success(embeddings)
      } catch let error as any UserFacingError {
        encoded[title] = .failure(UnusableData(error))
      }
    }
    let labels = classes.labels(of: dataset.classNames.count)
    let rows = dataset.test.indices.filter { labels.contains(dataset.test[$0].label) }
    return TestImages(
      dataset: try dataset.subset(classes), classes: classes,
      embeddings: try (encoded[title]?.get() ?? .zeros([0, 0]))
        .gathered(Tensor(rows, shape: [rows.count]), axis: 0))
  }
}

/// The test images of some classes of a dataset, encoded.
struct TestImages: Sendable {
  /// The dataset with those classes alone.
  let dataset: Dataset
  let classes: ClassSubset
  let embeddings: Tensor  // [images, E]

  /// The evaluation of a classifier of any method on these images, over these images' classes.
  func evaluation(of classifier: some ImageClassifier, within budget: MemoryBudget) throws -> SavedEvaluation {
    let measurement = try Evaluator(classifier.withClasses(dataset.classNames), within: budget).measurement(
      on: embeddings, labels: dataset.test.map(\.label), classNames: dataset.classNames)
    return SavedEvaluation(
      of: measurement, on: dataset, classes: classes, split: .test, precision: classifier.clip.precision)
  }
}
