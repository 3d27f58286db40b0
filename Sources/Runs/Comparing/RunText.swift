import ClassificationMetrics
import Datasets
import Foundation
import PromptLearning
import Support
import Torch

// Texts of runs for a terminal.

extension RunListing {
  /// A table with a line for each run, and the faults below it.
  public var text: String {
    guard !runs.isEmpty else { return "no runs in \(folder)" }
    let rows = runs.map { run in
      [
        run.run, run.method?.id ?? "–", run.data ?? "–", run.classesWord ?? "–",
        run.shots.map(String.init) ?? "–", run.seed.map(String.init) ?? "–", run.progress,
        run.evaluations.map { "\($0.name) \($0.accuracyText)" }.joined(separator: ", "),
      ]
    }
    let table = TextTable(
      header: ["run", "method", "data", "classes", "shots", "seed", "state", "accuracy"],
      rows: rows.map { $0.map(\.onOneLine) }, wordColumns: 8)
    let problems = runs.flatMap { run in run.problems.map { "\(run.run): \($0)" } }
    return ([table.description.trimmingLineEnds] + problems).joined(separator: "\n")
  }
}

extension RunSummary {
  fileprivate var progress: String {
    switch state {
    case .finished, .imported, .damaged: state.rawValue
    case .unfinished:
      plannedEpochs.map { "\(epochs ?? 0) of \($0) epochs" } ?? state.rawValue
    }
  }

  fileprivate var classesWord: String? { chosenClasses == nil ? classes?.rawValue : "chosen" }

  /// All known facts, one on each line.
  public var text: String {
    var lines: [(String, String)] = [("run", run), ("state", progress)]
    lines += problems.map { ("problem", $0) }
    func add(_ name: String, _ value: String?) { if let value { lines.append((name, value)) } }
    add("method", method?.title)
    add("model", model)
    add("data", data)
    add("classes", classesWord.map { "\($0)\(classCount.map { ", \($0)" } ?? "")" })
    // The row's name replaces the text's prefix.
    add(
      "left out", otherClasses.flatMap(LeftOutClasses.init).map { String($0.description.dropFirst("left out: ".count)) }
    )
    add("shots", shots.map(String.init))
    add("skipped", skippedPhotos.map { "\($0) \($0 == 1 ? "photo" : "photos") that cannot be read" })
    add("seed", seed.map(String.init))
    add("threads", threads.map(String.init))
    add("epochs", epochs.map { done in plannedEpochs.map { "\(done) of \($0)" } ?? "\(done)" })
    add("loss", loss.map { String(format: "%.4f", $0) })
    add("training", trainingSeconds.map { "\(String(format: "%.1f", $0)) s" })
    for figures in evaluations {
      let interval = figures.interval95.map { ", 95 % within \(decimal($0.lower))–\(decimal($0.upper)) %" } ?? ""
      lines.append(
        (
          figures.name,
          "accuracy \(decimal(figures.accuracy)) % of \(figures.images) images\(figures.precisionText)\(interval), "
            + "macro F1 \(decimal(figures.macroF1)) %, ECE \(decimal(figures.ece)) %"
        ))
    }
    let width = lines.map(\.0.count).max() ?? 0
    return lines.map { $0 + String(repeating: " ", count: width - $0.count + 2) + $1.onOneLine }
      .joined(separator: "\n")
  }
}

extension RunSummary.Figures {
  /// " in bfloat16", where the figures are of an approximation.
  fileprivate var precisionText: String { precision == .float32 ? "" : " in \(precision.rawValue)" }

  fileprivate var accuracyText: String { decimal(accuracy) + precisionText }
}

