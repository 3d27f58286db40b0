import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// A page as an XML parser reads it: one that is not well formed is an error.
final class Page: NSObject, XMLParserDelegate {
  let text: String
  private(set) var ids: [String] = []
  /// The targets of links, and the ids of drawings' titles.
  private(set) var references: [String] = []
  /// The sources of images.
  private(set) var images: [String] = []
  /// The tables: rows of cells.
  private(set) var tables: [[[String]]] = []
  private var elements: [String: [String]] = [:]
  private var open: [(name: String, text: String)] = []

  init(_ text: String) throws {
    self.text = text
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    #expect(parser.parse(), "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "")")
  }

  /// The texts of all elements of one name, in the order of their ends.
  func texts(of name: String) -> [String] { elements[name] ?? [] }
  func count(of name: String) -> Int { texts(of: name).count }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    open.append((name, ""))
    if let id = attributes["id"] { ids.append(id) }
    if let link = attributes["href"] { references.append(String(link.dropFirst())) }
    references += (attributes["aria-labelledby"] ?? "").split(separator: " ").map(String.init)
    if name == "img" { images.append(attributes["src"] ?? "") }
    if name == "table" { tables.append([]) }
    if name == "tr" { tables[tables.count - 1].append([]) }
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    for index in open.indices { open[index].text += text }
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    guard let ended = open.popLast() else { return }
    let text = ended.text.trimmingCharacters(in: .whitespacesAndNewlines)
    elements[name, default: []].append(text)
    if name == "th" || name == "td", let table = tables.indices.last, let row = tables[table].indices.last {
      tables[table][row].append(text)
    }
  }
}
