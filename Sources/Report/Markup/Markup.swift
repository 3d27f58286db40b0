/// HTML and SVG as a value: text is escaped and elements are closed because there is no other way to write them.
///
/// What is rendered is XML as well as HTML (every attribute quoted, empty elements closed), so that a plain XML parser
/// can say whether a page is well formed.
struct Markup: Sendable, Equatable {
  private indirect enum Content: Sendable, Equatable {
    case text(String)
    case element(Tag, [Attribute], Markup)
    case sequence([Markup])
    case stylesheet(String)
  }

  /// A name and its value; without a value, the attribute is left out.
  struct Attribute: Sendable, Equatable {
    let name: String
    let value: String?
  }

  private let content: Content

  static let empty = Markup(content: .sequence([]))

  private init(content: Content) { self.content = content }

  /// Text, whatever is in it.
  init(_ text: String) { content = .text(text) }

  init(_ parts: [Markup]) { content = .sequence(parts) }

  init(_ tag: Tag, _ attributes: [Attribute], _ body: Markup) { content = .element(tag, attributes, body) }

  /// A style sheet of the package's own; no text from elsewhere belongs in it.
  static func stylesheet(_ text: String) -> Markup { Markup(content: .stylesheet(text)) }

  var isEmpty: Bool {
    if case .sequence(let parts) = content { return parts.allSatisfy(\.isEmpty) }
    return false
  }

  /// The text of the page.
  func render() -> String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch content {
    case .text(let plain): text += plain.escaped
    case .stylesheet(let style): text += style
    case .sequence(let parts): for part in parts { part.write(to: &text) }
    case .element(let tag, let attributes, let body):
      text += "<\(tag.rawValue)"
      for attribute in attributes {
        if let value = attribute.value { text += " \(attribute.name)=\"\(value.escaped)\"" }
      }
      guard !tag.isVoid else {
        text += "/>"
        return
      }
      text += ">"
      body.write(to: &text)
      text += "</\(tag.rawValue)>" + (tag.endsLine ? "\n" : "")
    }
  }
}

extension String {
  /// Fit to stand between tags and between quotes. Characters that neither XML nor HTML allows become U+FFFD.
  fileprivate var escaped: String {
    var result = ""
    result.reserveCapacity(utf8.count)
    for scalar in unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
