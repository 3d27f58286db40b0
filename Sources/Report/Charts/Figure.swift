/// A drawing with what it shows in words above it and its numbers in a table below it.
struct Figure {
  /// Names the figure within its page.
  let id: String
  let title: String
  /// What there is to see, in one or two short sentences.
  let caption: String
  /// For those who don't see the drawing: what it says, with its numbers.
  let description: String
  /// Of the drawing, in its own units; text in it is 11 or 12 units high.
  let width: Double
  let height: Double
  /// Narrower than this many pixels the drawing scrolls; `nil` lets it shrink.
  var minimumWidth: Int?
  let drawing: Markup
  let table: DataTable

  /// Whether it takes the place of two figures where there is room for two: a column of a wide page is 500 pixels.
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
