/// Bars from 0 to 100 %, in groups: one group for each method, with a diamond at a published figure.
struct AccuracyBars {
  struct Bar {
    let label: String
    /// The bar's value in percent.
    let value: Double
    /// The paper's figure in percent.
    var published: Double?
  }

  struct Group {
    let title: String
    /// The index of the style sheet's series colour.
    let series: Int
    let bars: [Bar]
  }

  private static let width = 360.0
  private static let (barHeight, barStep, headHeight) = (11.0, 17.0, 24.0)

  let groups: [Group]
  /// The property in which the bars of a group differ, as a heading of their table.
  var barTitle = "Classes"

  /// The position where the bars begin: after the longest label, at 6 units a letter.
  private var barStart: Double { max(42, 10 + 6 * Double(groups.flatMap { $0.bars.map(\.label.count) }.max() ?? 0)) }

  func figure(id: String, title: String, caption: String) -> Figure {
    let tops = groups.reduce(into: [4.0]) { tops, group in
      tops.append((tops.last ?? 0) + Self.headHeight + Double(group.bars.count) * Self.barStep + 8)
    }
    let height = (tops.last ?? 0) + 16
    let hasPublished = groups.contains { $0.bars.contains { $0.published != nil } }
    // Published figures have a column of their own.
    let end = Self.width - (hasPublished ? 98 : 44)
    let scale = Scale(domain: 0...100, range: (barStart, end))
    let grid = [0.0, 25, 50, 75, 100].map { value in
      Markup([
        Drawing.line(x1: scale(value), y1: 6, x2: scale(value), y2: height - 16, class: "grid"),
        Drawing.text("\(Int(value))", x: scale(value), y: height - 3, anchor: .middle, class: "muted"),
      ])
    }
    let rows = zip(groups, tops).map { self.rows(of: $0, from: $1, scale) }
    return Figure(
      id: id, title: title, caption: caption, description: description, width: Self.width, height: height,
      drawing: Markup(grid + rows), table: table(title: title, hasPublished: hasPublished))
  }

  private func rows(of group: Group, from top: Double, _ scale: Scale) -> Markup {
    let title = Drawing.text(group.title, x: 0, y: top + 15, class: "strong")
    let bars = group.bars.enumerated().map { index, bar in
      row(of: bar, at: top + Self.headHeight + Double(index) * Self.barStep, series: group.series, scale)
    }
    return Markup([title] + bars)
  }

  private func row(of bar: Bar, at y: Double, series: Int, _ scale: Scale) -> Markup {
    let middle = y + Self.barHeight / 2
    let length = max(0.5, scale(bar.value) - barStart)
    return fragment {
      Drawing.text(bar.label, x: 0, y: middle + 4, class: "muted")
      Drawing.bar(x: barStart, y: y, width: length, height: Self.barHeight, class: "s\(series)")
      Drawing.text(bar.value.percentText, x: scale(100) + 42, y: middle + 4, anchor: .end, class: "strong")
      if let published = bar.published {
        Drawing.mark(2, x: scale(published), y: middle, class: "published")
        Drawing.text(published.percentText, x: Self.width, y: middle + 4, anchor: .end, class: "muted")
      }
    }
  }

  private var description: String {
    groups.map { group in
      let bars = group.bars.map { bar in
        "\(bar.label) \(bar.value.percentText) %" + (bar.published.map { ", in the paper \($0.percentText) %" } ?? "")
      }
      return "\(group.title): \(bars.joined(separator: "; "))."
    }.joined(separator: " ")
  }

  private func table(title: String, hasPublished: Bool) -> DataTable {
    DataTable(
      caption: title,
      columns: [.text("Method"), .text(barTitle), .number("Here")] + (hasPublished ? [.number("Paper")] : []),
      rows: groups.flatMap { group in
        group.bars.map { bar in
          [.init(group.title), .init(bar.label), .init(bar.value.percentText)]
            + (hasPublished ? [.init(bar.published?.percentText ?? "–")] : [])
        }
      })
  }
}
