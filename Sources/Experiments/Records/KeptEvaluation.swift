import Datasets
import Foundation
import ClassificationMetrics
import PromptLearning

/// One evaluation as it is kept in a run's folder: the figures, and what was answered to each image.
public struct KeptEvaluation: Sendable, Equatable {
  /// What one image was taken for.
  public struct Prediction: Sendable, Equatable {
    /// As the dataset spells it, relative to ``KeptEvaluation/imageFolder``.
    public let file: String
    /// The right class.
    public let label: String
    /// The class answered; `nil` where the scores were not numbers.
    public let prediction: String?
    /// Of the answer, in 0…1; 0 where there is none.
    public let probability: Float

    public init(file: String, label: String, prediction: String?, probability: Float) {
      self.file = file
      self.label = label
      self.prediction = prediction
      self.probability = probability
    }

    public var isRight: Bool { prediction == label }
  }

  /// The dataset's title.
  public let dataset: String
  /// Which of the dataset's classes were to tell apart.
  public let classes: ClassSubset
  public let split: Split
  /// The names by label.
  public let classNames: [String]
  /// The folder that the images lay in.
  public let imageFolder: URL
  public let evaluation: Evaluation
  /// One for each image, in the order of the dataset.
  public let predictions: [Prediction]

  /// - Parameters:
  ///   - dataset: the one measured on: its classes are those of `classes` alone.
  ///   - classes: which half of the whole dataset's classes that was.
  ///   - measurement: of the images of `split`, in their order.
  public init(
    of measurement: (evaluation: Evaluation, answers: Answers), on dataset: Dataset, classes: ClassSubset, split: Split
  ) {
    let names = dataset.classNames
    self.init(
      dataset: dataset.name, classes: classes, split: split, classNames: names, imageFolder: dataset.imageFolder,
      evaluation: measurement.evaluation,
      predictions: dataset.examples(in: split).enumerated().map { index, example in
        Prediction(
          file: example.path, label: names[example.label],
          prediction: measurement.answers.predictions[index].map { names[$0] },
          probability: measurement.answers.confidences[index])
      })
  }

  package init(
    dataset: String, classes: ClassSubset, split: Split, classNames: [String], imageFolder: URL,
    evaluation: Evaluation, predictions: [Prediction]
  ) {
    self.dataset = dataset
    self.classes = classes
    self.split = split
    self.classNames = classNames
    self.imageFolder = imageFolder
    self.evaluation = evaluation
    self.predictions = predictions
  }

  /// The answers by label, as the metrics take them.
  public var answers: Answers {
    let labels = Dictionary(zip(classNames, classNames.indices), uniquingKeysWith: { first, _ in first })
    return Answers(
      labels: predictions.map { labels[$0.label] ?? 0 },
      predictions: predictions.map { $0.prediction.map { labels[$0] ?? 0 } },
      confidences: predictions.map(\.probability), classes: classNames.count)
  }

  /// The folder's name under `evaluations`: dataset, classes and split, in characters that every file system takes.
  public var name: String {
    let title = dataset.map { $0.isLetter || $0.isNumber || "._".contains($0) ? String($0) : "-" }.joined()
    return "\(title.prefix(80))-\(classes.rawValue)-\(split.rawValue)"
  }
}
