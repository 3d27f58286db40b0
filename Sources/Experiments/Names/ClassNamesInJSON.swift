import Explanations
import Foundation

/// Class names in JSON, in the forms that are met: `["cat", "dog"]`, `{"classes": […]}`, `{"0": "cat", "1": "dog"}`,
/// `{"0": ["n02123045", "tabby"]}` as ImageNet's, `{"cat": 0, "dog": 1}` as torchvision's and Hugging Face's, and
/// `[{"id": 1, "name": "cat"}]` as COCO's.
struct ClassNamesInJSON {
  let names: [String]

  /// The keys under which an object keeps its list.
  private static let listKeys = [
    "classes", "class_names", "names", "labels", "id2label", "label2id", "class_to_idx", "categories",
  ]

  /// - Returns: `nil` for a text that doesn't begin as JSON: names may be anything else.
  /// - Throws: ``ExperimentError/classList(source:problem:)``, which names the entry.
  init?(_ text: String, source: String) throws {
    let opening = text.unicodeScalars.first { !$0.properties.isWhitespace && $0 != "\u{FEFF}" }
    guard opening == "[" || opening == "{" else { return nil }
    guard let value = try? JSONValue(parsing: Data(text.utf8)) else {
      throw ExperimentError.classList(
        source: source, problem: "it begins as JSON and is none" + (Self.fault(in: text).map { ": \($0)" } ?? ""))
    }
    names = try Self.names(in: value, source: source)
  }

  private static func fault(in text: String) -> String? {
    do {
      _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
      return nil
    } catch {
      return ((error as NSError).userInfo["NSDebugDescription"] as? String).map {
        $0.hasSuffix(".") ? String($0.dropLast()) : $0
      }
    }
  }

  private static func names(in value: JSONValue, source: String) throws -> [String] {
    func refused(_ problem: String) -> ExperimentError { .classList(source: source, problem: problem) }
    switch value {
    case .array(let entries):
      return try entries.enumerated().map { index, entry in
        guard let name = entry.name else {
          throw refused("entry \(index + 1) is \(entry.noun), where a name was expected")
        }
        return name
      }
    case .object(let entries):
      if let key = listKeys.first(where: { entries[$0]?.holdsMany == true }), let list = entries[key] {
        return try names(in: list, source: source)
      }
      let positions = entries.compactMap { key, value in value.integer.map { (index: $0, name: key, key: key) } }
      if !entries.isEmpty, positions.count == entries.count { return try ordered(positions, refused) }
      return try ordered(
        entries.map { key, value in
          guard let index = Int(key) else {
            throw refused("the key '\(key.prefix(40))' is no number of a class, as in {\"0\": \"cat\", \"1\": \"dog\"}")
          }
          guard let name = value.name else {
            throw refused("entry '\(key)' is \(value.noun), where a name was expected")
          }
          return (index, name, key)
        }, refused)
    default: throw refused("it is \(value.noun), where a list of names was expected")
    }
  }

  /// Names in the order of their numbers.
  private static func ordered(
    _ entries: [(index: Int, name: String, key: String)], _ refused: (String) -> ExperimentError
  ) throws -> [String] {
    let sorted = entries.sorted { ($0.index, $0.key) < ($1.index, $1.key) }
    if let (first, second) = zip(sorted, sorted.dropFirst()).first(where: { $0.index == $1.index }) {
      throw refused("the entries '\(first.key)' and '\(second.key)' have one number, \(first.index)")
    }
    return sorted.map(\.name)
  }
}

extension JSONValue {
  /// A text, the name of an object, or the second of a WordNet number and a name.
  fileprivate var name: String? {
    switch self {
    case .string(let text): return text
    case .object(let entries): return ["name", "label", "class"].lazy.compactMap { entries[$0]?.name }.first
    case .array(let pair):
      guard pair.count == 2, let number = pair[0].string, number.wholeMatch(of: /n\d{8}/) != nil else { return nil }
      return pair[1].string
    default: return nil
    }
  }

  fileprivate var holdsMany: Bool { array != nil || object != nil }

  fileprivate var noun: String {
    switch self {
    case .string: "a text"
    case .integer, .number: "a number"
    case .bool: "true or false"
    case .null: "null"
    case .array: "a list"
    case .object: "an object"
    }
  }
}
