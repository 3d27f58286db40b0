import Foundation

/// The fields of a `multipart/form-data` body (RFC 7578), read strictly: a body that two readers could take in two ways is refused.
package struct MultipartForm {
  package struct Field {
    package let name: String
    package let content: Data
  }

  package let fields: [Field]

  private static let lineBreak = Data("\r\n".utf8)
  private static let mostFields = 256
  private static let longestHeader = 8192

  /// - Parameter contentType: the request's, with its boundary.
  /// - Throws: ``APIError/syntax(_:)``.
  package init(_ body: Data, contentType: ContentType) throws {
    guard let boundary = contentType.parameters["boundary"], (1...70).contains(boundary.utf8.count) else {
      throw APIError.syntax("The multipart body's type names no boundary of 1 to 70 characters")
    }
    let delimiter = Data("--\(boundary)".utf8)
    guard body.starts(with: delimiter) else {
      throw APIError.syntax("The multipart body doesn't begin with its boundary")
    }
    var fields: [Field] = []
    var rest = body.dropFirst(delimiter.count)
    while !Self.isEnd(rest) {
      guard rest.starts(with: Self.lineBreak) else {
        throw APIError.syntax("A multipart boundary is not followed by a line break")
      }
      rest = rest.dropFirst(2)
      guard let end = rest.range(of: Self.lineBreak + delimiter) else {
        throw APIError.syntax("The multipart body ends without its closing boundary")
      }
      fields.append(try Self.field(rest[rest.startIndex..<end.lowerBound]))
      guard fields.count <= Self.mostFields else { throw APIError.syntax("The multipart body has too many fields") }
      rest = rest[end.upperBound...]
    }
    self.fields = fields
  }

  /// Whether the closing boundary's two hyphens stand here, with at most a line break behind them.
  private static func isEnd(_ rest: Data) -> Bool {
    rest.elementsEqual("--".utf8) || rest.elementsEqual("--\r\n".utf8)
  }

  private static func field(_ part: Data) throws -> Field {
    var rest = part
    var name: String?
    var size = 0
    while true {
      guard let end = rest.range(of: lineBreak) else { throw APIError.syntax("A multipart field has no content") }
      let line = rest[rest.startIndex..<end.lowerBound]
      rest = rest[end.upperBound...]
      if line.isEmpty { break }
      size += line.count
      guard size <= longestHeader, let text = String(data: line, encoding: .utf8), let colon = text.firstIndex(of: ":")
      else {
        throw APIError.syntax("A multipart field's header cannot be read")
      }
      switch text[..<colon].lowercased() {
      case "content-disposition":
        let disposition = ContentType(String(text[text.index(after: colon)...]))
        guard name == nil, disposition?.essence == "form-data", let found = disposition?.parameters["name"] else {
          throw APIError.syntax("A multipart field has no name, or two")
        }
        name = found
      case "content-transfer-encoding":
        throw APIError.syntax("A multipart field has a transfer encoding, which forms no longer use")
      default: break
      }
    }
    guard let name else { throw APIError.syntax("A multipart field has no name") }
    return Field(name: name, content: Data(rest))
  }
}
