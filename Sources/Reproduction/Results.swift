import ClassificationMetrics
import Foundation
import PromptLearning
import Runs

/// The accuracies of a variant on a dataset with one seed.
package struct SeedResult: Equatable {
  let seed: Int
  /// In percent, by the protocol's ``EvaluationProtocol/columns``; without the last where the method does not support
  /// new classes.
  let accuracies: [Double]
  /// The seconds of training and testing.
  let seconds: Double

  package init(seed: Int, accuracies: [Double], seconds: Double) {
    (self.seed, self.accuracies, self.seconds) = (seed, accuracies, seconds)
  }
}

/// A row of a comparison: a variant on a dataset, over its seeds. `demo` and `reproduce` print its fields as JSON.
public struct ResultRow: Sendable, Equatable {
  public let kind: EvaluationProtocol
  public let variant: Variant
  /// The training dataset of a transfer, equal to ``dataset`` in the source's own row; `nil` in base-to-new.
  public let source: String?
  public let dataset: String
  public let seeds: [Int]
  /// One for each of the protocol's ``EvaluationProtocol/columns``; `nil` for new classes where the method does not
  /// support them.
  public let accuracies: [Accuracy?]
  /// The seconds of training and testing, over all seeds.
  public let seconds: Double
  /// The paper's figures, where it has this row: one for each column, and in base-to-new H.
  public let paper: [Double]?

  /// An accuracy over the seeds, in percent.
  public struct Accuracy: Sendable, Equatable {
    public let mean: Double
    /// The standard deviation of a sample; 0 with one seed.
    public let deviation: Double
    /// Half the width of the mean's 95 % interval, by Student's t; `nil` with one seed.
    public let interval: Double?
  }

  /// - Parameter results: one for each seed, and at least one.
  package init(
    _ results: [SeedResult], in kind: EvaluationProtocol, _ variant: Variant, source: String? = nil, dataset: String,
    paper: [Double]? = nil
  ) {
    (self.kind, self.variant, self.source, self.dataset, self.paper) = (kind, variant, source, dataset, paper)
    seeds = results.map(\.seed)
    seconds = results.map(\.seconds).reduce(0, +)
    accuracies = kind.columns.indices.map { column in
      let values = results.filter { $0.accuracies.count > column }.map { $0.accuracies[column] }
      guard !values.isEmpty else { return nil }
      return Accuracy(mean: values.mean, deviation: values.deviation, interval: values.interval95)
    }
  }

  /// The harmonic mean of the two means of base-to-new, as the paper reports it; `nil` for a transfer, and where one is
  /// missing.
  public var harmonicMean: Double? {
    let means = accuracies.compactMap { $0?.mean }
    guard kind == .baseToNew, means.count == 2 else { return nil }
    return means[0] + means[1] == 0 ? 0 : 2 * means[0] * means[1] / (means[0] + means[1])
  }
}

extension ResultRow: Encodable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }

  /// Encodes missing values as `null`, so that every row of a protocol has the same fields.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    func encode(_ value: some Encodable, as name: String) throws { try container.encode(value, forKey: Key(name)) }
    try encode(variant.method, as: "method")
    try encode(variant.label, as: "variant")
    if kind.transfers { try encode(source, as: "source") }
    try encode(dataset, as: "dataset")
    try encode(seeds, as: "seeds")
    try encode(seconds, as: "seconds")
    for (name, accuracy) in zip(kind.columns, accuracies) {
      try encode(accuracy?.mean, as: name)
      try encode(accuracy?.deviation, as: name + "Deviation")
      try encode(accuracy?.interval, as: name + "Interval")
    }
    if kind.transfers {
      try encode(paper?[0], as: "paper")
    } else {
      try encode(harmonicMean, as: "harmonicMean")
      try encode(paper.map { Dictionary(uniqueKeysWithValues: zip(kind.columns + ["harmonicMean"], $0)) }, as: "paper")
    }
  }
}

/// The table of the paper's base-to-new protocol on one dataset, for a terminal.
public struct BaseToNewTable: CustomStringConvertible {
  private let rows: [ResultRow]

  public init(_ rows: [ResultRow]) { self.rows = rows }

  public var description: String {
    TextTable(
      header: ["method"] + EvaluationProtocol.baseToNew.columns + ["H", "seconds"],
      rows: rows.map { row in
        [row.variant.method.title] + row.accuracies.map { FigureText.text($0, of: row.seeds) }
          + [FigureText.text(row.harmonicMean), FigureText.text(row.seconds)]
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

  /// The mean, and with several seeds ± its spread.
  static func text(_ accuracy: ResultRow.Accuracy?, of seeds: [Int], showsInterval: Bool = false) -> String {
    let spread = showsInterval ? accuracy?.interval : accuracy?.deviation
    return text(accuracy?.mean, spread: seeds.count > 1 ? spread : nil)
  }
}
