/// Text as a field of a CSV file (RFC 4180).
package enum CSVField {
  /// The text, in quotes where it needs them.
  package static func text(_ text: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy { !",\"\r\n".unicodeScalars.contains($0) }
    return isPlain ? text : "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}
