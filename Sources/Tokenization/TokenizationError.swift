import Support

/// An error on the way from a text to its tokens.
public struct TokenizationError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension TokenizationError {
  /// A text that is too long; `tokens` counts the start and the end of the text, as `limit` does.
  public static func tooLong(text: String, tokens: Int, limit: Int) -> Self {
    Self(
      "\"\(text.excerpt)\" is \(tokens) tokens long with its start and its end, and the model reads at most \(limit)",
      remedy: "Shorten the name or the words around it")
  }

  public static func missingTable(name: String) -> Self {
    Self(
      "The tokenizer's table \(name).txt is missing or unreadable",
      remedy: "Restore it from the package, or build the package again")
  }

  public static func damagedTable(name: String, line: Int, expected: String) -> Self {
    Self(
      "The tokenizer's table \(name).txt is damaged: expected \(expected) in line \(line)",
      remedy: "Restore it from the package, or build the package again")
  }
}

extension String {
  /// The first 60 scalars, with an ellipsis for the rest: an over-long text would fill the terminal.
  fileprivate var excerpt: String {
    guard let end = unicodeScalars.index(startIndex, offsetBy: 60, limitedBy: endIndex), end != endIndex else {
      return self
    }
    return String(String.UnicodeScalarView(unicodeScalars[..<end])) + "…"
  }
}
