import CLIP
import Datasets
import Foundation
import PromptLearning

/// The results of a comparison: the rows of its table, their averages, and the missing parts.
public struct ComparisonSummary: Sendable, Encodable {
  public let comparison: Comparison
  public let model: ModelIdentity
  public let architecture: String
  /// Whether the figures are comparable with the paper's.
  public let isPapersSetUp: Bool
  /// The results of base-to-new, dataset by dataset; empty for a transfer.
  public let halves: [MethodResult]
  /// The results of a transfer, dataset by dataset; empty for base-to-new.
  public let transfers: [TransferResult]
  /// The averages over the datasets, or the targets of a transfer, where every one has its figures.
  public let averageHalves: [MethodResult]
  public let averageTransfers: [TransferResult]
  /// The reasons for missing parts, each cause once.
  public let failures: [TrialResult.Failure]
  /// The rows with missing parts.
  let gaps: Set<Gap>

  /// A row that lacks some seeds or all.
  struct Gap: Hashable {
    let variant: Variant
    let dataset: String
  }

  static let averageTitle = "Average"

  /// - Parameter outcomes: the results of all trials of `comparison`.
  public init(
    _ outcomes: [TrialResult], of comparison: Comparison, model: ModelIdentity, configuration: CLIPConfiguration
  ) throws {
    self.comparison = comparison
    self.model = model
    architecture = configuration.architecture
    isPapersSetUp = comparison.isPapersSetUp(on: configuration)
    let paper = try PaperResults()
    // An average over other datasets than the paper's has no counterpart in the paper.
    let isPapersList = Set(comparison.datasets.map(\.title)) == Set(comparison.kind.paperDatasets.map(\.rawValue))
    func isInPaper(_ dataset: String) -> Bool { dataset != Self.averageTitle || isPapersList }
    var seen: Set<TrialResult.Failure> = []
    failures = outcomes.flatMap(\.failures).filter { seen.insert($0).inserted }
    let sheet = ResultTable(outcomes, of: comparison)
    let titles = comparison.titles
    let targets = comparison.datasets.map(\.title)
    gaps = sheet.gaps
    if comparison.kind.transfers {
      let source = comparison.sources.first?.title ?? ""
      func row(_ values: [ResultTable.Value], _ variant: Variant, _ dataset: String) -> TransferResult? {
        guard !values.isEmpty else { return nil }
        return TransferResult(
          values.map(\.accuracies[0]), seeds: values.map(\.seed), variant: variant,
          source: variant.method.isZeroShot ? dataset : source, dataset: dataset,
          seconds: values.map(\.seconds).reduce(0, +),
          paper: isInPaper(dataset) ? paper.accuracy(of: variant, on: dataset, in: comparison.kind) : nil)
      }
      transfers = titles.flatMap { dataset in
        comparison.variants.compactMap { row(sheet.values(of: $0, on: dataset), $0, dataset) }
      }
      averageTransfers = comparison.variants.compactMap {
        row(sheet.averages(of: $0, over: targets), $0, Self.averageTitle)
      }
      (halves, averageHalves) = ([], [])
    } else {
      func row(_ values: [ResultTable.Value], _ variant: Variant, _ dataset: String) -> MethodResult? {
        guard !values.isEmpty else { return nil }
        let results = values.map {
          SeedResult(
            method: variant.method, seed: $0.seed, base: $0.accuracies[0],
            new: $0.accuracies.count > 1 ? $0.accuracies[1] : nil, seconds: $0.seconds)
        }
        return MethodResult(
          results, variant: variant, dataset: dataset,
          paper: isInPaper(dataset) ? paper.halves(of: variant, on: dataset) : nil)
      }
      halves = titles.flatMap { dataset in
        comparison.variants.compactMap { row(sheet.values(of: $0, on: dataset), $0, dataset) }
      }
      averageHalves = comparison.variants.compactMap {
        row(sheet.averages(of: $0, over: titles), $0, Self.averageTitle)
      }
      (transfers, averageTransfers) = ([], [])
    }
  }

  public var isComplete: Bool { failures.isEmpty }

  private enum CodingKeys: CodingKey {
    case `protocol`, model, sha256, architecture, source, shots, seeds, isPapersSetUp, methods, averages, failures
  }

  private struct FailureText: Encodable { let subject, reason: String }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(comparison.kind, forKey: .protocol)
    try container.encode(model.name, forKey: .model)
    try container.encode(model.sha256, forKey: .sha256)
    try container.encode(architecture, forKey: .architecture)
    try container.encode(comparison.shots, forKey: .shots)
    try container.encode(comparison.seeds, forKey: .seeds)
    try container.encode(isPapersSetUp, forKey: .isPapersSetUp)
    if comparison.kind.transfers {
      try container.encode(comparison.sources.first?.title, forKey: .source)
      try container.encode(transfers, forKey: .methods)
      try container.encode(averageTransfers, forKey: .averages)
    } else {
      try container.encode(halves, forKey: .methods)
      try container.encode(averageHalves, forKey: .averages)
    }
    try container.encode(
      failures.map { FailureText(subject: $0.subject, reason: $0.reason) }, forKey: .failures)
  }
}
