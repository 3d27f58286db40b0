import Foundation
import Support

/// A request to `predict --stream`: images, and what to answer about them.
public struct PredictionRequest: Sendable {
  public let photos: [Photo]
  /// The classes to choose from; `nil` for those of the run or the command line.
  public let classes: [String]?
  /// How many classes to tell of each image; `nil` for as many as the command line says.
  public let top: Int?

  private static let fields = ["id", "images", "classes", "top"]

  /// - Parameter json: an object with `images`, a list of paths and of objects with `path`, or with `base64` and perhaps
  ///   `name`; and perhaps `id`, `classes` and `top`.
  /// - Throws: ``PredictionError/request(_:)``.
  public init(_ json: JSONValue) throws {
    guard let object = json.object else {
      throw PredictionError.request("The request is \(json.noun), where an object was expected")
    }
    try Self.check(object, fields: Self.fields, of: "The request")
    guard let images = object["images"]?.array, !images.isEmpty else {
      throw PredictionError.request("The request has no list 'images' with an image in it")
    }
    photos = try images.enumerated().map { try Self.photo($1, number: $0 + 1) }
    classes = try object["classes"].map { list in
      let names = list.array?.compactMap(\.string)
      guard let names, names.count == list.array?.count else {
        throw PredictionError.request("'classes' must be a list of text")
      }
      return names
    }
    top = try object["top"].map { value in
      guard let top = value.integer, top >= 1 else {
        throw PredictionError.request("'top' must be a whole number from 1, found \(value)")
      }
      return top
    }
  }

  private static func photo(_ entry: JSONValue, number: Int) throws -> Photo {
    if let path = entry.string { return .file(path) }
    guard let object = entry.object else {
      throw PredictionError.request("Image \(number) is \(entry.noun), where a path or an object was expected")
    }
    try check(object, fields: ["path", "base64", "name"], of: "Image \(number)")
    switch (object["path"], object["base64"]) {
    case (.string(let path)?, nil) where object["name"] == nil: return .file(path)
    case (nil, .string(let text)?):
      let name = object["name"]?.string ?? "image \(number)"
      do {
        return .encoded(try Base64.bytes(text), name: name)
      } catch let fault as Base64.Fault {
        throw PredictionError.request("The text of image \(number) \(fault.text)")
      }
    default:
      throw PredictionError.request("Image \(number) must have the text 'path', or 'base64' and perhaps 'name'")
    }
  }

  private static func check(_ object: [String: JSONValue], fields: [String], of owner: String) throws {
    guard let unknown = object.keys.filter({ !fields.contains($0) }).min() else { return }
    throw PredictionError.request("\(owner) has a field '\(unknown.prefix(40))', and only \(fields.listed) are known")
  }
}

/// The answer of `predict --stream` to a request: one result for each image in the order sent, or an error.
public struct PredictionAnswer: Sendable, Encodable {
  /// The request's own mark; `nil` where it had none.
  public let id: JSONValue?
  public let results: [Prediction]?
  public let error: String?

  public init(id: JSONValue?, results: [Prediction]) { (self.id, self.results, error) = (id, results, nil) }

  public init(id: JSONValue?, error: String) { (self.id, results, self.error) = (id, nil, error) }

  /// The answer as a line of JSON.
  public func line() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}

extension JSONValue {
  fileprivate var noun: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension [String] {
  /// "a, b and c", each in quotes.
  fileprivate var listed: String {
    let quoted = map { "'\($0)'" }
    return [quoted.dropLast().joined(separator: ", "), quoted.last ?? ""].filter { !$0.isEmpty }.joined(
      separator: " and ")
  }
}
