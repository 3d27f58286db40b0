import Embedded
import Foundation
import Testing

/// The tested part of the output of `reproduce --json`.
struct PrintedComparison: Decodable {
  struct Row: Decodable, Equatable {
    let method, dataset: String
    let seeds: [Int]
    let base, new, harmonicMean, accuracy: Double?
  }
  struct Failure: Decodable { let subject, reason: String }
  let `protocol`: String
  let isPapersSetUp: Bool
  let methods, averages: [Row]
  let failures: [Failure]
}

/// Datasets of four classes, each with two drawings for training and two for testing.
enum SmallComparison {
  /// Writes one dataset as a CSV file.
  static func write(_ name: String, in place: Workplace) throws {
    var lines = ["path,class,split"]
    for className in ["bird", "boat", "bread", "clock"] {
      let files = try FileManager.default.contentsOfDirectory(
        atPath: Embedded.openclipart.appending(path: "images/\(className)").path
      ).sorted()
      for (number, file) in files.prefix(4).enumerated() {
        let data = try Data(contentsOf: Embedded.openclipart.appending(path: "images/\(className)/\(file)"))
        try place.write(data, to: "data/\(name)/\(className)-\(file)")
        lines.append("\(name)/\(className)-\(file),\(className),\(number < 2 ? "train" : "test")")
      }
    }
    try place.write(lines.joined(separator: "\n") + "\n", to: "data/\(name).csv")
  }
}
