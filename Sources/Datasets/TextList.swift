import Foundation

/// A text file that lists one thing a line; empty lines don't count.
struct TextList {
  let file: String
  private let lines: [Substring]

  /// - Throws: ``DatasetError``.
  init(_ file: URL) throws {
    self.file = file.path
    // In Swift, CR LF is one character, and a new line too.
    lines = try Files.text(Files.contents(of: file), of: file.path).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
  }

  /// What each line says.
  ///
  /// - Parameter expected: what a line should be, for the error about one that `read` gives `nil` for.
  /// - Throws: ``DatasetError/listLine(file:line:expected:found:)``.
  func map<Item>(expecting expected: String, _ read: (String) -> Item?) throws -> [Item] {
    try zip(1..., lines).compactMap { number, line in
      let text = line.trimmingCharacters(in: .whitespaces)
      guard !text.isEmpty else { return nil }
      guard let item = read(text) else {
        throw DatasetError.listLine(file: file, line: number, expected: expected, found: String(text.prefix(80)))
      }
      return item
    }
  }
}
