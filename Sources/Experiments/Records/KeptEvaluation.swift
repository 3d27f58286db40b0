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
  /// Whether a person has chosen the classes: then they are those of ``classNames`` alone, whatever ``classes`` says.
  public let isChosen: Bool
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
  ///   - isChosen: whether they were chosen by name.
  ///   - measurement: of the images of `split`, in their order.
  public init(
    of measurement: (evaluation: Evaluation, answers: Answers), on dataset: Dataset, classes: ClassSubset,
    isChosen: Bool = false, split: Split
  ) {
    let names = dataset.classNames
    self.init(
      dataset: dataset.name, classes: classes, isChosen: isChosen, split: split, classNames: names,
      imageFolder: dataset.imageFolder,
      evaluation: measurement.evaluation,
      predictions: dataset.examples(in: split).enumerated().map { index, example in
        Prediction(
          file: example.path, label: names[example.label],
          prediction: measurement.answers.predictions[index].map { names[$0] },
          probability: measurement.answers.confidences[index])
      })
  }

  package init(
    dataset: String, classes: ClassSubset, isChosen: Bool = false, split: Split, classNames: [String],
    imageFolder: URL,
    evaluation: Evaluation, predictions: [Prediction]
  ) {
    self.dataset = dataset
    self.classes = classes
    self.isChosen = isChosen
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
    let part = isChosen ? ClassChoice.chosen(classNames).folderPart.dropFirst() : classes.rawValue[...]
    return "\(title.prefix(80))-\(part)-\(split.rawValue)"
  }

  /// The images in an order that does not depend on the dataset's.
  var sorted: [Prediction] { predictions.sorted { ($0.file, $0.label) < ($1.file, $1.label) } }

  /// In what the images or classes differ from another evaluation's; `nil` where they are the same.
  package func difference(from other: KeptEvaluation) -> String? {
    guard classNames == other.classNames else {
      return "\(classNames.count) classes and \(other.classNames.count) with other names or in another order"
    }
    let (own, others) = (sorted.map { [$0.file, $0.label] }, other.sorted.map { [$0.file, $0.label] })
    guard own != others else { return nil }
    guard own.count == others.count else { return "\(own.count) and \(others.count) of them" }
    return zip(own, others).first { $0 != $1 }.map { "'\($0[0])' (\($0[1])) and '\($1[0])' (\($1[1]))" }
  }
}
