import Foundation
import PromptLearning

/// The accuracies of one method with one seed, in percent.
public struct SeedResult: Sendable, Codable, Equatable {
  public let method: Method
  public let seed: Int
  public let base: Double
  /// `nil` for a method that names its own classes alone.
  public let new: Double?
  /// Of training and testing.
  public let seconds: Double
}

/// The accuracies of one method over its seeds: the fields that `demo` and `reproduce` print as JSON.
public struct MethodResult: Sendable, Codable, Equatable {
  public let method: Method
  public let dataset: String
  public let seeds: [Int]
  /// Means over the seeds, in percent.
  public let base: Double
  /// `nil`, like what follows from it, for a method that names its own classes alone.
  public let new: Double?
  /// Of the two means, as the paper reports it.
  public let harmonicMean: Double?
  /// Standard deviations over the seeds, of a sample; 0 with one seed.
  public let baseDeviation: Double
  public let newDeviation: Double?
  /// Of training and testing, all seeds together.
  public let seconds: Double

  /// - Parameter results: of one method, one a seed.
  public init(_ results: [SeedResult], method: Method, dataset: String) {
    self.method = method
    self.dataset = dataset
    seeds = results.map(\.seed)
    base = results.map(\.base).mean
    let newOnes = results.compactMap(\.new)
    new = newOnes.isEmpty ? nil : newOnes.mean
    harmonicMean = new.map { [base] new in base + new == 0 ? 0 : 2 * base * new / (base + new) }
    baseDeviation = results.map(\.base).deviation
    newDeviation = newOnes.isEmpty ? nil : newOnes.deviation
    seconds = results.map(\.seconds).reduce(0, +)
  }

  /// Writes what there is none of as `null`, so that every row has every field.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(method, forKey: .method)
    try container.encode(dataset, forKey: .dataset)
    try container.encode(seeds, forKey: .seeds)
    try container.encode(base, forKey: .base)
    try container.encode(new, forKey: .new)
    try container.encode(harmonicMean, forKey: .harmonicMean)
    try container.encode(baseDeviation, forKey: .baseDeviation)
    try container.encode(newDeviation, forKey: .newDeviation)
    try container.encode(seconds, forKey: .seconds)
  }
}

extension [Double] {
  var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }

  /// The standard deviation of a sample.
  var deviation: Double {
    guard count > 1 else { return 0 }
    return (map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(count - 1)).squareRoot()
  }
}

/// The table of the paper's base-to-new protocol, for a terminal.
public struct BaseToNewTable: CustomStringConvertible {
  private let rows: [[String]]

  public init(_ results: [MethodResult]) {
    rows =
      [["method", "base", "new", "H", "seconds"]]
      + results.map { result in
        [
          result.method.title, Self.text(result.base, result.baseDeviation, result.seeds.count),
          Self.text(result.new, result.newDeviation, result.seeds.count), Self.text(result.harmonicMean),
          Self.text(result.seconds),
        ]
      }
  }

  /// Columns aligned: words on the left, numbers on the right.
  public var description: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  private static func text(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "–" }

  private static func text(_ mean: Double?, _ deviation: Double?, _ seeds: Int) -> String {
    seeds > 1 && mean != nil ? "\(text(mean)) ± \(text(deviation))" : text(mean)
  }
}

extension Method {
  /// As the paper writes it.
  public var title: String {
    switch self {
    case .zeroShot: "zero-shot CLIP"
    case .zeroShotEnsemble: "zero-shot CLIP, ensemble"
    case .coop: "CoOp"
    case .cocoop: "CoCoOp"
    case .linearProbe: "linear probe"
    }
  }
}
