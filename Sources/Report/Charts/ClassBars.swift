import PromptLearning

/// The accuracy of each class, the weakest first; with many classes, only the weakest are drawn.
struct ClassBars {
  let classes: [Evaluation.ClassAccuracy]
  let series: Int

  static let mostDrawn = 30
  static let mostListed = 100
  private static let (width, step) = (360.0, 16.0)

  init(_ classes: [Evaluation.ClassAccuracy], series: Int) {
    self.classes = classes.filter { $0.images > 0 }.enumerated()
      .sorted { ($0.element.accuracy, $0.offset) < ($1.element.accuracy, $1.offset) }.map(\.element)
    self.series = series
  }

  func figure(id: String, title: String, caption: String) -> Figure {
    let drawn = classes.prefix(Self.mostDrawn)
    let scale = Scale(domain: 0...100, range: (130, 320))
    let height = Double(drawn.count) * Self.step + 22
    let grid = [0.0, 50, 100].map { value in
      Markup([
        Drawing.line(x1: scale(value), y1: 2, x2: scale(value), y2: height - 18, class: "grid"),
        Drawing.text("\(Int(value))", x: scale(value), y: height - 5, anchor: .middle, class: "muted"),
      ])
    }
    let bars = drawn.enumerated().map { index, one in
      let y = Double(index) * Self.step + 3
      let length = max(0.5, scale(one.accuracy) - 130)
      return Markup([
        Drawing.text(one.class.shortened(to: 20), x: 124, y: y + 10, anchor: .end),
        Drawing.bar(x: 130, y: y + 1, width: length, height: 10, class: "s\(series)"),
        Drawing.text(one.accuracy.percentText, x: Self.width, y: y + 10, anchor: .end, class: "strong"),
      ])
    }
    return Figure(
      id: id, title: title, caption: caption,
      description: drawn.map { "\($0.class) \($0.accuracy.percentText) %" }.joined(separator: ", ") + ".",
      width: Self.width, height: height, drawing: Markup(grid + bars), table: table(title: title))
  }

  private func table(title: String) -> DataTable {
    DataTable(
      caption: title
        + (classes.count > Self.mostListed ? " (the \(Self.mostListed) weakest of \(classes.count.grouped))" : ""),
      columns: [
        .text("Class"), .number("Accuracy"), .number("Precision"), .number("F1"), .number("Images"),
      ],
      rows: classes.prefix(Self.mostListed).map { one in
        [
          .init(one.class), .init(one.accuracy.percentText), .init(one.precision.percentText),
          .init(one.f1.percentText), .init(one.images.grouped),
        ]
      })
  }
}
