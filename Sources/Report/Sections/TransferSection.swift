import Experiments

/// What was learned on one dataset, measured on others.
struct TransferSection {
  let group: DatasetGroup
  let id: String

  /// A dataset and a part of its classes.
  private struct Target: Hashable {
    let dataset: String
    let classes: String

    var title: String { classes == "all" ? dataset : "\(dataset), \(classes)" }
  }

  var markup: Markup? {
    let targets = group.runs.flatMap(\.transfers).reduce(into: [Target]()) { targets, kept in
      let target = Target(dataset: kept.dataset, classes: kept.classes.rawValue)
      if !targets.contains(target) { targets.append(target) }
    }.sorted { ($0.dataset, $0.classes) < ($1.dataset, $1.classes) }
    guard !targets.isEmpty else { return nil }
    let rows = group.rows.filter { row in targets.contains { score(row, $0) != nil } }
    return element(.section, ["id": "\(id)-transfer"]) {
      element(.h3) { "On other datasets" }
      paragraph(
        "What was learned on \(group.dataset), measured on the test images of datasets that it has never seen. Accuracy in"
          + " percent; the best of a column is bold.")
      DataTable(
        caption: "Learned on \(group.dataset), measured elsewhere",
        columns: [.text("Method")] + targets.map { .number($0.title) } + [.number("average")],
        rows: rows.map { row in
          [.init(row.label)] + targets.map { target in cell(score(row, target), among: rows.map { score($0, target) }) }
            + [cell(average(row, targets), among: rows.map { average($0, targets) })]
        }
      ).markup
    }
  }

  private func score(_ row: MethodRow, _ target: Target) -> Double? {
    let values = row.runs.flatMap(\.transfers).filter {
      $0.dataset == target.dataset && $0.classes.rawValue == target.classes
    }
    return MethodRow.score(values.map(\.evaluation.accuracy))?.mean
  }

  private func average(_ row: MethodRow, _ targets: [Target]) -> Double? {
    let found = targets.compactMap { score(row, $0) }
    return found.count == targets.count ? found.mean : nil
  }

  private func cell(_ value: Double?, among all: [Double?]) -> DataTable.Cell {
    guard let value else { return "–" }
    let best = all.compactMap { $0.flatMap { Double($0.percentText) } }.max()
    return .init(value.percentText, isBest: all.count > 1 && Double(value.percentText) == best)
  }
}
