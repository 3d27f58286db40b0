import Foundation
import Support

/// The output format of `predict`, one photo after the other.
public enum PredictionFormat: String, Sendable, CaseIterable {
  /// A table for people: the photo, and below it its classes.
  case table
  /// CSV (RFC 4180): one line for each photo and class, or for each photo that could not be read.
  case csv
  /// One JSON document: an array with an object on each line.
  case json
  /// JSON Lines: an object on each line.
  case jsonl

  /// The text before the first photo.
  public var opening: String {
    switch self {
    case .table, .jsonl: ""
    case .csv: "file,rank,class,probability,error\r\n"
    case .json: "["
    }
  }

  /// The text after the last photo.
  ///
  /// - Parameter isEmpty: whether there was no photo.
  public func closing(isEmpty: Bool) -> String {
    switch self {
    case .table, .csv, .jsonl: ""
    case .json: isEmpty ? "]\n" : "\n]\n"
    }
  }

  /// The text of one photo.
  public func text(of prediction: Prediction, isFirst: Bool) throws -> String {
    switch self {
    case .table: Self.table(prediction)
    case .csv: Self.csv(prediction)
    case .json: (isFirst ? "\n" : ",\n") + (try Self.object(prediction))
    case .jsonl: try Self.object(prediction) + "\n"
    }
  }

  /// The table of a photo. A photo that could not be read has none: it is reported on standard error.
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
