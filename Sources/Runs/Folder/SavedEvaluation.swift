import ClassificationMetrics
import Datasets
import Foundation
import PromptLearning
import Support
import Torch

/// One evaluation as a run's folder saves it: the figures, and the answer to each image.
public struct SavedEvaluation: Sendable, Equatable {
  /// The answer to one image.
  public struct Row: Sendable, Equatable {
    /// The path as the dataset spells it, relative to ``SavedEvaluation/imageFolder``.
    public let file: String
    /// The right class.
    public let label: String
    /// The predicted class; `nil` where the scores were not numbers.
    public let prediction: String?
    /// The answer's probability, in 0…1; 0 where there is none.
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
  /// The subset of the dataset's classes that was evaluated.
  public let classes: ClassSubset
  /// Whether the user has chosen the classes: then they are those of ``classNames`` alone, whatever ``classes`` is.
  public let isChosen: Bool
  public let split: Split
  /// The precision of the products in frozen layers.
  public let precision: Precision
  /// The names by label.
  public let classNames: [String]
  /// The folder of the images at that time.
  public let imageFolder: URL
  public let evaluation: Evaluation
  /// The answers, one for each image, in the order of the dataset.
  public let predictions: [Row]

  /// - Parameters:
  ///   - dataset: the evaluated dataset, with the classes of `classes` alone.
  ///   - classes: the half of the whole dataset's classes that was evaluated.
  ///   - isChosen: whether they were chosen by name.
  ///   - measurement: the figures and answers on the images of `split`, in their order.
  ///   - precision: that of the model that has given them.
  public init(
    of measurement: (evaluation: Evaluation, answers: Answers), on dataset: Dataset, classes: ClassSubset,
    isChosen: Bool = false, split: Split, precision: Precision
  ) {
    let names = dataset.classNames
    self.init(
      dataset: dataset.name, classes: classes, isChosen: isChosen, split: split, precision: precision,
      classNames: names, imageFolder: dataset.imageFolder,
      evaluation: measurement.evaluation,
      predictions: dataset.examples(in: split).enumerated().map { index, example in
        Row(
          file: example.path, label: names[example.label],
          prediction: measurement.answers.predictions[index].map { names[$0] },
          probability: measurement.answers.confidences[index])
      })
  }

  package init(
    dataset: String, classes: ClassSubset, isChosen: Bool = false, split: Split, precision: Precision = .float32,
    classNames: [String], imageFolder: URL, evaluation: Evaluation, predictions: [Row]
  ) {
    self.precision = precision
    self.dataset = dataset
    self.classes = classes
    self.isChosen = isChosen
    self.split = split
    self.classNames = classNames
    self.imageFolder = imageFolder
    self.evaluation = evaluation
    self.predictions = predictions
  }

  /// The answers by label, in the form that the metrics need.
  public var answers: Answers {
    let labels = Dictionary(zip(classNames, classNames.indices), uniquingKeysWith: { first, _ in first })
    return Answers(
      labels: predictions.map { labels[$0.label] ?? 0 },
      predictions: predictions.map { $0.prediction.map { labels[$0] ?? 0 } },
      confidences: predictions.map(\.probability), classes: classNames.count)
  }

  /// The folder's name under `evaluations`: dataset, classes and split, in characters that every file system accepts.
  public var name: String {
    let title = dataset.map { $0.isLetter || $0.isNumber || "._".contains($0) ? String($0) : "-" }.joined()
    let part = isChosen ? ClassChoice.chosen(classNames).folderPart.dropFirst() : classes.rawValue[...]
    return "\(title.prefix(80))-\(part)-\(split.rawValue)"
  }

  /// The precision for people where it is an approximation, such as "bfloat16".
  package var approximation: String? { precision == .float32 ? nil : precision.rawValue }

  /// The images in an order that does not depend on the dataset's.
  package var sorted: [Row] { predictions.sorted { ($0.file, $0.label) < ($1.file, $1.label) } }

  /// The difference in images or classes from another evaluation; `nil` where they are the same.
  package func difference(from other: SavedEvaluation) -> String? {
    guard classNames == other.classNames else {
      return "\(classNames.count) classes and \(other.classNames.count) with other names or in another order"
    }
    let (own, others) = (sorted.map { [$0.file, $0.label] }, other.sorted.map { [$0.file, $0.label] })
    guard own != others else { return nil }
    guard own.count == others.count else { return "\(own.count) and \(others.count) of them" }
    return zip(own, others).first { $0 != $1 }.map { "'\($0[0])' (\($0[1])) and '\($1[0])' (\($1[1]))" }
  }
}

// An evaluation is saved as `evaluations/DATASET-CLASSES-SPLIT/`, which holds `evaluation.json` and `predictions.csv`.

extension RunFolder {
  private var evaluationsURL: URL { url.appending(path: "evaluations") }

