import Foundation
import Prediction

/// The correct forms of requests, for the errors about others.
enum RequestGuide {
  static let query = "Classes, top, model and mode are read, such as ?classes=cat,dog&top=3"
  static let form =
    "Send photos as fields 'image', and classes, top, model and mode as text, such as -F image=@photo.jpg "
    + "-F classes=cat,dog -F top=3"
  static let json =
    #"Send an object such as {"images": ["/9j/4AAQ…"], "classes": ["cat", "dog"], "top": 3}: "#
    + "images is a list of photos in base64; classes (a list of text), top (a whole number), model and mode (text) "
    + "may be left out"
  static let base64 =
    "Send the bytes of a photo's file, such as 'base64 photo.jpg' prints them; line breaks, data URLs, the URL-safe "
    + "alphabet and missing padding are read too"
  static let image = "Send a JPEG, PNG or WebP image"
}

/// A header's value with parameters, such as `multipart/form-data; boundary="x"` (RFC 9110, §5.6.6).
package struct ContentType: Equatable {
  /// The part before the parameters, in lower case.
  package let essence: String
  /// The parameters by their names in lower case.
  package let parameters: [String: String]

  /// - Returns: `nil` where the text has no such form, or has a parameter twice.
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

/// The parameters after a path's question mark, in the encoding of forms.
package struct QueryParameters {
  package let pairs: [(name: String, value: String)]

  /// - Throws: ``APIError/syntax(_:remedy:)`` where an escape is damaged or the bytes are not UTF-8.
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
        else {
          throw APIError.syntax("The query has a damaged escape after '%'", remedy: "Write a percent sign as %25")
        }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: bytes.append(byte)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw APIError.syntax("The query is not UTF-8", remedy: "Escape the bytes of UTF-8, such as caf%C3%A9 for café")
    }
    return text
  }
}

/// The fields of a `multipart/form-data` body (RFC 7578), read strictly: an ambiguous body is refused.
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
  /// - Throws: ``APIError/syntax(_:remedy:)``.
  package init(_ body: Data, contentType: ContentType) throws {
    guard let boundary = contentType.parameters["boundary"], (1...70).contains(boundary.utf8.count) else {
      throw Self.damaged("The multipart body's type names no boundary of 1 to 70 characters")
    }
    let delimiter = Data("--\(boundary)".utf8)
    guard body.starts(with: delimiter) else {
      throw Self.damaged("The multipart body doesn't begin with its boundary")
    }
    var fields: [Field] = []
    var rest = body.dropFirst(delimiter.count)
    while !Self.isEnd(rest) {
      guard rest.starts(with: Self.lineBreak) else {
        throw Self.damaged("A multipart boundary is not followed by a line break")
      }
      rest = rest.dropFirst(2)
      guard let end = rest.range(of: Self.lineBreak + delimiter) else {
        throw Self.damaged("The multipart body ends without its closing boundary")
      }
      fields.append(try Self.field(rest[rest.startIndex..<end.lowerBound]))
      guard fields.count <= Self.mostFields else { throw Self.damaged("The multipart body has too many fields") }
      rest = rest[end.upperBound...]
    }
    self.fields = fields
  }

  /// Whether the closing boundary's two hyphens are next, with at most a line break after them.
  private static func isEnd(_ rest: Data) -> Bool {
    rest.elementsEqual("--".utf8) || rest.elementsEqual("--\r\n".utf8)
  }

  private static func field(_ part: Data) throws -> Field {
    var rest = part
    var name: String?
    var size = 0
    while true {
      guard let end = rest.range(of: lineBreak) else { throw Self.damaged("A multipart field has no content") }
      let line = rest[rest.startIndex..<end.lowerBound]
      rest = rest[end.upperBound...]
      if line.isEmpty { break }
      size += line.count
      guard size <= longestHeader, let text = String(data: line, encoding: .utf8), let colon = text.firstIndex(of: ":")
      else {
        throw Self.damaged("A multipart field's header cannot be read")
      }
      switch text[..<colon].lowercased() {
      case "content-disposition":
        let disposition = ContentType(String(text[text.index(after: colon)...]))
        guard name == nil, disposition?.essence == "form-data", let found = disposition?.parameters["name"] else {
          throw Self.damaged("A multipart field has no name, or two")
        }
        name = found
      case "content-transfer-encoding":
        // Older clients send an encoding that leaves the bytes as they are.
        let encoding = text[text.index(after: colon)...].trimmingCharacters(in: .whitespaces).lowercased()
        guard ["binary", "8bit", "7bit"].contains(encoding) else {
          throw APIError.syntax(
            "A multipart field has the transfer encoding '\(encoding.prefix(40))', which forms no longer use",
            remedy: "Send its bytes as they are. " + RequestGuide.form)
        }
      default: break
      }
    }
    guard let name else { throw Self.damaged("A multipart field has no name") }
    return Field(name: name, content: Data(rest))
  }

  private static func damaged(_ problem: String) -> APIError { .syntax(problem, remedy: RequestGuide.form) }
}

