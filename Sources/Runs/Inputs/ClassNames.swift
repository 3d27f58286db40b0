import Datasets
import Foundation
import Support

/// Class names as the user lists them.
public struct ClassNames: Sendable, Equatable {
  public let names: [String]

  /// - Parameters:
  ///   - list: names with commas between them, or a list in JSON (``ClassNamesInJSON``).
  ///   - file: the path of a file with one name a line, of a list in JSON, or of a table (CSV) whose column `class`
  ///     holds names, each of them perhaps several times.
  /// - Returns: `nil` where neither is given.
  /// - Throws: ``RunError/classList(source:problem:)``.
  public init?(list: String?, file: String?) throws {
    if let list {
      names = try Self.checked(Self.entries(of: list, source: "--classes"), source: "--classes")
    } else if let file {
      names = try Self.checked(Self.entries(ofFile: file), source: file)
    } else {
      return nil
    }
  }

  /// - Parameters:
  ///   - entries: names as they were sent or typed.
  ///   - source: the list's name in errors.
  /// - Throws: ``RunError/classList(source:problem:)`` where a name is empty or occurs twice.
  package init(_ entries: [String], source: String) throws {
    names = try Self.checked(entries, source: source)
  }

  /// The names of a list that was typed or sent: separated by commas, or in JSON.
  ///
  /// - Throws: ``RunError/classList(source:problem:)`` where it begins as JSON but is not valid.
  package static func entries(of list: String, source: String) throws -> [String] {
    if let json = try ClassNamesInJSON(list, source: source) { return json.names }
    return list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private static func entries(ofFile file: String) throws -> [String] {
    func refused(_ problem: String) -> RunError { .classList(source: file, problem: problem) }
    let data: Data
    do {
      guard try FileSystem.kind(of: file) != .folder else { throw refused("it is a folder") }
      data = try FileSystem.contents(of: file)
    } catch let reason as SystemReason {
      throw refused(reason.isAbsence ? "there is no such file" : "it cannot be read")
    }
    do {
      let ending = FolderListing.fileExtension(of: file)?.lowercased() ?? ""
      if ["csv", "tsv"].contains(ending) { return try CSVTable(data, of: file).classNames() }
      let text = try text(data, of: file)
      if let json = try ClassNamesInJSON(text, source: file) { return json.names }
      return lines(of: text)
    } catch let error as DatasetError {
      guard case .table(let problem) = error.kind else { throw refused(error.problem) }
      throw refused(problem)
    }
  }

  private static func text(_ data: Data, of file: String) throws -> String {
    guard !data.isEmpty else { return "" }
    let text = try DatasetText.decoded(data, of: file)
    guard !text.utf8.contains(0) else { throw DatasetError.notText(file: file) }
    return text
  }

  private static func lines(of text: String) -> [String] {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    while lines.last?.allSatisfy(\.isWhitespace) == true { lines.removeLast() }
    return lines.map(String.init)
  }

  private static func checked(_ entries: [String], source: String) throws -> [String] {
    let names = entries.map(PromptTemplate.words(of:))
    guard !names.isEmpty else { throw RunError.classList(source: source, problem: "it names no class") }
    if let index = names.firstIndex(of: "") {
      throw RunError.classList(source: source, problem: "name \(index + 1) is empty")
    }
    var seen: Set<String> = []
    if let twice = names.first(where: { !seen.insert($0).inserted }) {
      throw RunError.classList(source: source, problem: "'\(twice)' stands in it twice")
    }
    return names
  }
}

/// Class names in JSON, in the common forms: `["cat", "dog"]`, `{"classes": […]}`, `{"0": "cat", "1": "dog"}`,
/// `{"0": ["n02123045", "tabby"]}` as for ImageNet, `{"cat": 0, "dog": 1}` as from torchvision and Hugging Face, and
/// `[{"id": 1, "name": "cat"}]` as from COCO.
struct ClassNamesInJSON {
  let names: [String]

  /// The keys under which an object may have its list.
  private static let listKeys = [
    "classes", "class_names", "names", "labels", "id2label", "label2id", "class_to_idx", "categories",
  ]

  /// - Returns: `nil` for a text that doesn't begin as JSON: names may be anything else.
  /// - Throws: ``RunError/classList(source:problem:)``, with the entry.
  init?(_ text: String, source: String) throws {
    let opening = text.unicodeScalars.first { !$0.properties.isWhitespace && $0 != "\u{FEFF}" }
    guard opening == "[" || opening == "{" else { return nil }
    guard let value = try? JSONValue(parsing: Data(text.utf8)) else {
      throw RunError.classList(
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
    func refused(_ problem: String) -> RunError { .classList(source: source, problem: problem) }
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
    _ entries: [(index: Int, name: String, key: String)], _ refused: (String) -> RunError
  ) throws -> [String] {
    let sorted = entries.sorted { ($0.index, $0.key) < ($1.index, $1.key) }
    if let (first, second) = zip(sorted, sorted.dropFirst()).first(where: { $0.index == $1.index }) {
      throw refused("the entries '\(first.key)' and '\(second.key)' have one number, \(first.index)")
    }
    return sorted.map(\.name)
  }
}

extension JSONValue {
  /// The name in an entry: a text, the name of an object, or the second of a WordNet number and a name.
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
