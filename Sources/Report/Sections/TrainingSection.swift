import PromptLearning

/// How the loss fell, epoch by epoch.
struct TrainingSection {
  let group: DatasetGroup
  let id: String

  var markup: Markup? {
    let series = group.rows.compactMap(curve)
    guard !series.isEmpty else { return nil }
    let several = group.rows.contains { $0.runs.count { !$0.epochs.isEmpty } > 1 }
    return element(.section, ["id": "\(id)-training"]) {
      element(.h3) { "Training" }
      element(.div, ["class": "figures"]) {
        LineChart(
          horizontalTitle: "epoch", verticalTitle: "loss, nats", digits: 3, series: series
        ).figure(
          id: "\(id)-loss", title: "Training loss",
          caption: "The mean cross-entropy of an epoch's steps, each before its step."
            + (several ? " Lines are means over the seeds." : "")
            + " Methods differ in the images of a step, so their levels are not to be compared."
        ).markup
        LineChart(
          horizontalTitle: "epoch", verticalTitle: "learning rate, thousandths", digits: 3, series: rates
        ).figure(
          id: "\(id)-rate", title: "Learning rate",
          caption: "One epoch of warm-up, then a cosine, unless a run was told otherwise."
        ).markup
      }
    }
  }

  private func curve(of row: MethodRow) -> LineChart.Series? {
    averaged(row) { Double($0.loss) }
  }

  private var rates: [LineChart.Series] {
    group.rows.compactMap { averaged($0) { 1000 * Double($0.learningRate) } }
  }

  /// The mean over the seeds at each epoch that every one of them has.
  private func averaged(_ row: MethodRow, _ value: (EpochReport) -> Double) -> LineChart.Series? {
    let curves = row.runs.map(\.epochs).filter { !$0.isEmpty }
    guard let shortest = curves.map(\.count).min() else { return nil }
    let points = (0..<shortest).compactMap { index -> (x: Double, y: Double)? in
      let values = curves.map { value($0[index]) }
      guard values.allSatisfy(\.isFinite) else { return nil }
      return (Double(curves[0][index].epoch), values.mean)
    }
    return points.isEmpty ? nil : LineChart.Series(label: row.label, series: row.series, points: points)
  }
}