/// The body of `POST /v1/classify` as JSON: images in base64, and options. An unknown field or a null is refused.
package struct JSONRequest: Decodable {
  package let images: [Data]
  let options: ClassifyRequest.Options

  /// - Throws: ``APIError``, with the field, the expected type and the one that was found.
  package init(_ body: Data) throws {
    do {
      self = try JSONDecoder().decode(JSONRequest.self, from: body)
    } catch is DecodingError {
      throw APIError.syntax("The body is not JSON", remedy: RequestGuide.json)
    }
  }

  private enum Field: String, CodingKey, CaseIterable { case images, classes, top, model, mode }

  private struct AnyField: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  package init(from decoder: any Decoder) throws {
    let kind = try ValueKind(from: decoder)
    guard kind == .object else {
      throw APIError.syntax("The body is JSON, but \(kind.rawValue) and no object", remedy: RequestGuide.json)
    }
    let all = try decoder.container(keyedBy: AnyField.self)
    if let unknown = all.allKeys.first(where: { Field(rawValue: $0.stringValue) == nil }) {
      throw APIError.syntax("There is no field '\(unknown.stringValue.prefix(40))'", remedy: RequestGuide.json)
    }
    let container = try decoder.container(keyedBy: Field.self)
    func value<Value: Decodable>(_ field: Field, _ expected: String, _ type: Value.Type = Value.self) throws -> Value? {
      guard container.contains(field) else { return nil }
      do {
        return try container.decode(type, forKey: field)
      } catch {
        let found = try container.decode(ValueKind.self, forKey: field)
        // A number that is both expected and found is not an integer, or is out of range.
        var problem = "it must be \(expected)" + (found == .number && field == .top ? "" : ", found \(found.rawValue)")
        if found == .list, field == .images || field == .classes {
          let entry = (error as? DecodingError)?.entry
          problem = entry.map { "entry \($0 + 1) must be text" } ?? "its entries must be text"
        }
        throw APIError.field(name: field.rawValue, problem: problem, remedy: RequestGuide.json)
      }
    }
    let texts: [String] = try value(.images, "a list of photos in base64") ?? []
    images = try texts.enumerated().map { index, text in
      do {
        return try Base64.bytes(text)
      } catch let fault as Base64.Fault {
        throw APIError.field(
          name: "images", problem: "entry \(index + 1) \(fault.text)", remedy: RequestGuide.base64)
      }
    }
    options = ClassifyRequest.Options(
      classes: try value(.classes, "a list of text"), top: try value(.top, "a whole number"),
      model: try value(.model, "text"), mode: try value(.mode, "text"))
  }
}

extension DecodingError {
  /// The index of the list entry that the error is about.
  fileprivate var entry: Int? {
    switch self {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      context.codingPath.last?.intValue
    case .keyNotFound: nil
    @unknown default: nil
    }
  }
}

/// The kind of a JSON value, without its content.
private enum ValueKind: String, Decodable {
  case null
  case boolean = "true or false"
  case text
  case number = "a number"
  case list = "a list"
  case object = "an object"

  init(from decoder: any Decoder) throws {
    if (try? decoder.container(keyedBy: Key.self)) != nil {
      self = .object
    } else if (try? decoder.unkeyedContainer()) != nil {
      self = .list
    } else {
      let value = try decoder.singleValueContainer()
      self =
        if value.decodeNil() {
          .null
        } else if (try? value.decode(Bool.self)) != nil {
          .boolean
        } else if (try? value.decode(String.self)) != nil {
          .text
        } else {
          .number
        }
    }
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
