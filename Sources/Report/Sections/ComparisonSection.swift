import Datasets

/// The methods on one dataset: a table with differences to zero-shot CLIP, and bars beside the paper's figures.
struct ComparisonSection {
  let group: DatasetGroup
  let id: String

  var markup: Markup? {
    let measures = group.measures
    guard !measures.isEmpty else { return paragraph("Nothing was measured here so far.", class: "note") }
    let rows = group.rows.filter { row in measures.contains { row.score($0) != nil } }
    return element(.section, ["id": "\(id)-methods"]) {
      element(.h3) { "Methods compared" }
      paragraph(explanation(measures))
      element(.div, ["class": "beside"]) {
        table(measures, rows).markup
        bars(measures, rows).markup
      }
    }
  }

  private func table(_ measures: [Measure], _ rows: [MethodRow]) -> DataTable {
    DataTable(
      caption: "Accuracy on test images of \(group.dataset), in percent",
      columns: [.text("Method")] + measures.map { .number($0.title) },
      rows: rows.map { row in [heading(of: row)] + measures.map { cell(row, $0, among: rows) } })
  }

  private func heading(of row: MethodRow) -> DataTable.Cell {
    guard let seeds = row.seeds else { return .init(row.label) }
    return DataTable.Cell(
      fragment {
        row.label
        element(.span, ["class": "below"]) { seeds }
      })
  }

  private func explanation(_ measures: [Measure]) -> String {
    var sentences = ["Accuracy in percent."]
    if measures.contains(.harmonicMean) {
      sentences.append("Base classes were learned, new ones were not; H is the harmonic mean of the two.")
    }
    if group.rows.contains(where: { $0.runs.count > 1 && !$0.variant.method.isZeroShot }) {
      sentences.append("Means and standard deviations are over the seeds.")
    }
    if let zeroShot = group.zeroShot, zeroShot.score(measures[0]) != nil, group.rows.count > 1 {
      sentences.append("Below each figure stands its difference to \(zeroShot.label); the best of a column is bold.")
    } else if group.rows.count > 1 {
      sentences.append("The best of a column is bold.")
    }
    return sentences.joined(separator: " ")
  }

  private func cell(_ row: MethodRow, _ measure: Measure, among rows: [MethodRow]) -> DataTable.Cell {
    guard let score = row.score(measure) else { return "–" }
    let best = rows.compactMap { $0.score(measure)?.mean.percentText }.compactMap(Double.init).max()
    let isBest = rows.count > 1 && Double(score.mean.percentText) == best
    let reference = group.zeroShot.flatMap { $0.index == row.index ? nil : $0.score(measure)?.mean }
    return DataTable.Cell(
      fragment {
        if isBest { element(.strong) { score.mean.percentText } } else { score.mean.percentText }
        if let deviation = score.deviation {
          element(.span, ["class": "deviation"]) { " ± \(deviation.percentText)" }
        }
        if let reference {
          element(.span, ["class": "below"]) { (score.mean - reference).differenceText }
        }
      })
  }

  private func bars(_ measures: [Measure], _ rows: [MethodRow]) -> Figure {
    let published = PublishedFigures(on: group.dataset)
    let groups = rows.map { row in
      AccuracyBars.Group(
        title: row.label.shortened(to: 52), series: row.series,
        bars: measures.compactMap { measure in
          row.score(measure).map {
            AccuracyBars.Bar(
              label: measure.title, value: $0.mean, published: published.value(of: row, measure))
          }
        })
    }
    let hasPublished = groups.contains { $0.bars.contains { $0.published != nil } }
    let paper = " A diamond marks what the paper reports for ViT-B/16, 16 shots and three seeds."
    return AccuracyBars(groups: groups).figure(
      id: "\(id)-bars", title: "Accuracy by method",
      caption: "Each bar is a mean over the seeds, in percent of the test images."
        + (hasPublished ? paper + " These runs used \(group.model.name)." : ""))
  }
}
