import ClassificationMetrics
import PromptLearning

/// The loss, epoch by epoch. Trainings of different lengths have separate charts: on one axis with two hundred epochs,
/// ten would be a stroke at the edge.
struct TrainingSection {
  let group: DatasetGroup
  let id: String

  /// The rows whose trainings have the same number of epochs.
  private struct Length {
    let epochs: Int
    let rows: [MethodRow]
  }

  var markup: Markup? {
    let lengths = self.lengths
    guard !lengths.isEmpty else { return nil }
    return element(.section, ["id": "\(id)-training"]) {
      element(.h3) { "Training" }
      if lengths.count > 1 { paragraph("Methods that train for different numbers of epochs have charts of their own.") }
      element(.div, ["class": "figures"]) {
        for (index, length) in lengths.enumerated() {
          charts(length, id: index == 0 ? id : "\(id)-epochs\(length.epochs)", isAlone: lengths.count == 1)
        }
      }
    }
  }

  private var lengths: [Length] {
    let trained = group.rows.filter { row in row.runs.contains { !$0.epochs.isEmpty } }
    let byEpochs = Dictionary(grouping: trained) { row in row.runs.map(\.plannedEpochs).max() ?? 0 }
    return byEpochs.keys.sorted().compactMap { epochs in
      byEpochs[epochs].map { Length(epochs: epochs, rows: $0.sorted { $0.index < $1.index }) }
    }
  }

  private func charts(_ length: Length, id: String, isAlone: Bool) -> Markup {
    let of = isAlone ? "" : ", \(length.epochs.counted("epoch"))"
    let several = length.rows.contains { $0.runs.count { !$0.epochs.isEmpty } > 1 }
    return fragment {
      LineChart(
        horizontalTitle: "epoch", verticalTitle: "loss, nats", digits: 3,
        series: length.rows.compactMap { averaged($0) { Double($0.loss) } }
      ).figure(
        id: "\(id)-loss", title: "Training loss\(of)",
        caption: "The mean cross-entropy of an epoch's steps, each before its step."
          + (several ? " Lines are means over the seeds." : "")
          + " Methods differ in the images of a step, so their levels are not to be compared."
      ).markup
      LineChart(
        horizontalTitle: "epoch", verticalTitle: "learning rate, thousandths", digits: 3,
        series: length.rows.compactMap { averaged($0) { 1000 * Double($0.learningRate) } }
      ).figure(
        id: "\(id)-rate", title: "Learning rate\(of)",
        caption: "One epoch of warm-up, then a cosine, unless a run was told otherwise."
      ).markup
    }
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
