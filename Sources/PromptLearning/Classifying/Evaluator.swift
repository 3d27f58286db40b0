import ClassificationMetrics
import CLIP
import Datasets
import Foundation
import Images
import Torch

/// Measures a classifier on images that it was not trained on.
public struct Evaluator<Measured: ImageClassifier>: Sendable {
  /// The figures, and the answers that they summarize, in the order of the images.
  public typealias Measurement = (evaluation: Evaluation, answers: Answers)

  private let classifier: Measured
  private let budget: MemoryBudget
  private let cache: FeatureCache?
  private let reading: PhotoReading

  /// - Parameters:
  ///   - budget: the memory of a pass through the text encoder.
  ///   - cache: the cache of the images' features.
  ///   - reading: the options of reading the images.
  public init(
    _ classifier: Measured, within budget: MemoryBudget = .automatic, cache: FeatureCache? = nil,
    reading: PhotoReading = PhotoReading()
  ) {
    self.cache = cache
    self.reading = reading
    self.classifier = classifier
    self.budget = budget
  }

  /// Predicts every image of one split of `dataset`, whose classes are the classifier's.
  ///
  /// - Parameter progress: called with the number of encoded images; it may throw to stop.
  /// - Throws: ``LearningError/setting(name:expected:found:)`` where the dataset has other classes.
  public func report(
    on dataset: Dataset, split: Split = .test, progress: (Int) throws -> Void = { _ in }
  ) throws -> Evaluation {
    try measurement(on: dataset, split: split, progress: progress).evaluation
  }

  /// Predicts the images, and returns the answer to each image as well.
  public func measurement(
    on dataset: Dataset, split: Split = .test, progress: (Int) throws -> Void = { _ in }
  ) throws -> Measurement {
    let start = ContinuousClock.now
    let examples = dataset.examples(in: split)
    let embeddings = try FeatureExtractor(classifier.clip, cache: cache, reading: reading).embeddings(
      of: examples.map(dataset.url(of:)), progress: progress)
    return try measurement(
      on: embeddings, labels: examples.map(\.label), classNames: dataset.classNames, since: start)
  }

  /// Measures the classifier on the images that can be read: the others are reported and do not count.
  ///
  /// - Throws: the error of the first image where none can be read.
  public func measurementOfReadable(
    on dataset: Dataset, split: Split = .test, progress: (Int) throws -> Void = { _ in }
  ) throws -> (measurement: Measurement, unreadable: [UnreadablePhoto]) {
    let start = ContinuousClock.now
    let examples = dataset.examples(in: split)
    let found = try FeatureExtractor(classifier.clip, cache: cache, reading: reading).readableEmbeddings(
      of: examples.map(dataset.url(of:)), progress: progress)
    if found.readable.isEmpty, let first = found.unreadable.first { throw first.error }
    let measurement = try measurement(
      on: found.embeddings, labels: found.readable.map { examples[$0].label }, classNames: dataset.classNames,
      since: start)
    return (measurement, found.unreadable)
  }

  /// Computes the figures on images whose embeddings are already known.
  ///
  /// - Parameters:
  ///   - imageEmbeddings: `[B, E]`, as the image tower gives them; for prompts, unit rows are equivalent.
  ///   - labels: B indices into `classNames`.
  public func report(on imageEmbeddings: Tensor, labels: [Int], classNames: [String]) throws -> Evaluation {
    try measurement(on: imageEmbeddings, labels: labels, classNames: classNames).evaluation
  }

  /// Computes the figures from embeddings, and returns the answer to each image as well.
  public func measurement(on imageEmbeddings: Tensor, labels: [Int], classNames: [String]) throws -> Measurement {
    try measurement(on: imageEmbeddings, labels: labels, classNames: classNames, since: .now)
  }

  private func measurement(
    on imageEmbeddings: Tensor, labels: [Int], classNames: [String], since start: ContinuousClock.Instant
  ) throws -> Measurement {
    guard classNames == classifier.classNames else {
      throw LearningError.setting(
        name: "The classes of the dataset", expected: "the classifier's \(classifier.classNames.count)",
        found: "\(classNames.count) others")
    }
    let logits = try classifier.logits(ofEmbeddings: imageEmbeddings, within: budget).floats()
    let seconds = (ContinuousClock.now - start).seconds
    let answers = Answers(logits: logits, labels: labels, classes: classNames.count)
    let top5 = Answers.accuracy(amongTop: 5, logits: logits, labels: labels, classes: classNames.count)
    return (Evaluation(answers, top5: top5, classNames: classNames, seconds: seconds), answers)
  }
}

extension ImageClassifier {
  /// What ``Evaluator/measurement(on:split:progress:)`` says of this classifier, whose type need not be known.
  package func measurement(
    on dataset: Dataset, split: Split = .test, within budget: MemoryBudget, cache: FeatureCache?, reading: PhotoReading,
    progress: (Int) throws -> Void
  ) throws -> (evaluation: Evaluation, answers: Answers) {
    try Evaluator(self, within: budget, cache: cache, reading: reading)
      .measurement(on: dataset, split: split, progress: progress)
  }

  /// The same on the images that can be read, with the others.
  package func measurementOfReadable(
    on dataset: Dataset, split: Split = .test, within budget: MemoryBudget, cache: FeatureCache?, reading: PhotoReading,
    progress: (Int) throws -> Void
  ) throws -> (measurement: (evaluation: Evaluation, answers: Answers), unreadable: [UnreadablePhoto]) {
    try Evaluator(self, within: budget, cache: cache, reading: reading)
      .measurementOfReadable(on: dataset, split: split, progress: progress)
  }
}
