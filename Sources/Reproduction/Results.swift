import ClassificationMetrics
import Foundation
import PromptLearning
import Runs

/// The accuracies of one method with one seed, in percent.
public struct SeedResult: Sendable, Codable, Equatable {
  public let method: Method
  public let seed: Int
  public let base: Double
  /// The accuracy on new classes; `nil` for a method that supports only its own classes.
  public let new: Double?
  /// The seconds of training and testing.
  public let seconds: Double
}

/// The accuracies of one method over its seeds: the fields that `demo` and `reproduce` print as JSON.
public struct MethodResult: Sendable, Codable, Equatable {
  public let method: Method
  /// The label of an ablation's row, such as `random-8`; `nil` for the usual method.
  public let variant: String?
  public let dataset: String
  public let seeds: [Int]
  /// Means over the seeds, in percent.
  public let base: Double
  /// The mean on new classes; `nil`, like values that follow from it, for a method that supports only its own classes.
  public let new: Double?
  /// The harmonic mean of the two means, as the paper reports it.
  public let harmonicMean: Double?
  /// The sample standard deviations over the seeds; 0 with one seed.
  public let baseDeviation: Double
  public let newDeviation: Double?
  /// Half the width of the mean's 95 % interval, by Student's t; `nil` with one seed.
  public let baseInterval, newInterval: Double?
  /// The seconds of training and testing, over all seeds.
  public let seconds: Double
  /// The paper's figures, where it has this row.
  public let paper: PaperFigures?

  /// - Parameter results: the results of one method, one for each seed.
  public init(_ results: [SeedResult], variant: Variant, dataset: String, paper: PaperFigures? = nil) {
    method = variant.method
    self.variant = variant.label
    self.dataset = dataset
    self.paper = paper
    seeds = results.map(\.seed)
    let (bases, news) = (results.map(\.base), results.compactMap(\.new))
    base = bases.mean
    new = news.isEmpty ? nil : news.mean
    harmonicMean = new.map { [base] new in base + new == 0 ? 0 : 2 * base * new / (base + new) }
    baseDeviation = bases.deviation
    newDeviation = news.isEmpty ? nil : news.deviation
    baseInterval = bases.interval95
    newInterval = news.interval95
    seconds = results.map(\.seconds).reduce(0, +)
  }

  /// Encodes missing values as `null`, so that every row has every field.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(method, forKey: .method)
    try container.encode(variant, forKey: .variant)
    try container.encode(dataset, forKey: .dataset)
    try container.encode(seeds, forKey: .seeds)
    try container.encode(base, forKey: .base)
    try container.encode(new, forKey: .new)
    try container.encode(harmonicMean, forKey: .harmonicMean)
    try container.encode(baseDeviation, forKey: .baseDeviation)
    try container.encode(newDeviation, forKey: .newDeviation)
    try container.encode(baseInterval, forKey: .baseInterval)
    try container.encode(newInterval, forKey: .newInterval)
    try container.encode(seconds, forKey: .seconds)
    try container.encode(paper, forKey: .paper)
  }
}

/// The accuracy of one method on one dataset after learning on another, over its seeds.
public struct TransferResult: Sendable, Codable, Equatable {
  public let method: Method
  /// The label of an ablation's row, such as `random-8`; `nil` for the usual method.
  public let variant: String?
  /// The training and the test dataset; equal in the source's own row.
  public let source, dataset: String
  public let seeds: [Int]
  /// The mean over the seeds, in percent.
  public let accuracy: Double
  /// The sample standard deviation over the seeds; 0 with one seed.
  public let accuracyDeviation: Double
  /// Half the width of the mean's 95 % interval, by Student's t; `nil` with one seed.
  public let accuracyInterval: Double?
  /// The seconds of training and of all tests, over all seeds.
  public let seconds: Double
  /// The paper's accuracy, where it has this row.
  public let paper: Double?

  /// - Parameter accuracies: the accuracies in percent, one for each seed.
  init(
    _ accuracies: [Double], seeds: [Int], variant: Variant, source: String, dataset: String, seconds: Double,
    paper: Double?
  ) {
    method = variant.method
    self.variant = variant.label
    self.source = source
    self.dataset = dataset
    self.seeds = seeds
    accuracy = accuracies.mean
    accuracyDeviation = accuracies.deviation
    accuracyInterval = accuracies.interval95
    self.seconds = seconds
    self.paper = paper
  }

  /// Encodes missing values as `null`, so that every row has every field.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(method, forKey: .method)
    try container.encode(variant, forKey: .variant)
    try container.encode(source, forKey: .source)
    try container.encode(dataset, forKey: .dataset)
    try container.encode(seeds, forKey: .seeds)
    try container.encode(accuracy, forKey: .accuracy)
    try container.encode(accuracyDeviation, forKey: .accuracyDeviation)
    try container.encode(accuracyInterval, forKey: .accuracyInterval)
    try container.encode(seconds, forKey: .seconds)
    try container.encode(paper, forKey: .paper)
  }
}

/// The table of the paper's base-to-new protocol on one dataset, for a terminal.
public struct BaseToNewTable: CustomStringConvertible {
  private let results: [MethodResult]

  public init(_ results: [MethodResult]) { self.results = results }

  public var description: String {
    TextTable(
      header: ["method", "base", "new", "H", "seconds"],
      rows: results.map { result in
        let hasSpread = result.seeds.count > 1
        return [
          result.method.title, FigureText.text(result.base, spread: hasSpread ? result.baseDeviation : nil),
          FigureText.text(result.new, spread: hasSpread ? result.newDeviation : nil),
          FigureText.text(result.harmonicMean), FigureText.text(result.seconds),
        ]
      }, wordColumns: 1
    ).description
  }
}

/// Formats figures for tables.
enum FigureText {
  static func text(_ value: Double?, spread: Double? = nil) -> String {
    guard let value else { return "–" }
    return String(format: "%.1f", value) + (spread.map { String(format: " ± %.1f", $0) } ?? "")
  }
}
