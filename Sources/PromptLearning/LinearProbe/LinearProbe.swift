import CLIP
import Datasets
import Foundation
import Torch

/// The linear probe: logistic regression on the features of the frozen image tower (Radford et al., 2021, appendix
/// A.3).
///
/// It uses images alone, so it supports only the classes that it was trained on. The penalty is chosen on validation
/// images as CoOp's baseline chooses it (`C/lpclip/linear_probe.py`): of C = 10⁶, 10⁴ … 10⁻⁶ the first of the best,
/// then eight steps that halve the range from a tenth of it to ten times it, towards the better end and, where both are
/// equal, towards the smaller C. The better end of the last step is the probe. Without validation images the training
/// images take their place: ``PenaltyRule``.
public struct LinearProbe: ImageClassifier {
  public let clip: CLIPModel
  public let classNames: [String]
  public let weight: Tensor  // [C, E]
  public let bias: Tensor  // [C]
  /// C, the inverse strength of the penalty.
  public let inverseRegularization: Double
  /// The accuracy, in percent, on the images that chose C; `nil` where none did.
  public let validationAccuracy: Double?

  package init(
    clip: CLIPModel, classNames: [String], weight: Tensor, bias: Tensor, inverseRegularization: Double,
    validationAccuracy: Double?
  ) {
    self.clip = clip
    self.classNames = classNames
    self.weight = weight
    self.bias = bias
    self.inverseRegularization = inverseRegularization
    self.validationAccuracy = validationAccuracy
  }

  /// Fits the probe.
  ///
  /// - Parameters:
  ///   - training: embeddings `[n, E]` as the image tower gives them, and n labels.
  ///   - validation: the same for the images that choose C.
  ///   - progress: called before each fit with the number of fits made and their maximum; it may throw to stop.
  /// - Throws: ``LearningError/noTrainingImages``, ``LearningError/noValidationImages``.
  public init(
    for classNames: [String], training: LabelledEmbeddings, validation: LabelledEmbeddings, clip: CLIPModel,
    progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws {
    guard !training.labels.isEmpty else { throw LearningError.noTrainingImages }
    guard !validation.labels.isEmpty else { throw LearningError.noValidationImages }
    let features = try training.embeddings.converted(to: .float64)
    let tested = try validation.embeddings.converted(to: .float64)
    var search = PenaltySearch<LogisticRegression>()
    let (fit, exponent, accuracy) = try search.best { exponent, fits in
      try progress(fits, Self.mostFits)
      let regression = try LogisticRegression(
        fitting: features, labels: training.labels, classes: classNames.count,
        inverseRegularization: pow(10, exponent))
      return (regression, try regression.accuracy(on: tested, labels: validation.labels))
    }
    self.init(
      clip: clip, classNames: classNames, weight: try fit.weight.converted(to: .float32),
      bias: try fit.bias.converted(to: .float32), inverseRegularization: pow(10, exponent),
      validationAccuracy: 100 * accuracy)
  }

  /// Fits the probe without validation images.
  ///
  /// - Parameters:
  ///   - rule: the rule that chooses the penalty.
  ///   - training: embeddings `[n, E]` as the image tower gives them, and n labels.
  ///   - progress: called before each fit with the number of fits made and their maximum; it may throw to stop.
  /// - Throws: ``LearningError/noTrainingImages``; ``LearningError/noValidationImages`` where the rule needs some.
  public init(
    for classNames: [String], training: LabelledEmbeddings, choosingBy rule: PenaltyRule, clip: CLIPModel,
    progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws {
    guard !training.labels.isEmpty else { throw LearningError.noTrainingImages }
    let features = try training.embeddings.converted(to: .float64)
    let (penalty, accuracy): (Double, Double?)
    switch rule {
    case .validation: throw LearningError.noValidationImages
    case .standard: (penalty, accuracy) = (PenaltyRule.standardInverseRegularization, nil)
    case .crossValidation(let count):
      let folds = Folds(of: training.labels, count: count)
      var search = PenaltySearch<Void>()
      let best = try search.best { exponent, fits in
        try progress(fits * count, Self.mostFits * count + 1)
        let accuracies = try folds.accuracies(
          on: features, labels: training.labels, classes: classNames.count, inverseRegularization: pow(10, exponent))
        return ((), accuracies.reduce(0, +) / Double(count))
      }
      (penalty, accuracy) = (pow(10, best.exponent), 100 * best.accuracy)
    }
    let fit = try LogisticRegression(
      fitting: features, labels: training.labels, classes: classNames.count, inverseRegularization: penalty)
    self.init(
      clip: clip, classNames: classNames, weight: try fit.weight.converted(to: .float32),
      bias: try fit.bias.converted(to: .float32), inverseRegularization: penalty, validationAccuracy: accuracy)
  }

  /// The greatest number of fits for choosing the penalty.
  package static var mostFits: Int { PenaltySearch<LogisticRegression>.mostFits }

  /// - Parameter imageEmbeddings: `[B, E]`, as the image tower gives them: their lengths matter.
  public func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor {
    try imageEmbeddings.on(weight.device).matmul(weight.permuted([1, 0])) + bias
  }

  /// The probe over some of its own classes: those of ImageNet-A and -R, for a probe that was trained on ImageNet.
  ///
  /// - Parameter classNames: as its own are spelled, or with spaces for underscores, as prompts read them.
  /// - Throws: ``LearningError/closedClasses(count:)`` for any names but its own.
  public func withClasses(_ classNames: [String]) throws -> LinearProbe {
    guard classNames != self.classNames else { return self }
    let labels = Dictionary(zip(self.classNames, 0...), uniquingKeysWith: { first, _ in first })
    let read = Dictionary(zip(self.classNames.map(PromptTemplate.words), 0...), uniquingKeysWith: { first, _ in first })
    let rows = classNames.compactMap { labels[$0] ?? read[PromptTemplate.words(of: $0)] }
    guard rows.count == classNames.count, !rows.isEmpty else {
      throw LearningError.closedClasses(count: self.classNames.count)
    }
    let indices = try Tensor(rows, shape: [rows.count])
    return LinearProbe(
      clip: clip, classNames: classNames, weight: try weight.gathered(indices, axis: 0),
      bias: try bias.gathered(indices, axis: 0), inverseRegularization: inverseRegularization,
      validationAccuracy: validationAccuracy)
  }
}

/// The image tower's outputs for images, and the images' labels.
public struct LabelledEmbeddings: Sendable {
  public let embeddings: Tensor  // [B, E], as the image tower gives them
  public let labels: [Int]

  public init(embeddings: Tensor, labels: [Int]) {
    self.embeddings = embeddings
    self.labels = labels
  }

  /// Encodes the images of one split of a dataset.
  public init(
    of dataset: Dataset, split: Split, by extractor: FeatureExtractor, progress: (Int) throws -> Void = { _ in }
  ) throws {
    let examples = dataset.examples(in: split)
    embeddings = try extractor.embeddings(of: examples.map(dataset.url(of:)), progress: progress)
    labels = examples.map(\.label)
  }
}
