/// Rows of cells under a heading, for a terminal and as Markdown.
struct TextTable: CustomStringConvertible {
  let header: [String]
  let rows: [[String]]
  /// How many columns of words stand before the numbers.
  let wordColumns: Int

  /// Columns aligned: words on the left, numbers on the right.
  var description: String {
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    return ([header] + rows).map { row in
      row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return column < wordColumns ? row[column] + padding : padding + row[column]
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  var markdown: String {
    let rule = header.indices.map { $0 < wordColumns ? "---" : "---:" }
    return ([header, rule] + rows).map {
      "| " + $0.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    .joined(separator: "\n")
  }
}
