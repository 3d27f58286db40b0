import ClassificationMetrics
import Datasets
import PromptLearning
import Runs

/// The transfer of a training on one dataset to others, compared with zero-shot CLIP there and the paper's figures.
struct TransferSection {
  let group: DatasetGroup
  /// The groups of the whole report: zero-shot CLIP has a run of its own on each dataset.
  let groups: [DatasetGroup]
  let id: String

  /// A dataset and a subset of its classes.
  private struct Target: Hashable {
    let dataset: String
    let classes: String

    var title: String { classes == "all" ? dataset : "\(dataset), \(classes)" }
  }

  private struct Row {
    let method: MethodRow
    /// One score for each target, in percent.
    let scores: [Double?]

    var average: Double? {
      let found = scores.compactMap { $0 }
      return found.count == scores.count ? found.mean : nil
    }
  }

  var markup: Markup? {
    let targets = self.targets
    guard !targets.isEmpty else { return nil }
    let rows = zeroShot(on: targets) + learned(on: targets)
    return element(.section, ["id": "\(id)-transfer"]) {
      element(.h3) { "On other datasets" }
      paragraph(
        "What was learned on \(group.dataset), measured on the test images of datasets that it has never seen. Accuracy in"
          + " percent; the best of a column is bold.")
      element(.div, ["class": "beside"]) {
        table(rows, targets).markup
        bars(rows, targets).markup
      }
    }
  }

  private var targets: [Target] {
    Set(group.runs.flatMap(\.transfers).map { Target(dataset: $0.title, classes: $0.classes.rawValue) })
      .sorted { ($0.dataset, $0.classes) < ($1.dataset, $1.classes) }
  }

  private func learned(on targets: [Target]) -> [Row] {
    group.rows.map { row in
      let kept = row.runs.flatMap(\.transfers)
      return Row(
        method: row,
        scores: targets.map { target in
          let found = kept.filter { $0.title == target.dataset && $0.classes.rawValue == target.classes }
          return MethodRow.score(found.map(\.evaluation.accuracy))?.mean
        })
    }.filter { $0.scores.contains { $0 != nil } }
  }

  /// The same model without training, from its runs on the targets themselves.
  private func zeroShot(on targets: [Target]) -> [Row] {
    group.rows.filter(\.variant.method.isZeroShot).map { row in
      Row(
        method: row,
        scores: targets.map { target in
          let there = groups.first { $0.dataset == target.dataset && $0.model.sha256 == group.model.sha256 }
          guard target.classes == "all" else { return nil }
          return there?.rows.first { $0.variant == row.variant }?.score(.all)?.mean
        })
    }.filter { $0.scores.contains { $0 != nil } }
  }

  private func table(_ rows: [Row], _ targets: [Target]) -> DataTable {
    let columns = targets.indices.map { index in rows.map { $0.scores[index] } } + [rows.map(\.average)]
    return DataTable(
      caption: "Learned on \(group.dataset), measured elsewhere",
      columns: [.text("Method")] + targets.map { .number($0.title) } + [.number("average")],
      rows: rows.indices.map { row in
        [.init(rows[row].method.label)] + columns.map { cell($0[row], among: $0) }
      })
  }

  private func cell(_ value: Double?, among all: [Double?]) -> DataTable.Cell {
    guard let value else { return "–" }
    let best = all.compactMap { $0.flatMap { Double($0.percentText) } }.max()
    return .init(value.percentText, isBest: all.count > 1 && Double(value.percentText) == best)
  }

  private func bars(_ rows: [Row], _ targets: [Target]) -> Figure {
    let groups = rows.map { row in
      AccuracyBars.Group(
        title: row.method.label.shortened(to: 52), series: row.method.series,
        bars: zip(targets, row.scores).compactMap { target, score in
          score.map {
            AccuracyBars.Bar(
              label: target.title.shortened(to: 20), value: $0,
              published: PublishedFigures(on: target.dataset).transferred(row.method.variant))
          }
        })
    }
    let hasPublished = groups.contains { $0.bars.contains { $0.published != nil } }
    return AccuracyBars(groups: groups, barTitle: "Dataset").figure(
      id: "\(id)-elsewhere", title: "Accuracy elsewhere",
      caption: "Each bar is a mean over the seeds, in percent of the test images."
        + (hasPublished
          ? " A diamond marks what the paper reports for ViT-B/16, learned on ImageNet with 16 shots and three seeds."
            + " These runs used \(group.model.name) and learned on \(group.dataset)." : ""))
  }
}
