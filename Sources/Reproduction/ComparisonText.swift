import ClassificationMetrics
import Datasets
import PromptLearning
import Runs

/// A comparison's table, for a terminal or as a Markdown page.
public struct ComparisonText {
  private let result: ComparisonSummary
  private let showsIntervals: Bool

  /// - Parameter showsIntervals: whether ± is the 95 % interval of the mean instead of the standard deviation.
  public init(_ result: ComparisonSummary, showsIntervals: Bool = false) {
    self.result = result
    self.showsIntervals = showsIntervals
  }

  /// The table, followed by the missing parts.
  public var terminal: String { "\(table)" + gapLines.map { "\n\($0)" }.joined() }

  /// The content of `results.md`.
  public var markdown: String {
    let comparison = result.comparison
    let source = comparison.kind.transfers ? ", learned on \(comparison.sources.first?.title ?? "")" : ""
    let seeds = comparison.seeds.map(String.init).joined(separator: ", ")
    var parts = [
      "# \(comparison.kind.title)",
      "\(result.model.name) (\(result.architecture))\(source), \(comparison.shots) shots, seeds \(seeds). "
        + "Accuracies in percent, means over the seeds ± "
        + (showsIntervals ? "half the 95 % interval of the mean (Student's t)" : "the standard deviation of a sample")
        + (comparison.kind.transfers ? "." : "; H is the harmonic mean of the two means."),
      table.markdown,
    ]
    if !gapLines.isEmpty { parts.append(gapLines.map { "* \($0)" }.joined(separator: "\n")) }
    if !result.isPapersSetUp, let paper = paperTable {
      parts.append(
        "The paper's own figures, of OpenAI's ViT-B/16 with 16 shots and the seeds 1, 2 and 3: another set-up, so that"
          + " differences between methods may be compared and the figures themselves not.")
      parts.append(paper.markdown)
    }
    return parts.joined(separator: "\n\n") + "\n"
  }

  private var gapLines: [String] { result.failures.map { "\($0.subject) failed: \($0.reason)" } }

  // MARK: Tables

  private var table: TextTable { result.comparison.kind.transfers ? transferTable : halvesTable }

  /// A table with one block for each dataset, and a row for each method in it.
  private var halvesTable: TextTable {
    let hasPaper = result.isPapersSetUp
    let columns = result.comparison.kind.columns
    let header =
      ["dataset", "method"] + columns + ["H"] + (hasPaper ? ["paper: base", "new", "H"] : []) + ["seconds"]
    let rows = titles.flatMap { dataset in
      result.comparison.variants.map { variant -> [String] in
        guard let row = row(variant, dataset) else {
          let missing = dataset == ComparisonSummary.averageTitle ? "–" : "failed"
          return [dataset, variant.title] + Array(repeating: missing, count: columns.count + 1)
            + Array(repeating: "–", count: header.count - columns.count - 3)
        }
        let paper = (0...columns.count).map { FigureText.text(row.paper?[$0]) }
        return [dataset, variant.title] + row.accuracies.map { text($0, of: row) } + [FigureText.text(row.harmonicMean)]
          + (hasPaper ? paper : []) + [FigureText.text(row.seconds)]
      }
    }
    return TextTable(header: header, rows: rows, wordColumns: 2)
  }

  /// A table with a row for each dataset and a column for each method.
  private var transferTable: TextTable {
    let variants = result.comparison.variants
    let hasPaper = result.isPapersSetUp
    let rows = titles.map { dataset in
      let found = variants.map { row($0, dataset) }
      let cells = zip(variants, found).map { variant, row in
        guard let row else {
          return result.gaps.contains(.init(variant: variant, dataset: dataset)) ? "failed" : "–"
        }
        return text(row.accuracies[0], of: row)
      }
      return [dataset + (dataset == source ? " (source)" : "")] + cells
        + (hasPaper ? found.map { FigureText.text($0?.paper?[0]) } : [])
    }
    return TextTable(
      header: ["dataset"] + variants.map(\.title) + (hasPaper ? variants.map { "paper: \($0.title)" } : []),
      rows: rows, wordColumns: 1)
  }

