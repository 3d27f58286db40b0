import Foundation
import Support
import Yams

/// One of the reference's YAML files, as settings by their full names (`OPTIM.LR`).
///
/// The reader supports what the reference's files contain: sections, texts, numbers and lists. Aliases, with which a
/// short file can describe billions of values, are refused, and so is a name that is set twice.
struct YAMLConfiguration: Sendable {
  /// The settings in the order of the file.
  let settings: [Setting]

  struct Setting: Sendable, Equatable {
    let name: String
    let value: ConfigurationValue
  }

  /// The largest size in bytes: more than any configuration needs.
  private static let largest = 1 << 20
  /// The deepest nesting: deeper files would exhaust the stack of the parser.
  private static let deepest = 100

  /// - Throws: ``CompatibilityError``.
  init(path: String) throws {
    let file = URL(filePath: path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CompatibilityError.noFile(path: path)
    }
    let unreadable = CompatibilityError.yaml(path: path, line: nil, reason: "it cannot be read")
    guard !isFolder.boolValue, let handle = try? FileHandle(forReadingFrom: file) else { throw unreadable }
    let data: Data
    do {
      data = try handle.read(upToCount: Self.largest + 1) ?? Data()
    } catch {
      throw unreadable
    }
    try self.init(data, path: path)
  }

  /// - Parameter path: the file's path in errors.
  init(_ data: Data, path: String) throws {
    func refusal(_ reason: String, line: Int? = nil) -> CompatibilityError {
      .yaml(path: path, line: line, reason: reason)
    }
    guard data.count <= Self.largest else { throw refusal("it is larger than 1 MB") }
    guard let text = String(data: data, encoding: .utf8), !text.contains("\0") else {
      throw refusal("it is not UTF-8 text")
    }
    try Self.checkForm(of: text, refusal)
    let root: Node?
    do {
      root = try Parser(yaml: text, encoding: .utf8).singleRoot()
    } catch let error as YamlError {
      throw refusal(error.reason, line: error.line)
    }
    guard let root, root.null == nil else {
      settings = []
      return
    }
    guard let sections = root.mapping else { throw refusal("it does not begin with sections such as 'OPTIM:'") }
    settings = try Self.settings(in: sections, under: "", refusal)
  }

  /// Refuses input that is dangerous for the parser, line by line.
  private static func checkForm(of text: String, _ refusal: (String, Int?) -> CompatibilityError) throws {
    var (brackets, anchors, aliases) = (0, Set<Substring>(), [Substring: Int]())
    for (index, line) in text.split(separator: /\r\n|\n|\r/, omittingEmptySubsequences: false).enumerated() {
      let indentation = line.prefix { " -?:\t".contains($0) }
      if indentation.contains("\t"), indentation.count < line.count, line.dropFirst(indentation.count).first != "#" {
        throw refusal("a tab indents it", index + 1)
      }
      brackets += line.count { "[{".contains($0) }
      guard indentation.count <= deepest, brackets <= deepest else {
        throw refusal("it is nested too deeply", index + 1)
      }
      // Closing brackets count for the lines after, so that the depth is at most what was counted.
      brackets -= min(brackets, line.count { "]}".contains($0) })
      for match in line.matches(of: /([&*])([A-Za-z0-9_-]+)/) {
        if match.1 == "&" { anchors.insert(match.2) } else { aliases[match.2] = aliases[match.2] ?? index + 1 }
      }
    }
    if let (name, line) = aliases.filter({ anchors.contains($0.key) }).min(by: { $0.value < $1.value }) {
      throw refusal("the alias '*\(name)' is not supported", line)
    }
  }

  private static func settings(
    in section: Node.Mapping, under prefix: String, _ refusal: (String, Int?) -> CompatibilityError
  ) throws -> [Setting] {
    try section.flatMap { key, node in
      guard case .scalar(let scalar) = key, !scalar.string.isEmpty else {
        throw refusal("a name must be a text", key.mark?.line)
      }
      let name = prefix + scalar.string
      if let section = node.mapping {
        try checkTag(of: node, refusal)
        return try settings(in: section, under: name + ".", refusal)
      }
      return [Setting(name: name, value: try value(of: node, refusal))]
    }
  }

  /// Refuses explicit types of values, such as Python's objects.
  private static func checkTag(of node: Node, _ refusal: (String, Int?) -> CompatibilityError) throws {
    let tag = Resolver.default.resolveTag(of: node)
    let plain: [Tag.Name] = [.null, .bool, .int, .float, .str, .timestamp, .value, .merge, .seq, .map]
    guard !plain.contains(tag) else { return }
    let shown = tag.rawValue.replacing("tag:yaml.org,2002:", with: "!!")
    throw refusal("the tag \(shown) is not supported", node.mark?.line)
  }

  /// The value of a scalar as PyYAML resolves it, and of a text as yacs decodes it; yacs does not decode the elements
  /// of lists.
  private static func value(
    of node: Node, isElement: Bool = false, _ refusal: (String, Int?) -> CompatibilityError
  ) throws -> ConfigurationValue {
    try checkTag(of: node, refusal)
    switch node {
    case .sequence(let elements):
      return .list(try elements.map { try value(of: $0, isElement: true, refusal) })
    case .mapping, .alias:
      throw refusal("a list must hold texts and numbers", node.mark?.line)
    case .scalar(let scalar):
      let value: ConfigurationValue? =
        switch Resolver.default.resolveTag(of: node) {
        case .null: ConfigurationValue.none
        case .bool: node.bool.map(ConfigurationValue.flag)
        case .int: node.int.map(ConfigurationValue.integer)
        case .float: node.float.map(ConfigurationValue.number)
        default: isElement ? .text(scalar.string) : ConfigurationValue(decoding: scalar.string)
        }
      guard let value else { throw refusal("'\(scalar.string)' cannot be read", node.mark?.line) }
      return value
    }
  }
}

extension YamlError {
  fileprivate var reason: String {
    switch self {
    case .reader(let problem, _, _, _), .scanner(_, let problem, _, _), .parser(_, let problem, _, _),
      .composer(_, let problem, _, _):
      problem
    case .duplicatedKeysInMapping(let names, _): "'\(names.first ?? "")' is set twice"
    default: "it is no YAML"
    }
  }

  fileprivate var line: Int? {
    switch self {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
    case .duplicatedKeysInMapping(_, let context): context.mark.line
    default: nil
    }
  }
}
