import PromptLearning

/// A reliability diagram: bars of accuracy by probability, which end at the diagonal for a well calibrated classifier.
struct ReliabilityChart {
  let bins: [Evaluation.CalibrationBin]
  /// The expected calibration error of ``bins``, in percent.
  let expectedError: Double
  let series: Int

  private static let (width, height) = (360.0, 262.0)

  func figure(id: String, title: String, caption: String) -> Figure {
    let x = Scale(domain: 0...100, range: (40, 340))
    let y = Scale(domain: 0...100, range: (220, 26))
    let filled = bins.filter { $0.images > 0 }
    let grid = [0.0, 25, 50, 75, 100].map { value in
      Markup([
        Drawing.line(x1: 40, y1: y(value), x2: 340, y2: y(value), class: "grid"),
        Drawing.text("\(Int(value))", x: 34, y: y(value) + 4, anchor: .end, class: "muted"),
        Drawing.text("\(Int(value))", x: x(value), y: 236, anchor: .middle, class: "muted"),
      ])
    }
    let bars = filled.map { bin in
      Drawing.bar(
        x: x(bin.lower) + 1, y: y(bin.accuracy), width: x(bin.upper) - x(bin.lower) - 2,
        height: max(0.5, y(0) - y(bin.accuracy)), class: "s\(series)")
    }
    let marks = filled.map { Drawing.mark(2, x: x($0.confidence), y: y($0.accuracy), class: "published") }
    let words = [
      Drawing.line(x1: x(0), y1: y(0), x2: x(100), y2: y(100), class: "diagonal"),
      Drawing.text("right, %", x: 0, y: 9, class: "muted"),
      Drawing.text("probability of the answer, %", x: 190, y: 254, anchor: .middle, class: "muted"),
    ]
    return Figure(
      id: id, title: title, caption: caption, description: description, width: Self.width, height: Self.height,
      drawing: Markup(grid + bars + words + marks), table: table(title: title))
  }

  private var description: String {
    "The expected calibration error is \(expectedError.percentText) %. "
      + bins.filter { $0.images > 0 }.map {
        "Of \($0.images.counted("answer")) with a mean probability of \($0.confidence.percentText) %, "
          + "\($0.accuracy.percentText) % are right."
      }.joined(separator: " ")
  }

  private func table(title: String) -> DataTable {
    DataTable(
      caption: title,
      columns: [
        .number("Probability, %"), .number("Images"), .number("Mean probability"), .number("Right"),
        .number("Difference"),
      ],
      rows: bins.filter { $0.images > 0 }.map { bin in
        [
          .init("\(bin.lower.percentText)–\(bin.upper.percentText)"), .init(bin.images.grouped),
          .init(bin.confidence.percentText), .init(bin.accuracy.percentText),
          .init((bin.accuracy - bin.confidence).differenceText),
        ]
      })
  }
}
