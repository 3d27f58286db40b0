import Datasets
import Explanations
import Foundation
import PromptLearning
import Torch

/// The test images of every dataset of a comparison, each encoded once for all units.
struct TestBench: Sendable {
  private let extractor: FeatureExtractor
  private var encoded: [String: Result<Tensor, UnusableData>] = [:]  // by title: [test images, E]

  init(_ extractor: FeatureExtractor) { self.extractor = extractor }

  /// - Throws: ``UnusableData`` where an image cannot be read, again each time it is asked for.
  mutating func images(
    of dataset: Dataset, titled title: String, classes: ClassSubset, progress: (Int) throws -> Void
  ) throws -> TestImages {
    if encoded[title] == nil {
      do {
        let embeddings = try extractor.embeddings(of: dataset.test.map(dataset.url(of:)), progress: progress)
        encoded[title] = .success(embeddings)
      } catch let error as any Explained {
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
  /// With those classes alone.
  let dataset: Dataset
  let classes: ClassSubset
  let embeddings: Tensor  // [images, E]

  /// How well a classifier of any method names these images, over these images' classes.
  func evaluation(of classifier: some ImageClassifier, within budget: MemoryBudget) throws -> KeptEvaluation {
    let measurement = try Evaluator(classifier.naming(dataset.classNames), within: budget).measurement(
      on: embeddings, labels: dataset.test.map(\.label), classNames: dataset.classNames)
    return KeptEvaluation(of: measurement, on: dataset, classes: classes, split: .test)
  }
}
