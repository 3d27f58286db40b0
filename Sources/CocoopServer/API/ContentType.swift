/// A header's value with parameters, such as `multipart/form-data; boundary="x"` (RFC 9110, §5.6.6).
package struct ContentType: Equatable {
  /// What stands before the parameters, in lower case.
  package let essence: String
  /// By names in lower case.
  package let parameters: [String: String]

  /// - Returns: `nil` where the text has no such form, or names a parameter twice.
  package init?(_ text: String) {
    var rest = Substring(text)
    essence = Self.trimmed(rest.prefix { $0 != ";" }).lowercased()
    rest = rest.drop { $0 != ";" }
    guard !essence.isEmpty else { return nil }
    var parameters: [String: String] = [:]
    while !rest.isEmpty {
      rest = rest.dropFirst().drop { $0 == " " || $0 == "\t" }  // the semicolon
      if rest.isEmpty { break }
      guard let equals = rest.firstIndex(of: "=") else { return nil }
      let name = Self.trimmed(rest[..<equals]).lowercased()
      rest = rest[rest.index(after: equals)...]
      guard let value = rest.first == "\"" ? Self.quoted(&rest) : Self.plain(&rest), !name.isEmpty,
        parameters.updateValue(value, forKey: name) == nil
      else { return nil }
      rest = rest.drop { $0 == " " || $0 == "\t" }
      guard rest.isEmpty || rest.first == ";" else { return nil }
    }
    self.parameters = parameters
  }

  private static func plain(_ rest: inout Substring) -> String? {
    let value = trimmed(rest.prefix { $0 != ";" })
    rest = rest.drop { $0 != ";" }
    return value.isEmpty || value.contains("\"") ? nil : value
  }

  private static func quoted(_ rest: inout Substring) -> String? {
    rest = rest.dropFirst()
    var value = ""
    while let character = rest.popFirst() {
      switch character {
      case "\"": return value
      case "\\":
        guard let escaped = rest.popFirst() else { return nil }
        value.append(escaped)
      default: value.append(character)
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
