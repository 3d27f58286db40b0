import Support

/// What can go wrong between a text and its tokens.
public enum TokenizationError: UserFacingError, Equatable {
  /// `tokens` counts the start and the end of the text, as `limit` does.
  case tooLong(text: String, tokens: Int, limit: Int)
  case missingTable(name: String)
  case damagedTable(name: String, line: Int, expected: String)

  public var problem: String {
    switch self {
    case .tooLong(let text, let tokens, let limit):
      "\"\(text.excerpt)\" is \(tokens) tokens long with its start and its end, and the model reads at most \(limit)"
    case .missingTable(let name):
      "The tokenizer's table \(name).txt is missing or unreadable"
    case .damagedTable(let name, let line, let expected):
      "The tokenizer's table \(name).txt is damaged: expected \(expected) in line \(line)"
    }
  }

  public var remedy: String? {
    switch self {
    case .tooLong: "Shorten the name or the words around it"
    case .missingTable, .damagedTable: "Restore it from the package, or build the package again"
    }
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
