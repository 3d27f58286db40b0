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
  /// The table, dataset by dataset; in a transfer the source comes first.
  public let rows: [ResultRow]
  /// The averages over the datasets, or the targets of a transfer, where every one has its figures.
  public let averages: [ResultRow]
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
    let table = ResultTable(outcomes, of: comparison)
    gaps = table.gaps
    let source = comparison.kind.transfers ? comparison.sources.first?.title : nil
    func row(_ results: [SeedResult], _ variant: Variant, _ dataset: String) -> ResultRow? {
      guard !results.isEmpty else { return nil }
      return ResultRow(
        results, in: comparison.kind, variant, source: variant.method.isZeroShot ? source.map { _ in dataset } : source,
        dataset: dataset,
        paper: isInPaper(dataset) ? paper.figures(of: variant, on: dataset, in: comparison.kind) : nil)
    }
    rows = comparison.titles.flatMap { dataset in
      comparison.variants.compactMap { row(table.results(of: $0, on: dataset), $0, dataset) }
    }
    averages = comparison.variants.compactMap {
      row(table.averages(of: $0, over: comparison.datasets.map(\.title)), $0, Self.averageTitle)
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
    if comparison.kind.transfers { try container.encode(comparison.sources.first?.title, forKey: .source) }
    try container.encode(rows, forKey: .methods)
    try container.encode(averages, forKey: .averages)
    try container.encode(
      failures.map { FailureText(subject: $0.subject, reason: $0.reason) }, forKey: .failures)
  }
}
