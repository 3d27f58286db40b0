import PromptLearning
import Reproduction

/// The differences between methods on the same test images, with their intervals and p-values.
struct DifferencesTable {
  let group: DatasetGroup
  let part: DatasetGroup.Part

  private struct Row {
    let second: MethodRow
    let first: MethodRow
    let measure: Measure
    let difference: PairedDifference
  }

  var markup: Markup? {
    let rows = againstZeroShot + againstTheBest
    guard !rows.isEmpty else { return nil }
    let several = rows.contains { $0.difference.pValues.count > 1 }
    return fragment {
      paragraph(
        "Differences on the same test images, in points. The interval below a difference holds 95 % of bootstrap samples of the"
          + " images, and p is McNemar's: both cover the choice of the test images and not that of the seed."
          + (several ? " With several seeds, a difference is their mean and each has its p." : ""))
      table(rows).markup
    }
  }

  /// The rows of each learner against zero-shot CLIP.
  private var againstZeroShot: [Row] {
    part.measures.flatMap { measure in
      part.rows.compactMap { row in
        guard let zeroShot = group.zeroShot(measure, besides: part.classes, chosen: part.chosen),
          !row.variant.method.isZeroShot
        else {
          return nil
        }
        return compared(row, with: zeroShot, measure)
      }
    }
  }

  /// The rows of the best learner against each other one.
  private var againstTheBest: [Row] {
    part.measures.flatMap { measure -> [Row] in
      let learners = part.rows.filter { !$0.variant.method.isZeroShot && $0.score(measure) != nil }
      guard let best = learners.max(by: { ($0.score(measure)?.mean ?? 0) < ($1.score(measure)?.mean ?? 0) }) else {
        return []
      }
      return learners.filter { $0.index != best.index }.compactMap { compared(best, with: $0, measure) }
    }
  }

  private func compared(_ second: MethodRow, with first: MethodRow, _ measure: Measure) -> Row? {
    PairedDifference(of: second, from: first, on: measure).map {
      Row(second: second, first: first, measure: measure, difference: $0)
    }
  }

  private func table(_ rows: [Row]) -> DataTable {
    DataTable(
      caption: "Differences on the same test images, in points",
      columns: [.text("Comparison"), .text("Classes"), .number("Difference"), .wrappingNumber("p")],
      rows: rows.map { row in
        [
          .init(
            fragment {
              row.second.tableLabel
              element(.span, ["class": "below"]) { "against \(row.first.tableLabel)" }
            }), .init(part.title(of: row.measure)),
          .init(
            fragment {
              row.difference.mean.differenceText
              element(.span, ["class": "below"]) { row.difference.intervalText }
            }), .init(row.difference.pText),
        ]
      })
  }
}
