import Foundation

/// The body of `POST /v1/classify` as JSON: images in base64, options beside them. A field that is not known, or is null, is refused.
struct JSONRequest: Decodable {
  let images: [Data]
  let options: ClassifyRequest.Options

  /// - Throws: ``APIError``, which names the field.
  static func read(_ body: Data) throws -> JSONRequest {
    do {
      return try JSONDecoder().decode(JSONRequest.self, from: body)
    } catch let error as DecodingError {
      throw APIError(error)
    }
  }

  private enum Field: String, CodingKey, CaseIterable { case images, classes, top, model, mode }

  private struct AnyField: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let all = try decoder.container(keyedBy: AnyField.self)
    if let unknown = all.allKeys.first(where: { Field(rawValue: $0.stringValue) == nil }) {
      throw APIError.syntax("There is no field '\(unknown.stringValue.prefix(40))'")
    }
    let container = try decoder.container(keyedBy: Field.self)
    func value<Value: Decodable>(_ field: Field, _ type: Value.Type = Value.self) throws -> Value? {
      container.contains(field) ? try container.decode(type, forKey: field) : nil
    }
    images = try (value(.images, [String].self) ?? []).enumerated().map { index, text in
      guard let data = Data(base64Encoded: text) else {
        throw APIError.field(name: "images", problem: "entry \(index + 1) is not base64")
      }
      return data
    }
    options = ClassifyRequest.Options(
      classes: try value(.classes), top: try value(.top), model: try value(.model), mode: try value(.mode))
  }
}

extension APIError {
  fileprivate init(_ error: DecodingError) {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context):
      guard let field = context.codingPath.first else {
        self = .syntax("The body is JSON, but no object")
        return
      }
      self = .field(name: field.stringValue, problem: "its value is of another type than expected")
    case .dataCorrupted(let context):
      guard let field = context.codingPath.first else {
        self = .syntax("The body is not JSON")
        return
      }
      self = .field(name: field.stringValue, problem: "its value cannot be used")
    @unknown default: self = .syntax("The body is not the JSON that is expected")
    }
  }
}
