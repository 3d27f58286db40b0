/// A table with a caption for screen readers, in a box of its own that scrolls sideways where it is too wide.
struct DataTable {
  struct Column {
    let title: String
    /// The style of the cells: numbers are aligned on the right, digit below digit.
    let style: String?

    static func text(_ title: String) -> Column { Column(title: title, style: nil) }
    static func number(_ title: String) -> Column { Column(title: title, style: "number") }
    /// A column of several numbers, on more than one line where necessary.
    static func wrappingNumber(_ title: String) -> Column { Column(title: title, style: "number wrap") }
  }

  struct Cell: ExpressibleByStringInterpolation {
    let content: Markup
    let isBest: Bool

    init(_ text: String, isBest: Bool = false) {
      content = Markup(text)
      self.isBest = isBest
    }

    init(_ content: Markup) {
      self.content = content
      isBest = false
    }

    init(stringLiteral text: String) { self.init(text) }
  }

  let caption: String
  let columns: [Column]
  let rows: [[Cell]]

  /// The first cell of a row is its heading.
  var markup: Markup {
    element(.div, ["class": "scroll", "tabindex": "0", "role": "group", "aria-label": caption]) {
      element(.table) {
        element(.caption) { caption }
        element(.thead) {
          element(.tr) {
            for column in columns { element(.th, ["scope": "col", "class": column.style]) { column.title } }
          }
        }
        element(.tbody) { for row in rows { body(of: row) } }
      }
    }
  }

  private func body(of row: [Cell]) -> Markup {
    element(.tr) {
      for (index, (column, cell)) in zip(columns, row).enumerated() {
        if index == 0 {
          element(.th, ["scope": "row", "class": column.style]) { cell.content }
        } else {
          element(.td, ["class": column.style]) {
            if cell.isBest { element(.strong) { cell.content } } else { cell.content }
          }
        }
      }
    }
  }
}
