import ClassificationMetrics
import PromptLearning

/// All datasets in one table, where there are several.
struct OverviewSection {
  let groups: [DatasetGroup]

  var markup: Markup? {
    let measures = Measure.allCases.filter { measure in groups.contains { $0.measures.contains(measure) } }
    guard groups.count > 1, !measures.isEmpty else { return nil }
    let transfers = groups.contains { $0.runs.contains { !$0.transfers.isEmpty } }
    return element(.section, ["id": "overview", "aria-labelledby": "overview-h"]) {
      element(.h2, ["id": "overview-h"]) { "All datasets" }
      paragraph(
        "Accuracy in percent, the mean over the seeds; the best of a column is bold. The average is shown where a method has"
          + " a figure on every dataset; its H is that of the average base and new accuracies, as in the paper."
          + (transfers ? " What was learned on one dataset and measured on others stands with the former." : ""))
      for measure in measures { table(measure).markup }
    }
  }

  private var labels: [String] {
    let rows = groups.flatMap(\.rows).sorted { RunVariant.isOrdered($0.variant, $1.variant) }
    return rows.reduce(into: [String]()) { labels, row in
      if !labels.contains(row.label) { labels.append(row.label) }
    }
  }

  private func table(_ measure: Measure) -> DataTable {
    let shown = groups.filter { $0.measures.contains(measure) }
    let means = labels.map { label in shown.map { value(label, $0, measure) } }
    let averages = labels.indices.map { average(labels[$0], means[$0], shown, measure) }
    let columns = shown.indices.map { column in means.map { $0[column] } } + [averages]
    let best = columns.map { $0.compactMap { $0.flatMap { Double($0.percentText) } }.max() }
    let titles = shown.map { title(of: $0) } + ["average"]
    return DataTable(
      caption: measure.words, columns: [.text("Method")] + titles.map { .number($0) },
      rows: labels.indices.map { row in
        [.init(labels[row])]
          + columns.enumerated().map { index, column in
            guard let mean = column[row] else { return "–" }
            return .init(mean.percentText, isBest: labels.count > 1 && Double(mean.percentText) == best[index])
          }
      })
  }

  private func title(of group: DatasetGroup) -> String {
    groups.count { $0.dataset == group.dataset } > 1 ? "\(group.dataset), \(group.model.name)" : group.dataset
  }

  private func value(_ label: String, _ group: DatasetGroup, _ measure: Measure) -> Double? {
    group.rows.first { $0.label == label }?.score(measure)?.mean
  }

  private func average(_ label: String, _ values: [Double?], _ shown: [DatasetGroup], _ measure: Measure) -> Double? {
    let found = values.compactMap { $0 }
    guard found.count == values.count else { return nil }
    guard measure == .harmonicMean else { return found.mean }
    let base = shown.compactMap { value(label, $0, .base) }.mean
    let new = shown.compactMap { value(label, $0, .new) }.mean
    return base + new == 0 ? 0 : 2 * base * new / (base + new)
  }
}
