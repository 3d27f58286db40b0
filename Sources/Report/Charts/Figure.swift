import Foundation

/// A drawing with a caption above it and its numbers in a table below it.
struct Figure {
  /// The figure's identifier within its page.
  let id: String
  let title: String
  /// The visible content, in one or two short sentences.
  let caption: String
  /// A description for readers who don't see the drawing, with its numbers.
  let description: String
  /// The width of the drawing, in its own units; text in it is 11 or 12 units high.
  let width: Double
  let height: Double
  /// The width in pixels below which the drawing scrolls; `nil` lets it shrink.
  var minimumWidth: Int?
  let drawing: Markup
  let table: DataTable

  /// Whether it takes the space of two figures where there is room for two: a column of a wide page is 500 pixels.
  private var isWide: Bool { minimumWidth ?? 0 > 500 }

  var markup: Markup {
    element(.figure, ["id": id, "class": isWide ? "spread" : nil]) {
      element(.figcaption) {
        element(.strong) { title + "." }
        " "
        caption
      }
      if let minimumWidth {
        element(.div, ["class": "scroll", "tabindex": "0", "role": "group", "aria-label": title]) {
          svg(style: "min-width:\(minimumWidth)px;max-width:\(minimumWidth * 5 / 4)px")
        }
      } else {
        svg(style: nil)
      }
      element(.details) {
        element(.summary) { "The numbers" }
        table.markup
      }
    }
  }

  private func svg(style: String?) -> Markup {
    element(
      .svg,
      [
        "role": "img", "aria-labelledby": "\(id)-title \(id)-description", "style": style,
        "viewBox": "0 0 \(width.coordinate) \(height.coordinate)",
      ]
    ) {
      element(.title, ["id": "\(id)-title"]) { title }
      element(.desc, ["id": "\(id)-description"]) { description }
      drawing
    }
  }
}

/// The few shapes that charts consist of. Colours are classes of the style sheet, which has light and dark ones.
enum Drawing {
  enum Anchor: String { case start, middle, end }

  static func text(
    _ text: String, x: Double, y: Double, anchor: Anchor = .start, class name: String? = nil, rotated angle: Int? = nil
  ) -> Markup {
    element(
      .text,
      [
        "x": x.coordinate, "y": y.coordinate, "text-anchor": anchor == .start ? nil : anchor.rawValue, "class": name,
        "transform": angle.map { "rotate(\($0) \(x.coordinate) \(y.coordinate))" },
      ]
    ) { text }
  }

  static func line(x1: Double, y1: Double, x2: Double, y2: Double, class name: String) -> Markup {
    element(
      .line,
      [
        "x1": x1.coordinate, "y1": y1.coordinate, "x2": x2.coordinate, "y2": y2.coordinate, "class": name,
      ])
  }

  static func bar(x: Double, y: Double, width: Double, height: Double, class name: String) -> Markup {
    element(
      .path,
      [
        "d": "M\(x.coordinate) \(y.coordinate)h\(width.coordinate)v\(height.coordinate)h\((-width).coordinate)z",
        "class": name,
      ])
  }

  static func polyline(_ points: [(x: Double, y: Double)], class name: String) -> Markup {
    let text = points.map { "\($0.x.coordinate),\($0.y.coordinate)" }.joined(separator: " ")
    return element(.polyline, ["points": text, "class": name])
  }

  /// A mark at a point, whose shape distinguishes series where colours don't: four shapes in turn.
  static func mark(_ index: Int, x: Double, y: Double, class name: String) -> Markup {
    let (x0, y0) = (x.coordinate, y.coordinate)
    let shape =
      switch index % 4 {
      case 0: "M\(x0) \(y0)m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z"  // circle
      case 1: "M\(x0) \(y0)m-3.2 -3.2h6.4v6.4h-6.4z"  // square
      case 2: "M\(x0) \(y0)m0 -4.4l4.4 4.4l-4.4 4.4l-4.4 -4.4z"  // diamond
      default: "M\(x0) \(y0)m0 -4.2l4.2 7.6h-8.4z"  // triangle
      }
    return element(.path, ["d": shape, "class": name])
  }
}

/// A mapping from numbers to positions along one direction of a drawing.
struct Scale {
  let domain: ClosedRange<Double>
  let range: (from: Double, to: Double)
  var isLogarithmic = false

  func callAsFunction(_ value: Double) -> Double {
    let (low, high, at) =
      isLogarithmic
      ? (log2(domain.lowerBound), log2(domain.upperBound), log2(value))
      : (domain.lowerBound, domain.upperBound, value)
    guard high > low else { return (range.from + range.to) / 2 }
    return range.from + (at - low) / (high - low) * (range.to - range.from)
  }

  /// Round numbers within a range, about `count` of them.
  static func ticks(in domain: ClosedRange<Double>, count: Int = 4) -> [Double] {
    let span = domain.upperBound - domain.lowerBound
    guard span > 0, span.isFinite else { return [domain.lowerBound] }
    let rough = span / Double(count)
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
    let first = (domain.lowerBound / step).rounded(.up)
    return stride(from: first, through: domain.upperBound / step + 1e-9, by: 1).map { $0 * step }
  }
}
