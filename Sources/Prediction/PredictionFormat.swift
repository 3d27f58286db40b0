import Foundation
import Support

/// How `predict` writes what it finds, one photo after the other.
public enum PredictionFormat: String, Sendable, CaseIterable {
  /// The photo, and below it its classes: for people.
  case table
  /// RFC 4180, one line for each photo and class, or for each photo that could not be read.
  case csv
  /// One document: an array with an object on each line.
  case json
  /// An object on each line.
  case jsonl

  /// What stands before the first photo.
  public var opening: String {
    switch self {
    case .table, .jsonl: ""
    case .csv: "file,rank,class,probability,error\r\n"
    case .json: "["
    }
  }

  /// What stands after the last one.
  ///
  /// - Parameter isEmpty: whether there was none.
  public func closing(isEmpty: Bool) -> String {
    switch self {
    case .table, .csv, .jsonl: ""
    case .json: isEmpty ? "]\n" : "\n]\n"
    }
  }

  /// One photo.
  public func text(of prediction: Prediction, isFirst: Bool) throws -> String {
    switch self {
    case .table: Self.table(prediction)
    case .csv: Self.csv(prediction)
    case .json: (isFirst ? "\n" : ",\n") + (try Self.object(prediction))
    case .jsonl: try Self.object(prediction) + "\n"
    }
  }

  /// A photo that could not be read has no place here: standard error names it.
  private static func table(_ prediction: Prediction) -> String {
    guard prediction.error == nil else { return "" }
    let lines = prediction.top.map { "  \(String(format: "%5.1f", 100 * $0.probability)) %  \($0.class.onOneLine)" }
    return ([prediction.file.onOneLine] + lines).joined(separator: "\n") + "\n"
  }

  private static func csv(_ prediction: Prediction) -> String {
    let file = CSVField.text(prediction.file)
    if let error = prediction.error { return "\(file),,,,\(CSVField.text(error))\r\n" }
    return prediction.top.enumerated().map { index, candidate in
      "\(file),\(index + 1),\(CSVField.text(candidate.class)),\(candidate.probability),\r\n"
    }.joined()
  }

  private static func object(_ prediction: Prediction) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(prediction), as: UTF8.self)
  }
}
