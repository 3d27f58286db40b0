import Testing

/// A text as an argument of a test: the test run prints its beginning, on one line, however long it is.
public struct Excerpt: Sendable, Equatable, CustomTestStringConvertible {
  public let text: String

  public init(_ text: String) { self.text = text }

  public var testDescription: String {
    let beginning = text.prefix(40).debugDescription
    return text.count > 40 ? "\(beginning) and \(text.count - 40) characters more" : beginning
  }
}

extension [String] {
  /// The texts as arguments that are printed in short form.
  public var excerpts: [Excerpt] { map(Excerpt.init) }
}

extension Array {
  /// Texts as arguments that are printed in short form, with their related values.
  public func excerptPairs<Other>() -> [(Excerpt, Other)] where Element == (String, Other) { map { (Excerpt($0), $1) } }
}