  /// Writes an evaluation into this folder, replacing one of the same dataset, classes and split.
  ///
  /// - Throws: `WritingError`; an earlier evaluation is then unchanged.
  public func keep(_ evaluation: SavedEvaluation) throws {
    let folder = evaluationsURL
    guard mkdir(folder.path, 0o755) == 0 || errno == EEXIST else {
      throw WritingError.failed(path: folder.path, reason: String(cString: strerror(errno)))
    }
    try AtomicFolder.write(to: folder.appending(path: evaluation.name)) { try evaluation.write(into: $0) }
  }

  /// The evaluations saved here, by their folders' names.
  ///
  /// - Throws: ``RunError/keptEvaluation(path:reason:)`` for one that cannot be read.
  public func evaluations() throws -> [SavedEvaluation] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: evaluationsURL.path)) ?? []
    return try names.filter { !$0.hasPrefix(".") }.sorted().map {
      try SavedEvaluation(contentsOf: evaluationsURL.appending(path: $0))
    }
  }
}

extension SavedEvaluation {
  /// The content of `evaluation.json`.
  private struct Summary: Codable {
    static let version = 1

    let version: Int
    let dataset: String
    let classes: ClassSubset
    let isChosen: Bool?
    let split: String
    /// Absent for float32.
    let precision: Precision?
    let classNames: [String]
    let imageFolder: String
    let evaluation: Evaluation
  }

  private static let summaryName = "evaluation.json"
  private static let predictionsName = "predictions.csv"
  private static let columns = ["file", "label", "prediction", "probability"]

  fileprivate func write(into folder: URL) throws {
    let summary = Summary(
      version: Summary.version, dataset: dataset, classes: classes, isChosen: isChosen ? true : nil,
      split: split.rawValue, precision: precision == .float32 ? nil : precision, classNames: classNames,
      imageFolder: imageFolder.path, evaluation: evaluation)
    try AtomicFile.write(
      JSONEncoder.readable.encode(summary) + Data("\n".utf8), to: folder.appending(path: Self.summaryName))
    let rows = predictions.map {
      [$0.file, $0.label, $0.prediction ?? "", $0.prediction == nil ? "" : "\($0.probability)"]
    }
    let text = ([Self.columns] + rows).map { $0.map(CSVField.text).joined(separator: ",") + "\r\n" }.joined()
    try AtomicFile.write(Data(text.utf8), to: folder.appending(path: Self.predictionsName))
  }

  fileprivate init(contentsOf folder: URL) throws {
    func refused(_ file: String, _ reason: String) -> RunError {
      .keptEvaluation(path: folder.appending(path: file).path, reason: reason)
    }
    guard let data = try? Data(contentsOf: folder.appending(path: Self.summaryName)) else {
      throw refused(Self.summaryName, "it is missing or cannot be read")
    }
    guard let summary = try? JSONDecoder().decode(Summary.self, from: data), let split = Split(rawValue: summary.split)
    else { throw refused(Self.summaryName, "it is not what 'cocoop evaluate' writes") }
    guard summary.version == Summary.version else {
      throw refused(Self.summaryName, "it has version \(summary.version), and this package reads \(Summary.version)")
    }
    self.init(
      dataset: summary.dataset, classes: summary.classes, isChosen: summary.isChosen ?? false, split: split,
      precision: summary.precision ?? .float32, classNames: summary.classNames,
      imageFolder: URL(filePath: summary.imageFolder), evaluation: summary.evaluation,
      predictions: try Self.predictions(
        of: folder.appending(path: Self.predictionsName), classNames: Set(summary.classNames)
      ) { refused(Self.predictionsName, $0) })
    guard predictions.count == evaluation.images else {
      throw refused(
        Self.predictionsName, "it has \(predictions.count) images, and evaluation.json \(evaluation.images)")
    }
  }

  private static func predictions(
    of file: URL, classNames: Set<String>, refused: (String) -> RunError
  ) throws -> [Row] {
    guard let data = try? Data(contentsOf: file), let text = String(validating: data, as: UTF8.self) else {
      throw refused("it is missing or cannot be read")
    }
    var parser = CSVParser(text: text)
    guard let records = try? parser.records(), records.first?.fields == columns else {
      throw refused("it does not begin with the line \(columns.joined(separator: ","))")
    }
    return try records.dropFirst().map { record in
      let fields = record.fields
      guard fields.count == columns.count else {
        throw refused("line \(record.line) has \(fields.count) fields in place of \(columns.count)")
      }
      let prediction = fields[2].isEmpty ? nil : fields[2]
      for name in [fields[1], prediction].compactMap({ $0 }) where !classNames.contains(name) {
        throw refused("line \(record.line) names the class '\(name)', which evaluation.json does not have")
      }
      guard let probability = prediction == nil ? 0 : Float(fields[3]), (0...1).contains(probability) else {
        throw refused("line \(record.line) has '\(fields[3])' where a probability should be")
      }
      return Row(file: fields[0], label: fields[1], prediction: prediction, probability: probability)
    }
  }
}
