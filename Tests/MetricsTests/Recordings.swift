import Foundation
import Testing

/// The recordings of `Scripts/oracle/record_metrics.py`.
struct Recordings: Decodable {
  let bins: Int
  let cases: [Case]
  let quantiles: Quantiles
  let mcnemar: [Counts]

  struct Case: Decodable, CustomTestStringConvertible {
    let name: String
    let classes: Int
    let labels: [Int]
    /// The scores; `nil` is not a number.
    let logits: [Float?]
    let top5, top2: Double?
    let predictions: [Int?]
    let confidences: [Double]
    let accuracy, macroF1, ece: Double
    let precision, recall, f1: [Double]
    let images: [Int]
    let confusion: [[Int]]
    let binImages: [Int]
    /// The values of the bins with images.
    let binAccuracies, binConfidences: [Double]
    let interval, scipyInterval: [Double]

    var testDescription: String { name }
    var scores: [Float] { logits.map { $0 ?? .nan } }
  }

  struct Quantiles: Decodable {
    let values, shares, expected: [Double]
  }

  struct Counts: Decodable, CustomTestStringConvertible {
    let onlyFirst, onlySecond: Int
    let pValue: Double

    var testDescription: String { "\(onlyFirst) against \(onlySecond)" }
  }

  static let all: Recordings = {
    do {
      guard let file = Bundle.module.url(forResource: "metrics", withExtension: "json", subdirectory: "Fixtures")
      else { fatalError("the fixture metrics.json is missing") }
      return try JSONDecoder().decode(Recordings.self, from: Data(contentsOf: file))
    } catch {
      fatalError("metrics.json: \(error)")
    }
  }()
}
