import Datasets
import PromptLearning
import Reproduction

/// The methods on one dataset: for each learned subset of the classes a table with differences from zero-shot CLIP, and
/// bars with the paper's figures.
struct ComparisonSection {
  let group: DatasetGroup
  let id: String

  var markup: Markup? {
    let parts = group.parts.filter { !$0.measures.isEmpty }
    guard !parts.isEmpty else { return paragraph("Nothing was measured here so far.", class: "note") }
    return element(.section, ["id": "\(id)-methods"]) {
      element(.h3) { "Methods compared" }
      for (index, part) in parts.enumerated() {
        if isTitled(part) { element(.h4) { part.title } }
        comparison(part, id: index == 0 ? id : "\(id)-\(part.chosen == nil ? part.classes.rawValue : "chosen\(index)")")
      }
    }
  }

  /// Whether a heading says which classes a part is about.
  private func isTitled(_ part: DatasetGroup.Part) -> Bool { group.parts.count > 1 || part.chosen != nil }

  private func comparison(_ part: DatasetGroup.Part, id: String) -> Markup {
    let measures = part.measures
    let rows = part.rows.filter { row in measures.contains { row.score($0) != nil } }
    return fragment {
      paragraph(explanation(part, rows))
      element(.div, ["class": "beside"]) {
        element(.div) {
          table(part, rows).markup
          DifferencesTable(group: group, part: part).markup
        }
        bars(part, rows, id: id).markup
      }
    }
  }

  private func table(_ part: DatasetGroup.Part, _ rows: [MethodRow]) -> DataTable {
    DataTable(
      caption: "Accuracy on test images of \(group.dataset), in percent"
        + (isTitled(part) ? ": \(part.title.lowercased())" : ""),
      columns: [.text("Method")] + part.measures.map { .number(part.title(of: $0)) },
      rows: rows.map { row in [heading(of: row)] + part.measures.map { cell(row, $0, among: rows) } })
  }

  private func heading(of row: MethodRow) -> DataTable.Cell {
    guard let seeds = row.seeds else { return .init(row.tableLabel) }
    return DataTable.Cell(
      fragment {
        row.tableLabel
        element(.span, ["class": "below"]) { seeds }
      })
  }

  private func explanation(_ part: DatasetGroup.Part, _ rows: [MethodRow]) -> String {
    var sentences = ["Accuracy in percent."]
    if let chosen = part.chosen {
      let names = chosen.prefix(8).joined(separator: ", ") + (chosen.count > 8 ? ", …" : "")
      sentences.append(
        "Learned and told apart are \(chosen.count.counted("class", plural: "classes")), \(names)"
          + (part.leftOut.map { "; \($0)." } ?? "."))
    }
    if part.measures.contains(.harmonicMean) {
      sentences.append("Base classes were learned, new ones were not; H is the harmonic mean of the two.")
    }
    if rows.contains(where: { $0.runs.count > 1 && !$0.variant.method.isZeroShot }) {
      sentences.append("Means and standard deviations are over the seeds.")
    }
    let references = part.measures.compactMap { group.zeroShot($0, besides: part.classes, chosen: part.chosen) }
    guard rows.count > 1 else { return sentences.joined(separator: " ") }
    if let zeroShot = references.first, rows.contains(where: { $0.index != zeroShot.index }) {
      // A measure that zero-shot CLIP lacks has no differences, so the text does not promise any.
      let promised = references.count == part.measures.count ? "each figure" : "a figure"
      sentences.append(
        "Below \(promised) stands its difference to \(zeroShot.tableLabel); the best of a column is bold.")
    } else {
      sentences.append("The best of a column is bold.")
    }
    return sentences.joined(separator: " ")
  }

  private func cell(_ row: MethodRow, _ measure: Measure, among rows: [MethodRow]) -> DataTable.Cell {
    guard let score = row.score(measure) else { return "–" }
    let best = rows.compactMap { $0.score(measure)?.mean.percentText }.compactMap(Double.init).max()
    let isBest = rows.count > 1 && Double(score.mean.percentText) == best
    let zeroShot = group.zeroShot(measure, besides: row.variant.classes, chosen: row.variant.chosen)
    let reference = zeroShot?.index == row.index ? nil : zeroShot?.score(measure)?.mean
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

  private func bars(_ part: DatasetGroup.Part, _ rows: [MethodRow], id: String) -> Figure {
    let published = PublishedFigures(on: group.dataset)
    let groups = rows.map { row in
      AccuracyBars.Group(
        title: row.tableLabel.shortened(to: 52), series: row.series,
        bars: part.measures.compactMap { measure in
          row.score(measure).map {
            AccuracyBars.Bar(
              label: part.title(of: measure), value: $0.mean, published: published.value(of: row, measure))
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

extension DatasetGroup.Part {
  /// The learned classes, as a heading.
  var title: String {
    switch classes {
    case .base: "Learned on the base classes"
    case .new: "Learned on the new classes"
    case .all: chosen == nil ? "Learned on all classes" : "Learned on chosen classes"
    }
  }

  /// A measure as a column says it.
  func title(of measure: Measure) -> String { chosen != nil && measure == .all ? "chosen" : measure.title }
}

/// The paper's figures on a dataset, for runs with its context and number of images.
struct PublishedFigures {
  private let results: PaperResults?
  private let dataset: String

  /// - Parameter dataset: a name in any usual spelling; other datasets than the paper's benchmarks have no figures.
  init(on dataset: String) {
    results = try? PaperResults()
    self.dataset = PublishedDataset(named: dataset)?.rawValue ?? dataset
  }

  /// The figure for a training on the dataset itself.
  func value(of row: MethodRow, _ measure: Measure) -> Double? {
    // In the paper all classes are learned on ImageNet alone.
    if measure == .all { return dataset == PublishedDataset.imageNet.rawValue ? transferred(row.variant) : nil }
    guard row.variant.isPapers, row.variant.classes == .base,
      let figures = results?.halves(of: row.variant.method, on: dataset)
    else { return nil }
    return switch measure {
    case .base: figures.base
    case .new: figures.new
    case .harmonicMean: figures.harmonicMean
    case .all: nil
    }
  }

  /// The figure for a training on all classes of ImageNet, or without training.
  func transferred(_ variant: RunVariant) -> Double? {
    guard variant.isPapers, variant.classes == .all else { return nil }
    return results?.accuracy(of: variant.method, transferredTo: dataset)
  }
}
