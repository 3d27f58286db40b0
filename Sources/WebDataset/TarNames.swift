import Support

/// The name of a file in a tar as WebDataset divides it: consecutive files with one key are a sample, and the rest says
/// what each of them is.
///
/// The rule is that of the `webdataset` library: the key is the path up to the first dot of its last component, and the
/// extension is all after it, in lower case. `a/b.seg.PNG` has the key `a/b` and the extension `seg.png`.
package struct SampleName: Equatable {
  package let key: [UInt8]
  package let fileExtension: String

  /// `nil` for a name that belongs to no sample: one without a dot, and `__name__`, which describes the tar.
  package init?(_ path: [UInt8]) {
    let start = path.lastIndex(of: slash).map { $0 + 1 } ?? 0
    guard !Self.isMeta(path) else { return nil }
    let name = path[start...]
    guard let stop = name.firstIndex(of: dot) else { return nil }
    if stop > start {
      key = Array(path[..<stop])
    } else {
      // A name that begins with a dot belongs, by the library's pattern, to the key of its folder.
      guard start > 0, !path[..<start].contains(dot) else { return nil }
      key = Array(path[..<start])
    }
    fileExtension = FileName.spelling(of: path[(stop + 1)...]).lowercased()
  }

  /// Whether a path's first component is `__name__`.
  private static func isMeta(_ path: [UInt8]) -> Bool {
    guard path.starts(with: [underscore, underscore]) else { return false }
    let rest = path.dropFirst(2).prefix { $0 != slash }
    return rest.suffix(2).elementsEqual([underscore, underscore])
  }
}

/// Divides the files of a tar into samples, as they come.
///
/// A sample ends where another key begins. Where an extension comes again, another sample of the same key begins, as in
/// open_clip; the `webdataset` library refuses such a tar.
package struct SampleGrouping {
  private var key: [UInt8]?
  private var extensions: Set<String> = []

  /// The most files of one sample. Whoever writes more into one means something else, and the set of their extensions
  /// would grow without bound.
  private static let mostFiles = 1024

  package init() {}

  /// Takes the next file that belongs to a sample.
  ///
  /// - Returns: whether it begins a sample.
  package mutating func begins(_ name: SampleName) -> Bool {
    let isNew = key != name.key || extensions.contains(name.fileExtension) || extensions.count >= Self.mostFiles
    if isNew { (key, extensions) = (name.key, []) }
    extensions.insert(name.fileExtension)
    return isNew
  }
}

/// Extensions that mean something in a tar of labelled images.
package enum SampleContent {
  /// Of images, the one that is taken first where a sample has several, as open_clip takes it.
  package static let images = ["jpg", "png", "jpeg", "webp"]
  /// Of the number of the image's class.
  package static let label = "cls"
}

/// A list of tars as WebDataset writes it: braces stand for several names, and `::` between sources.
///
/// `{000..099}` counts, with as many digits as are written, and `{000..099..2}` in steps; `{train,val}` lists. Several
/// braces give all combinations, the last changing fastest, as in a shell.
package struct TarList {
  package let pattern: String

  /// The most names that a pattern may stand for.
  package static let most = 1_000_000

  package init(_ pattern: String) { self.pattern = pattern }

  /// Whether a text can only be meant as such a list.
  package static func isList(_ text: String) -> Bool {
    text.contains("::") || text.contains(/\{[^{}]*(,|\.\.)[^{}]*\}/)
  }

  /// Whether a file's name is that of a tar.
  package static func isTar(_ path: String) -> Bool {
    let path = path.lowercased()
    return [".tar", ".tar.gz", ".tgz"].contains { path.hasSuffix($0) }
  }

  /// The names, in order.
  ///
  /// - Throws: ``TarListError`` where braces cannot be understood, or stand for too many names.
  package func names() throws -> [String] {
    var names: [String] = []
    for source in pattern.split(separator: "::", omittingEmptySubsequences: false) {
      guard !source.isEmpty else { throw TarListError(pattern, "a source between '::' is empty") }
      names += try expanded(source[...])
      guard names.count <= Self.most else { throw tooMany }
    }
    return names
  }

  private var tooMany: TarListError { TarListError(pattern, "it stands for more than \(Self.most) files") }

  private func expanded(_ text: Substring) throws -> [String] {
    guard let open = text.firstIndex(of: "{") else { return [String(text)] }
    guard let close = closing(of: open, in: text) else { throw TarListError(pattern, "a brace is not closed") }
    let (before, inside) = (text[..<open], text[text.index(after: open)..<close])
    let after = try expanded(text[text.index(after: close)...])
    let middle = try alternatives(inside)
    guard middle.count <= Self.most, after.count <= Self.most / max(1, middle.count) else { throw tooMany }
    return middle.flatMap { middle in after.map { before + middle + $0 } }
  }

  private func closing(of open: Substring.Index, in text: Substring) -> Substring.Index? {
    var depth = 0
    for index in text[open...].indices {
      if text[index] == "{" { depth += 1 }
      if text[index] == "}" { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  /// What one pair of braces stands for: a range, a list, or itself.
  private func alternatives(_ inside: Substring) throws -> [String] {
    if let range = try range(inside) { return range }
    var (parts, depth, start) = ([Substring](), 0, inside.startIndex)
    for index in inside.indices {
      switch inside[index] {
      case "{": depth += 1
      case "}": depth -= 1
      case "," where depth == 0:
        parts.append(inside[start..<index])
        start = inside.index(after: index)
      default: break
      }
    }
    parts.append(inside[start...])
    guard parts.count > 1 else { return try expanded(inside).map { "{\($0)}" } }
    return try parts.flatMap(expanded)
  }

  private func range(_ text: Substring) throws -> [String]? {
    guard let match = text.wholeMatch(of: /(-?\d{1,18})\.\.(-?\d{1,18})(?:\.\.(-?\d{1,18}))?/),
      let first = Int(match.1), let last = Int(match.2)
    else { return nil }
    let size = abs(match.3.flatMap { Int($0) } ?? 1)
    guard size > 0 else { throw TarListError(pattern, "the step of {\(text)} is 0") }
    guard abs(last - first) / size < Self.most else { throw tooMany }
    let isPadded = [match.1, match.2].contains { $0.drop { $0 == "-" }.count > 1 && $0.drop { $0 == "-" }.first == "0" }
    let width = isPadded ? max(match.1.count, match.2.count) : 0
    return stride(from: first, through: last, by: first <= last ? size : -size).map { number in
      let digits = "\(abs(number))", sign = number < 0 ? "-" : ""
      return sign + String(repeating: "0", count: max(0, width - digits.count - sign.count)) + digits
    }
  }
}

/// A list of tars that cannot be used.
public struct TarListError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  init(_ pattern: String, _ reason: String) {
    problem = "The list of files '\(pattern)' cannot be used: \(reason)"
    remedy = "Write it such as 'shards/{000..099}.tar', with '::' between several"
  }

  /// Files that a list names and that are not there.
  ///
  /// - Parameter names: all of the list.
  package static func missing(_ missing: [String], of names: [String], pattern: String) -> Self {
    let first = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? ", …" : "")
    let verb = missing.count == 1 ? "is" : "are"
    return Self(
      problem: "\(missing.count) of the \(names.count) files that '\(pattern)' names \(verb) missing: \(first)",
      remedy: "Fetch \(missing.count == 1 ? "it" : "them"), or name those that are there, with '::' between two lists")
  }

  private init(problem: String, remedy: String) { (self.problem, self.remedy) = (problem, remedy) }
}

private let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")
private let underscore = UInt8(ascii: "_")
