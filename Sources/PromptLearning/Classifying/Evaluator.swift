import ClassificationMetrics
import CLIP
import Datasets
import Foundation
import Images
import Support
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
  /// - Throws: ``LearningError/setting(name:expected:found:)`` where the dataset has other classes; ``LearningError``
  ///   where scores are not numbers, as after an overflow in float16.
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
    let all = try answers(to: nil, on: dataset, split: split, progress: progress)
    if all.rows.isEmpty, let first = all.unreadable.first { throw first.error }
    return ([all].measurement(classNames: dataset.classNames), all.unreadable)
  }

  /// Predicts a shard of one split's images: a consecutive part of whole groups of
  /// ``EvaluationShare/imagesTogether(on:)``, so that each image is computed with the same others, and to the same
  /// bits, however many shards there are.
  ///
  /// - Parameter shard: `nil` for all images.
  public func answers(
    to shard: Shard?, on dataset: Dataset, split: Split, progress: (Int) throws -> Void = { _ in }
  ) throws -> EvaluationShare {
    let start = ContinuousClock.now
    let all = dataset.examples(in: split)
    let range =
      shard.map { EvaluationShare.images(of: $0, among: all.count, on: classifier.clip.device) } ?? 0..<all.count
    guard !range.isEmpty else { return EvaluationShare(images: range, rows: [], unreadable: [], seconds: 0) }
    let examples = Array(all[range])
    let found = try FeatureExtractor(classifier.clip, cache: cache, reading: reading).readableEmbeddings(
      of: examples.map(dataset.url(of:)), progress: progress)
    let (answers, isAmongTop5) = try answers(
      to: found.embeddings, at: found.readable, labels: found.readable.map { examples[$0].label },
      classNames: dataset.classNames)
    return EvaluationShare(
      images: range,
      rows: zip(found.readable, answers.rows).enumerated().map { row, answer in
        EvaluationShare.Row(
          image: range.lowerBound + answer.0, label: answer.1.label, prediction: answer.1.prediction,
          confidence: answer.1.confidence, isAmongTop5: isAmongTop5[row])
      },
      unreadable: found.unreadable, seconds: (ContinuousClock.now - start).seconds)
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
    let (answers, isAmongTop5) = try answers(
      to: imageEmbeddings, at: Array(labels.indices), labels: labels, classNames: classNames)
    let seconds = (ContinuousClock.now - start).seconds
    let top5 = labels.isEmpty ? 0 : Double(isAmongTop5.count { $0 }) / Double(labels.count)
    return (Evaluation(answers, top5: top5, classNames: classNames, seconds: seconds), answers)
  }

  /// - Parameters:
  ///   - imageEmbeddings: `[B, E]`.
  ///   - places: the B images' places among those that are measured, in ascending order. Images whose places are in one
  ///     group of ``EvaluationShare/imagesTogether`` are classified together.
  private func answers(
    to imageEmbeddings: Tensor, at places: [Int], labels: [Int], classNames: [String]
  ) throws -> (answers: Answers, isAmongTop5: [Bool]) {
    guard classNames == classifier.classNames else {
      throw LearningError.setting(
        name: "The classes of the dataset", expected: "the classifier's \(classifier.classNames.count)",
        found: "\(classNames.count) others")
    }
    let settled = try classifier.settled(within: budget)
    var blocks: [Tensor] = []
    var start = 0
    while start < places.count {
      let group = places[start] / EvaluationShare.imagesTogether
      let end = places[start...].firstIndex { $0 / EvaluationShare.imagesTogether != group } ?? places.count
      blocks.append(try imageEmbeddings.sliced(start..<end, axis: 0))
      start = end
    }
    let logits = try settled.logits(ofBlocks: blocks, within: budget).flatMap { try $0.floats() }
    // After an overflow, whatever is counted would be no accuracy of the classifier.
    guard logits.allSatisfy(\.isFinite) else {
      let count = logits.chunks(ofCount: classNames.count).count { !$0.allSatisfy(\.isFinite) }
      throw LearningError.notNumbers("The scores of \(count) of \(labels.count) images", in: classifier.clip.precision)
    }
    return (
      Answers(logits: logits, labels: labels, classes: classNames.count),
      Answers.isAmongTop(5, logits: logits, labels: labels, classes: classNames.count)
    )
  }
}

/// The answers to consecutive images of a split.
public struct EvaluationShare: Sendable {
  /// The number of images that are always classified together. The last bits of a product may depend on how many rows
  /// it has.
  static let imagesTogether = 64

  /// The number of images that are always encoded and classified together on a device: whole groups of
  /// ``imagesTogether``, and whole batches of ``FeatureExtractor``.
  public static func imagesTogether(on device: Device) -> Int {
    max(imagesTogether, FeatureExtractor.batchSize(on: device))  // 64 or 256, which 32 and 64 divide
  }

  /// The images of a shard: whole groups of ``imagesTogether(on:)``.
  public static func images(of shard: Shard, among count: Int, on device: Device) -> Range<Int> {
    let group = imagesTogether(on: device)
    let groups = shard.range(of: (count + group - 1) / group)
    return min(groups.lowerBound * group, count)..<min(groups.upperBound * group, count)
  }

  /// The answer to one image that could be read.
  public struct Row: Sendable, Equatable {
    /// The image's index in the split.
    public let image: Int
    public let label: Int
    /// The predicted class; `nil` where the scores were not numbers.
    public let prediction: Int?
    /// The answer's probability, in 0…1.
    public let confidence: Float
    /// Whether the right class is among the five most probable.
    public let isAmongTop5: Bool

    public init(image: Int, label: Int, prediction: Int?, confidence: Float, isAmongTop5: Bool) {
      self.image = image
      self.label = label
      self.prediction = prediction
      self.confidence = confidence
      self.isAmongTop5 = isAmongTop5
    }
  }

  /// The indices of the images in the split.
  public let images: Range<Int>
  public let rows: [Row]
  public let unreadable: [UnreadablePhoto]
  public let seconds: Double

  public init(images: Range<Int>, rows: [Row], unreadable: [UnreadablePhoto], seconds: Double) {
    self.images = images
    self.rows = rows
    self.unreadable = unreadable
    self.seconds = seconds
  }
}

extension [EvaluationShare] {
  /// The figures and answers of shares that together are a whole split, in the order of their images.
  public func measurement(classNames: [String]) -> (evaluation: Evaluation, answers: Answers) {
    let rows = flatMap(\.rows)
    let answers = Answers(
      labels: rows.map(\.label), predictions: rows.map(\.prediction), confidences: rows.map(\.confidence),
      classes: classNames.count)
    let top5 = rows.isEmpty ? 0 : Double(rows.count { $0.isAmongTop5 }) / Double(rows.count)
    let seconds = map(\.seconds).reduce(0, +)
    return (Evaluation(answers, top5: top5, classNames: classNames, seconds: seconds), answers)
  }
}

extension Answers {
  fileprivate var rows: [(label: Int, prediction: Int?, confidence: Float)] {
    labels.indices.map { (labels[$0], predictions[$0], confidences[$0]) }
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

  /// What ``Evaluator/answers(to:on:split:progress:)`` says of this classifier.
  package func answers(
    to shard: Shard, on dataset: Dataset, split: Split, within budget: MemoryBudget, cache: FeatureCache?,
    reading: PhotoReading, progress: (Int) throws -> Void
  ) throws -> EvaluationShare {
    try Evaluator(self, within: budget, cache: cache, reading: reading)
      .answers(to: shard, on: dataset, split: split, progress: progress)
  }
}
