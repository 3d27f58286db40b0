import ClassificationMetrics

/// A confusion matrix: rows of right classes and columns of predictions; the darker a field, the larger its share of
/// the row.
struct ConfusionChart {
  let matrix: ConfusionMatrix
  let classNames: [String]

  /// The most rows and columns that are readable.
  static let mostClasses = 24
  private static let mostListed = 40
  private static let cell = 19.0
  private static let longestName = 18

  /// The labels that are drawn: all, or those with the most mistakes.
  var drawn: [Int] {
    guard classNames.count > Self.mostClasses else { return Array(classNames.indices) }
    var labels: [Int] = []
    for (pair, _) in matrix.mostConfused(.max) {
      let more = [pair.label, pair.prediction].filter { !labels.contains($0) }
      guard labels.count + more.count <= Self.mostClasses else { break }
      labels += more
    }
    return labels.sorted()
  }

  func figure(id: String, title: String, caption: String) -> Figure {
    let labels = drawn
    let side = Double(labels.count) * Self.cell
    let names = labels.map { classNames[$0].shortened(to: Self.longestName) }
    // A letter is about 6 units wide; the columns' names are slanted, which makes them a little lower than wide.
    let left = 12 + 6 * Double(names.map(\.count).max() ?? 0)
    let top = 8 + 0.88 * left
    let titles = names.enumerated().map { index, name in
      let middle = (Double(index) + 0.5) * Self.cell
      return Markup([
        Drawing.text(name, x: left - 5, y: top + middle + 4, anchor: .end),
        Drawing.text(name, x: left + middle + 4, y: top - 5, rotated: -60),
      ])
    }
    let fields = labels.enumerated().map { row, label in
      Markup(
        labels.enumerated().compactMap { column, prediction in
          field(label, prediction, x: left + Double(column) * Self.cell, y: top + Double(row) * Self.cell)
        })
    }
    let frame = Drawing.bar(x: left, y: top, width: side, height: side, class: "frame")
    // The last column's slanted name extends beyond the square.
    let width = left + side + 0.5 * left
    return Figure(
      id: id, title: title, caption: caption, description: description, width: width, height: top + side + 2,
      minimumWidth: Int(width), drawing: Markup([frame] + titles + fields), table: table(title: title))
  }

  private func field(_ label: Int, _ prediction: Int, x: Double, y: Double) -> Markup? {
    let count = matrix[label, prediction]
    guard count > 0, matrix.images[label] > 0 else { return nil }
    let share = Double(count) / Double(matrix.images[label])
    let level = min(4, Int(share * 5))
    let kind = label == prediction ? "right" : "wrong"
    return Markup([
      Drawing.bar(x: x + 0.5, y: y + 0.5, width: Self.cell - 1, height: Self.cell - 1, class: "\(kind) q\(level)"),
      Drawing.text(
        count < 1000 ? "\(count)" : "\(count / 1000)k", x: x + Self.cell / 2, y: y + Self.cell / 2 + 3.5,
        anchor: .middle, class: "count t\(level)"),
    ])
  }

  private var description: String {
    let pairs = matrix.mostConfused(5).map {
      "\(classNames[$0.pair.label]) was taken for \(classNames[$0.pair.prediction]) \($0.images.counted("time"))"
    }
    return pairs.isEmpty ? "No image was taken for another class." : "Most often, " + pairs.listed + "."
  }

  private func table(title: String) -> DataTable {
    DataTable(
      caption: "\(title): the pairs mistaken most often",
      columns: [.text("Right"), .text("Answered"), .number("Images"), .number("Of the class")],
      rows: matrix.mostConfused(Self.mostListed).map { pair, images in
        let share = 100 * Double(images) / Double(max(1, matrix.images[pair.label]))
        return [
          .init(classNames[pair.label]), .init(classNames[pair.prediction]), .init(images.grouped),
          .init("\(share.percentText) %"),
        ]
      })
  }
}
