import Foundation

/// HTML and SVG as a value: text is always escaped and elements are always closed, since there is no other way to write
/// them.
///
/// The output is XML as well as HTML (every attribute quoted, empty elements closed), so that a plain XML parser can
/// check whether a page is well formed.
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

  /// Text, with any characters.
  init(_ text: String) { content = .text(text) }

  init(_ parts: [Markup]) { content = .sequence(parts) }

  init(_ tag: Tag, _ attributes: [Attribute], _ body: Markup) { content = .element(tag, attributes, body) }

  /// A style sheet of the package's own; it must not contain text from elsewhere.
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
  /// The text for use between tags and between quotes. Characters that neither XML nor HTML allows become U+FFFD.
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

/// Lets a function list markup as statements, with `if` and `for`.
@resultBuilder
enum MarkupBuilder {
  static func buildExpression(_ markup: Markup) -> Markup { markup }
  static func buildExpression(_ markup: Markup?) -> Markup { markup ?? .empty }
  static func buildExpression(_ text: String) -> Markup { Markup(text) }
  static func buildBlock(_ parts: Markup...) -> Markup { Markup(parts) }
  static func buildOptional(_ part: Markup?) -> Markup { part ?? .empty }
  static func buildEither(first part: Markup) -> Markup { part }
  static func buildEither(second part: Markup) -> Markup { part }
  static func buildArray(_ parts: [Markup]) -> Markup { Markup(parts) }
}

/// An element with its attributes and its content. An attribute without a value is left out.
///
/// - Parameter flags: names of attributes without values, such as `open`.
func element(
  _ tag: Tag, _ attributes: KeyValuePairs<String, String?> = [:], flags: [String] = [],
  @MarkupBuilder _ body: () -> Markup = { .empty }
) -> Markup {
  let named = attributes.map { Markup.Attribute(name: $0.key, value: $0.value) }
  return Markup(tag, named + flags.map { Markup.Attribute(name: $0, value: "") }, body())
}

/// Several parts as one.
func fragment(@MarkupBuilder _ body: () -> Markup) -> Markup { body() }

func paragraph(_ text: String, class name: String? = nil) -> Markup { element(.p, ["class": name]) { text } }

/// The elements that a report uses.
enum Tag: String, Sendable {
  // HTML
  case html, head, meta, title, style, body, header, main, nav, section, footer
  case h1, h2, h3, h4, p, ul, li, a, strong, span, div, code, br, abbr
  case figure, figcaption, img, details, summary
  case table, caption, thead, tbody, tr, th, td
  // SVG; its title is the one above
  case svg, desc, g, path, rect, line, circle, polyline, text

  /// Elements without a body.
  var isVoid: Bool {
    switch self {
    case .meta, .br, .img, .rect, .line, .circle, .path, .polyline: true
    default: false
    }
  }

  /// Whether the element is followed by a line break, for readers of the source.
  var endsLine: Bool {
    switch self {
    case .head, .style, .header, .nav, .section, .h1, .h2, .h3, .h4, .p, .li, .figure, .figcaption, .details, .svg,
      .tr, .thead, .tbody, .table, .g:
      true
    default: false
    }
  }
}

extension Double {
  /// The number with one decimal, for accuracies in percent.
  var percentText: String { String(format: "%.1f", self) }

  /// The number with one decimal and its sign, including a real minus.
  var differenceText: String {
    let rounded = (self * 10).rounded() / 10
    return rounded == 0 ? "0.0" : (rounded > 0 ? "+" : "−") + String(format: "%.1f", abs(rounded))
  }

  /// A p-value with three decimals, or "<" and the smallest one.
  var probabilityText: String { self < 0.001 ? "<\u{A0}0.001" : String(format: "%.3f", self) }

  /// A short form for coordinates of a drawing.
  var coordinate: String {
    let text = String(format: "%.2f", self)
    guard text.contains(".") else { return text }
    let short = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
    return short.isEmpty || short.elementsEqual("-") ? "0" : String(short.reversed())
  }
}

extension Int {
  /// A count with its noun, such as "1 image", "2 images", "12,000 images".
  func counted(_ noun: String, plural: String? = nil) -> String {
    "\(grouped) " + (self == 1 ? noun : plural ?? noun + "s")
  }

  /// The number with commas between thousands.
  var grouped: String {
    var text = ""
    for (index, digit) in String(magnitude).reversed().enumerated() {
      if index > 0, index.isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return (self < 0 ? "−" : "") + String(text.reversed())
  }
}

extension String {
  /// The text shortened to at most `length` characters; an ellipsis replaces the rest.
  func shortened(to length: Int) -> String { count <= length ? self : prefix(length - 1) + "…" }
}

extension Sequence<String> {
  /// A list such as "a", "a and b", "a, b and c".
  var listed: String {
    let all = Array(self)
    guard let last = all.last, all.count > 1 else { return all.first ?? "" }
    return all.dropLast().joined(separator: ", ") + " and " + last
  }
}
