import ClassificationMetrics
import Datasets
import PromptLearning
import Runs

/// One evaluation of one run in detail: the confusions, the difficult classes, and the calibration.
struct MethodDetail {
  let row: MethodRow
  let run: ReportedRun
  let kept: SavedEvaluation
  let pictures: Pictures
  let id: String

  var markup: Markup {
    let evaluation = kept.evaluation
    return element(.section, ["id": id]) {
      element(.h4) { "\(row.tableLabel) on \(partTitle)" }
      paragraph(summary(evaluation))
      element(.div, ["class": "figures"]) {
        confusion
        pairs
        ClassBars(evaluation.perClass, series: row.series).figure(
          id: "\(id)-classes", title: "Accuracy of each class", caption: classCaption(evaluation)
        ).markup
        ReliabilityChart(bins: evaluation.calibration, expectedError: evaluation.ece, series: row.series).figure(
          id: "\(id)-calibration", title: "Calibration",
          caption: calibrationCaption(evaluation)
        ).markup
      }
      if let changes = run.changes[kept.name] {
        MetaTokenView(changes: changes, pictures: pictures, id: "\(id)-changes").markup
      }
    }
  }

  private var partTitle: String {
    switch kept.classes {
    case .base: "the base classes"
    case .new: "the new classes"
    case .all: kept.isChosen ? "the chosen classes" : "all classes"
    }
  }

  private func summary(_ evaluation: Evaluation) -> String {
    let interval = evaluation.interval95.map {
      " (between \($0.lower.percentText) and \($0.upper.percentText) with 95 % confidence)"
    }
    return "\(evaluation.accuracy.percentText) % of \(evaluation.images.counted("test image")) of"
      + " \(evaluation.classes.counted("class", plural: "classes")) are named right\(interval ?? "")\(evaluation.tellsTop5 ? ";" : ".")"
      + (evaluation.tellsTop5 ? " for \(evaluation.top5.percentText) % the right class is among the first five." : "")
      + " Macro F1 is \(evaluation.macroF1.percentText) %."
      + (row.runs.count > 1 && !row.variant.method.isZeroShot ? " This is the run with seed \(run.seed ?? 1)." : "")
  }

  private var confusion: Markup? {
    let matrix = ConfusionMatrix(kept.answers)
    guard matrix.classes > 1, matrix.images.contains(where: { $0 > 0 }) else { return nil }
    let chart = ConfusionChart(matrix: matrix, classNames: kept.classNames)
    let drawn = chart.drawn.count
    guard drawn > 1 else { return nil }
    let cut =
      drawn < kept.classNames.count
      ? " Drawn are the \(drawn) of \(kept.classNames.count.grouped) classes that are in the most mistakes." : ""
    return chart.figure(
      id: "\(id)-confusion", title: "Confusion matrix",
      caption: "A row is a right class, a column an answer; the stronger a field, the larger its share of the row."
        + " Right answers lie on the diagonal." + cut
    ).markup
  }

  private var pairs: Markup? {
    let most = ConfusedPair.most(of: kept)
    guard !most.isEmpty else { return nil }
    let urls = most.flatMap(\.examples).map(kept.url(of:))
    let hasMissing = urls.contains { pictures.missing.contains($0) }
    return element(.div, ["class": "figure"]) {
      element(.p) {
        element(.strong) { "Most confused." }
        " The pairs that were mistaken most often, with the images that the answer was surest of."
      }
      element(.ul, ["class": "pairs"]) { for pair in most { item(of: pair) } }
      if hasMissing {
        paragraph("Some of the images are no longer where they were measured, and are left out.", class: "note")
      }
    }
  }

  private func item(of pair: ConfusedPair) -> Markup {
    element(.li) {
      element(.p) {
        element(.strong) { pair.label }
        " taken for "
        element(.strong) { pair.prediction }
        ", \(pair.images.counted("time"))"
      }
      element(.div, ["class": "thumbnails"]) {
        for example in pair.examples {
          if let picture = pictures[kept.url(of: example)] {
            Thumbnail(picture: picture, description: "\(pair.label), taken for \(pair.prediction)").markup
          }
        }
      }
    }
  }

  private func classCaption(_ evaluation: Evaluation) -> String {
    let count = evaluation.perClass.count { $0.images > 0 }
    return "The weakest first, in percent of a class's test images."
      + (count > ClassBars.mostDrawn ? " Drawn are the \(ClassBars.mostDrawn) weakest of \(count.grouped)." : "")
  }

  private func calibrationCaption(_ evaluation: Evaluation) -> String {
    let filled = evaluation.calibration.filter { $0.images > 0 }
    let over = filled.reduce(0) { $0 + Double($1.images) * ($1.confidence - $1.accuracy) }
    let tendency = over > 0 ? "Probabilities are too high on the whole." : "Probabilities are too low on the whole."
    return "Bars would end at the diagonal if answers given with a probability of p were right in p of all cases."
      + " The expected calibration error (ECE) is \(evaluation.ece.percentText) %."
      + (evaluation.ece < 1 ? "" : " " + tendency)
  }
}

/// An image at the size in which the page has it.
struct Thumbnail {
  let picture: Pictures.Picture
  let description: String

  var markup: Markup {
    element(
      .img,
      [
        "src": picture.uri, "alt": description, "width": "\(picture.width)", "height": "\(picture.height)",
      ])
  }
}