extension RunComparison {
  /// Figures, differing settings and tests, as three tables.
  public var text: String {
    let names = runs.map(\.run)
    let evaluations = runs.flatMap { $0.evaluations.map(\.name) }.reduce(into: [String]()) { names, name in
      if !names.contains(name) { names.append(name) }
    }
    let figures = TextTable(
      header: ["accuracy, %"] + names,
      rows: evaluations.map { name in
        [name] + runs.map { run in run.evaluations.first { $0.name == name }.map(\.accuracyText) ?? "–" }
      }, wordColumns: 1)
    let differences = TextTable(
      header: ["setting"] + names, rows: settings.map { [$0.name] + $0.values.map { ($0 ?? "–").onOneLine } },
      wordColumns: 1)
    let comparisons = tests.map { test in
      """
      \(test.evaluation): \(test.second) against \(test.first), \(test.images) images
        difference  \(signed(test.difference)) points, 95 % within \(signed(test.interval95.lower)) to \
      \(signed(test.interval95.upper)) (bootstrap, \(test.interval95.resamples) resamples)
        McNemar     p = \(Self.probability(test.pValue)) (\(test.form.rawValue); right in one alone: \
      \(test.onlyFirst) and \(test.onlySecond))
      """
    }
    return ([figures.description] + (settings.isEmpty ? [] : [differences.description]) + comparisons + seedTexts)
      .joined(separator: "\n\n")
  }

  /// The effects of another seed and of other images, which are two kinds of chance.
  private var seedTexts: [String] {
    let spreads = seedSpreads.map { spread in
      """
      \(spread.evaluation): \(spread.method?.title ?? "runs") with \(Self.list(spread.seeds))
        accuracy    \(decimal(spread.accuracy)) % on average, ± \(decimal(spread.deviation)) between the seeds
        seeds       95 % within \(decimal(spread.seedInterval95.lower)) to \(decimal(spread.seedInterval95.upper)) % for \
      the mean over all seeds, on these images (Student's t)
        images      95 % within \(decimal(spread.imageInterval95.lower)) to \(decimal(spread.imageInterval95.upper)) % with \
      other images, for these seeds (bootstrap)
      """
    }
    let differences = seedDifferences.map { one in
      """
      \(one.evaluation): \(one.secondMethod?.title ?? "runs") against \(one.firstMethod?.title ?? "runs"), \
      \(Self.list(one.seeds))
        difference  \(signed(one.difference)) points on average, ± \(decimal(one.deviation)) between the seeds
        seeds       95 % within \(signed(one.seedInterval95.lower)) to \(signed(one.seedInterval95.upper)) for the mean \
      over all seeds, on these images (Student's t)
        images      95 % within \(signed(one.imageInterval95.lower)) to \(signed(one.imageInterval95.upper)) with other \
      images, for these seeds (bootstrap)
      """
    }
    return spreads + differences
  }

  private static func list(_ seeds: [Int]) -> String { "seeds " + seeds.map(String.init).joined(separator: ", ") }

  private static func probability(_ value: Double) -> String {
    value < 0.0001 ? String(format: "%.1e", value) : String(format: "%.4f", value)
  }
}

private func decimal(_ value: Double) -> String { String(format: "%.2f", value) }
private func signed(_ value: Double) -> String { String(format: "%+.2f", value) }

extension String {
  /// The text without the spaces that pad the last column.
  fileprivate var trimmingLineEnds: String {
    split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}

/// Rows of cells under a heading, for a terminal and as Markdown.
package struct TextTable: CustomStringConvertible {
  package let header: [String]
  package let rows: [[String]]
  /// The number of text columns before the numbers.
  package let wordColumns: Int

  package init(header: [String], rows: [[String]], wordColumns: Int) {
    (self.header, self.rows, self.wordColumns) = (header, rows, wordColumns)
  }

  /// Columns aligned: words on the left, numbers on the right.
  package var description: String {
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    return ([header] + rows).map { row in
      row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return column < wordColumns ? row[column] + padding : padding + row[column]
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  package var markdown: String {
    let rule = header.indices.map { $0 < wordColumns ? "---" : "---:" }
    return ([header, rule] + rows).map {
      "| " + $0.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    .joined(separator: "\n")
  }
}
