import Datasets

/// The accuracy over the number of images of each class, where runs have several.
struct ShotsSection {
  let group: DatasetGroup
  let id: String

  var markup: Markup? {
    let charts = group.measures.compactMap { measure in
      let series = curves(measure)
      return series.isEmpty ? nil : (measure, series)
    }
    guard !charts.isEmpty else { return nil }
    return element(.section, ["id": "\(id)-shots"]) {
      element(.h3) { "Few-shot curves" }
      element(.div, ["class": "figures"]) {
        for (measure, series) in charts {
          LineChart(
            horizontalTitle: "images of each class", verticalTitle: "percent", horizontal: .doubling,
            series: series + level(measure, under: series)
          ).figure(
            id: "\(id)-shots-\(measure.title)", title: "\(measure.words) by shots",
            caption:
              "From few images of each class on the left to many on the right. The upright axis does not begin at zero."
          ).markup
        }
      }
    }
  }

  private func curves(_ measure: Measure) -> [LineChart.Series] {
    let rows = group.rows.filter { $0.variant.shots != nil && $0.score(measure) != nil }
    let families = Dictionary(grouping: rows) { $0.variant.family }
    return families.values.compactMap { rows -> (Int, LineChart.Series)? in
      guard rows.count > 1, let first = rows.min(by: { $0.index < $1.index }) else { return nil }
      let points = rows.compactMap { row -> (x: Double, y: Double)? in
        guard let shots = row.variant.shots, let score = row.score(measure) else { return nil }
        return (Double(shots), score.mean)
      }.sorted { $0.x < $1.x }
      return (first.index, LineChart.Series(label: first.curveLabel, series: first.series, points: points))
    }.sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// Zero-shot CLIP as a horizontal line.
  private func level(_ measure: Measure, under series: [LineChart.Series]) -> [LineChart.Series] {
    guard let row = group.zeroShot(measure, besides: measure.classes ?? .base), let score = row.score(measure) else {
      return []
    }
    let places = series.flatMap { $0.points.map(\.x) }
    guard let first = places.min(), let last = places.max() else { return [] }
    return [
      LineChart.Series(label: row.label, series: row.series, points: [(first, score.mean), (last, score.mean)])
    ]
  }
}