  /// The paper's rows for the same datasets and methods; `nil` where it has none.
  private var paperTable: TextTable? {
    let rows = result.rows.compactMap { row in
      row.paper.map { [row.dataset, row.variant.method.title] + $0.map { FigureText.text($0) } }
    }
    let kind = result.comparison.kind
    return rows.isEmpty
      ? nil
      : TextTable(
        header: ["dataset", "method"] + kind.columns + (kind.transfers ? [] : ["H"]), rows: rows, wordColumns: 2)
  }

  private var source: String? { result.comparison.kind.transfers ? result.comparison.sources.first?.title : nil }

  /// The titles of the datasets, and of their average where there are several.
  private var titles: [String] {
    result.comparison.titles + (result.comparison.datasets.count > 1 ? [ComparisonSummary.averageTitle] : [])
  }

  private func row(_ variant: Variant, _ dataset: String) -> ResultRow? {
    (result.rows + result.averages).first { $0.variant == variant && $0.dataset == dataset }
  }

  /// An accuracy, with a star where the row lacks some seeds.
  private func text(_ accuracy: ResultRow.Accuracy?, of row: ResultRow) -> String {
    let lacksSeeds = result.gaps.contains {
      $0.variant == row.variant && [$0.dataset, ComparisonSummary.averageTitle].contains(row.dataset)
    }
    return FigureText.text(accuracy, of: row.seeds, showsInterval: showsIntervals)
      + (lacksSeeds && accuracy != nil ? "*" : "")
  }
}

/// The accuracies of a comparison by variant, dataset and seed.
struct ResultTable {
  private let outcomes: [TrialResult]
  private let comparison: Comparison

  init(_ outcomes: [TrialResult], of comparison: Comparison) {
    self.outcomes = outcomes
    self.comparison = comparison
  }

  /// The results by seed; a zero-shot classifier's one result counts for each seed.
  func results(of variant: Variant, on dataset: String) -> [SeedResult] {
    let found = outcomes.filter { $0.unit.variant == variant }.compactMap { outcome -> SeedResult? in
      let tests = outcome.unit.tests.filter { $0.dataset == dataset }
      let accuracies = tests.compactMap { outcome.accuracies[$0] }
      guard !tests.isEmpty, accuracies.count == tests.count else { return nil }
      return SeedResult(seed: outcome.unit.seed, accuracies: accuracies, seconds: outcome.seconds)
    }
    guard variant.method.isZeroShot, let only = found.first else { return found }
    return comparison.seeds.enumerated().map {
      SeedResult(seed: $1, accuracies: only.accuracies, seconds: $0 == 0 ? only.seconds : 0)
    }
  }

  /// The means over the datasets by seed, where every dataset has this seed.
  func averages(of variant: Variant, over datasets: [String]) -> [SeedResult] {
    let columns = datasets.map { results(of: variant, on: $0) }
    return comparison.seeds.compactMap { seed in
      let row = columns.compactMap { $0.first { $0.seed == seed } }
      let kinds = row.map(\.accuracies.count).min() ?? 0
      guard row.count == datasets.count, kinds > 0 else { return nil }
      return SeedResult(
        seed: seed, accuracies: (0..<kinds).map { kind in row.map { $0.accuracies[kind] }.mean },
        seconds: row.map(\.seconds).reduce(0, +))
    }
  }

  /// The rows that a failed trial has left empty.
  var gaps: Set<ComparisonSummary.Gap> {
    Set(
      outcomes.flatMap { outcome in
        outcome.unit.tests.filter { outcome.accuracies[$0] == nil }.map {
          ComparisonSummary.Gap(variant: outcome.unit.variant, dataset: $0.dataset)
        }
      })
  }
}
