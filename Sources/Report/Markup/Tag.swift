/// The elements that a report is made of.
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

  /// Whether a line of the file ends behind the element, for those who read its source.
  var endsLine: Bool {
    switch self {
    case .head, .style, .header, .nav, .section, .h1, .h2, .h3, .h4, .p, .li, .figure, .figcaption, .details, .svg,
      .tr, .thead, .tbody, .table, .g:
      true
    default: false
    }
  }
}
