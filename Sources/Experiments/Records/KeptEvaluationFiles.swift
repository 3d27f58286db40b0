import Datasets
import Explanations
import Foundation
import PromptLearning

// An evaluation is kept as `evaluations/DATASET-CLASSES-SPLIT/`, which holds `evaluation.json` and `predictions.csv`.

extension RunFolder {
  private var evaluationsURL: URL { url.appending(path: "evaluations") }

  /// Writes an evaluation into this folder, in place of one of the same dataset, classes and split.
  ///
  /// - Throws: `WritingError`, and leaves what was there.
  public func keep(_ evaluation: KeptEvaluation) throws {
    let folder = evaluationsURL
    guard mkdir(folder.path, 0o755) == 0 || errno == EEXIST else {
      throw WritingError.failed(path: folder.path, reason: String(cString: strerror(errno)))
    }
    try WholeFolder.write(to: folder.appending(path: evaluation.name)) { try evaluation.write(into: $0) }
  }

  /// The evaluations kept here, by their folders' names.
  ///
  /// - Throws: ``ExperimentError/keptEvaluation(path:reason:)`` for one that cannot be read.
  public func evaluations() throws -> [KeptEvaluation] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: evaluationsURL.path)) ?? []
    return try names.filter { !$0.hasPrefix(".") }.sorted().map {
      try KeptEvaluation(contentsOf: evaluationsURL.appending(path: $0))
    }
  }
}

extension KeptEvaluation {
  /// What `evaluation.json` says.
  private struct Summary: Codable {
    static let version = 1

    let version: Int
    let dataset: String
    let classes: ClassSubset
    let isChosen: Bool?
    let split: String
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
      split: split.rawValue, classNames: classNames,
      imageFolder: imageFolder.path, evaluation: evaluation)
    try WholeFile.write(
      JSONEncoder.readable.encode(summary) + Data("\n".utf8), to: folder.appending(path: Self.summaryName))
    let rows = predictions.map {
      [$0.file, $0.label, $0.prediction ?? "", $0.prediction == nil ? "" : "\($0.probability)"]
    }
    let text = ([Self.columns] + rows).map { $0.map(CSVField.text).joined(separator: ",") + "\r\n" }.joined()
    try WholeFile.write(Data(text.utf8), to: folder.appending(path: Self.predictionsName))
  }

  fileprivate init(contentsOf folder: URL) throws {
    func refused(_ file: String, _ reason: String) -> ExperimentError {
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
      classNames: summary.classNames,
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
    of file: URL, classNames: Set<String>, refused: (String) -> ExperimentError
  ) throws -> [Prediction] {
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
      return Prediction(file: fields[0], label: fields[1], prediction: prediction, probability: probability)
    }
  }
}
