/// An error that a person can act on: what is wrong, and what to do about it.
///
/// Each module has one struct of errors; its `problem` and `remedy` are written where the error is thrown, or in a
/// static function that takes the facts. The command line prints ``explanation`` as one line and exits with status 1.
public protocol UserFacingError: Error, CustomStringConvertible {
  /// The problem: the file or value, what was expected and what was found. A full sentence without its full stop.
  var problem: String { get }
  /// The remedy. A full sentence without its full stop, or `nil` where nothing can be done.
  var remedy: String? { get }
}

extension UserFacingError {
  /// Problem and remedy on one line, with control characters of hostile input made visible.
  public var explanation: String {
    let sentences = [problem, remedy].compactMap { $0 }.map { $0.hasSuffix("?") ? $0 : $0 + "." }
    return sentences.joined(separator: " ").onOneLine
  }

  public var description: String { explanation }
}

extension String {
  /// The text with every control character written as an escape, so that it stays on one line.
  public var onOneLine: String {
    unicodeScalars.reduce(into: "") { line, scalar in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: line += scalar.escaped(asASCII: true)
      default: line.unicodeScalars.append(scalar)
      }
    }
  }

  /// The candidate with the fewest edits from this text, if it is close enough to be a slip of the keyboard.
  ///
  /// - Complexity: O(n · m) for each candidate (Levenshtein distance).
  public func nearest(among candidates: some Sequence<String>) -> String? {
    let ranked = candidates.map { ($0, editDistance(to: $0)) }.min { $0.1 < $1.1 }
    guard let (candidate, distance) = ranked, distance <= max(2, count / 3) else { return nil }
    return candidate
  }

  private func editDistance(to other: String) -> Int {
    let target = Array(other)
    var previous = Array(0...target.count)
    for (row, character) in enumerated() {
      var current = [row + 1]
      for (column, candidate) in target.enumerated() {
        let substitution = previous[column] + (character == candidate ? 0 : 1)
        current.append(Swift.min(substitution, previous[column + 1] + 1, current[column] + 1))
      }
      previous = current
    }
    return previous[target.count]
  }
}
