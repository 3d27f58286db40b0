import Foundation
import PromptLearning
import Runs

/// The context vectors of one run, read as words.
struct WordsSection {
  let row: MethodRow
  let words: ContextWords
  let id: String

  /// The most sets of class-specific contexts that are shown.
  private static let mostSets = 6

  var markup: Markup? {
    let learned = words.contexts.filter { $0.image == nil }
    guard !learned.isEmpty else { return nil }
    let shifted = words.contexts.first { $0.image != nil }
    return element(.section, ["id": id]) {
      element(.h4) { "Context vectors of \(row.tableLabel) as words" }
      paragraph(
        "The vocabulary entries nearest to each vector, with their Euclidean distances. A hyphen marks what only begins a"
          + " word. A vector may be far from every word, so this is a hint and no translation.")
      if let shifted {
        paragraph(
          "The last column shows the same vectors shifted by the token of one image,"
            + " \(shifted.image.map { URL(filePath: $0).lastPathComponent } ?? "").")
      }
      for context in learned.prefix(Self.mostSets) { table(context, shifted).markup }
      if learned.count > Self.mostSets {
        paragraph("Shown are \(Self.mostSets) of \(learned.count.grouped) classes.", class: "note")
      }
    }
  }

  private func table(_ context: ContextWords.Context, _ shifted: ContextWords.Context?) -> DataTable {
    DataTable(
      caption: context.class.map { "Vectors of the class \($0)" } ?? "Vectors of all classes",
      columns: [.text("Vector"), .text("as learned")] + (shifted == nil ? [] : [.text("with the image")]),
      rows: context.vectors.indices.map { index in
        let moved = shifted.flatMap { $0.vectors.indices.contains(index) ? $0.vectors[index] : nil }
        return [.init("v\(index + 1)"), cell(context.vectors[index])] + (moved.map { [cell($0)] } ?? [])
      })
  }

  private func cell(_ matches: [NearestWords.Match]) -> DataTable.Cell {
    DataTable.Cell(
      Markup(
        matches.map { match in
          element(.span, ["class": "word"]) {
            element(.code) { match.word }
            element(.span, ["class": "muted"]) { " \(String(format: "%.2f", match.distance))" }
          }
        }))
  }
}
