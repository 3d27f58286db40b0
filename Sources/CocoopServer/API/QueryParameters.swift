/// The parameters behind a path's question mark, as forms encode them.
package struct QueryParameters {
  package let pairs: [(name: String, value: String)]

  /// - Throws: ``APIError/syntax(_:)`` where an escape is damaged or the bytes are not UTF-8.
  package init(_ query: String?) throws {
    pairs = try (query ?? "").utf8.split(separator: UInt8(ascii: "&")).map { pair in
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      return (try Self.decoded(parts[0]), try parts.count == 2 ? Self.decoded(parts[1]) : "")
    }
  }

  private static func decoded(_ text: Substring.UTF8View) throws -> String {
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        let digits = rest.prefix(2)
        guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
          let value = UInt8(String(Substring(digits)), radix: 16)
        else { throw APIError.syntax("The query has a damaged escape after '%'") }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: bytes.append(byte)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw APIError.syntax("The query is not UTF-8") }
    return text
  }
}
