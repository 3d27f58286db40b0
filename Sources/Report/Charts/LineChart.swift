import Foundation

/// Lines over a common axis. Series differ in colour, in the shape of their marks and in their dashes.
struct LineChart {
  struct Series {
    let label: String
    /// The index of the style sheet's series colour.
    let series: Int
    let points: [(x: Double, y: Double)]
  }

  enum Horizontal { case linear, doubling }

  let horizontalTitle: String
  let verticalTitle: String
  var horizontal = Horizontal.linear
  /// The number of decimals in the table and the description.
  var digits = 1
  let series: [Series]

  private static let (width, right, top, plotHeight) = (360.0, 350.0, 22.0, 170.0)
  private static let bottom = top + plotHeight
  /// The most marks of a series: more would become a band of ink.
  private static let mostMarks = 25

  func figure(id: String, title: String, caption: String) -> Figure {
    let all = series.flatMap(\.points)
    let y = Scale(domain: Self.padded(Self.domain(all.map(\.y))), range: (Self.bottom, Self.top))
    let left = Self.left(besides: y)
    let x = Scale(
      domain: Self.domain(all.map(\.x)), range: (left + 8, Self.right - 8), isLogarithmic: horizontal == .doubling)
    let legendTop = Self.bottom + 50
    return Figure(
      id: id, title: title, caption: caption, description: description, width: Self.width,
      height: legendTop + Double(series.count) * 18 - 8,
      drawing: fragment {
        axes(x, y, xs: all.map(\.x), left: left)
        for (index, one) in series.enumerated() { line(one, index: index, x, y, left: left, legendTop) }
      },
      table: table(title: title))
  }

  /// Where the plot begins, so that the longest number beside it fits: a digit is at most 7 units wide.
  private static func left(besides y: Scale) -> Double {
    max(38, 10 + 7 * Double(rows(of: y).map { tick($0).count }.max() ?? 0))
  }

  private static func rows(of y: Scale) -> [Double] { Scale.ticks(in: y.domain, count: 5) }

  private func axes(_ x: Scale, _ y: Scale, xs: [Double], left: Double) -> Markup {
    let rows = Self.rows(of: y).map { value in
      Markup([
        Drawing.line(x1: left, y1: y(value), x2: Self.right, y2: y(value), class: "grid"),
        Drawing.text(Self.tick(value), x: left - 6, y: y(value) + 4, anchor: .end, class: "muted"),
      ])
    }
    let places: [Double] =
      switch horizontal {
      case .doubling: Array(Set(xs)).sorted()
      case .linear: Scale.ticks(in: x.domain, count: 5).filter { $0 == $0.rounded() }
      }
    let columns = places.map {
      Drawing.text(Self.tick($0), x: x($0), y: Self.bottom + 16, anchor: .middle, class: "muted")
    }
    return Markup(
      rows + columns + [
        Drawing.text(verticalTitle, x: 0, y: 11, class: "muted"),
        Drawing.text(
          horizontalTitle, x: (left + Self.right) / 2, y: Self.bottom + 32, anchor: .middle, class: "muted"),
      ])
  }

  private func line(_ one: Series, index: Int, _ x: Scale, _ y: Scale, left: Double, _ legendTop: Double) -> Markup {
    let points = one.points.map { (x: x($0.x), y: y($0.y)) }
    let every = max(1, points.count / Self.mostMarks)
    let style = "s\(one.series)"
    let dash = "line d\(index % 4) \(style)"
    let rowY = legendTop + Double(index) * 18
    let marked = points.indices.filter { $0 % every == 0 || $0 == points.count - 1 }
    return fragment {
      Drawing.polyline(points, class: dash)
      for place in marked { Drawing.mark(index, x: points[place].x, y: points[place].y, class: style) }
      Drawing.line(x1: left, y1: rowY, x2: left + 30, y2: rowY, class: dash)
      Drawing.mark(index, x: left + 15, y: rowY, class: style)
      Drawing.text(one.label.shortened(to: 48), x: left + 38, y: rowY + 4)
    }
  }

  private var description: String {
    series.compactMap { one in
      guard let first = one.points.first, let last = one.points.last else { return nil }
      return "\(one.label): \(verticalTitle) from \(text(first.y)) at \(horizontalTitle) \(Self.tick(first.x))"
        + " to \(text(last.y)) at \(Self.tick(last.x))."
    }.joined(separator: " ")
  }

  private func table(title: String) -> DataTable {
    let places = Array(Set(series.flatMap { $0.points.map(\.x) })).sorted()
    return DataTable(
      caption: title, columns: [.number(horizontalTitle)] + series.map { .number($0.label) },
      rows: places.map { place in
        [.init(Self.tick(place))]
          + series.map { one in .init(one.points.first { $0.x == place }.map { text($0.y) } ?? "–") }
      })
  }

  private func text(_ value: Double) -> String { String(format: "%.\(digits)f", value) }

  private static func tick(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))" : String(format: "%g", value)
  }

  private static func domain(_ values: [Double]) -> ClosedRange<Double> {
    guard let low = values.min(), let high = values.max() else { return 0...1 }
    return low...high
  }

  /// A slightly wider range, which extends below zero only where values do.
  private static func padded(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
    let margin = max((range.upperBound - range.lowerBound) * 0.08, abs(range.upperBound) * 0.02, 1e-6)
    let low = range.lowerBound - margin
    return (range.lowerBound >= 0 ? max(0, low) : low)...(range.upperBound + margin)
  }
}
