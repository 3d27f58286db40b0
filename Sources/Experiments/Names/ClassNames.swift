import Datasets
import Explanations
import Foundation

/// Class names as a person lists them.
public struct ClassNames: Sendable, Equatable {
  public let names: [String]

  /// - Parameters:
  ///   - list: names with commas between them, or a list in JSON (``ClassNamesInJSON``).
  ///   - file: the path of a file with one name a line, of a list in JSON, or of a table (CSV) whose column `class` holds
  ///     names, each of them perhaps several times.
  /// - Returns: `nil` where neither is given.
  /// - Throws: ``ExperimentError/classList(source:problem:)``.
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
  ///   - source: what errors call them.
  /// - Throws: ``ExperimentError/classList(source:problem:)`` where one is empty or stands there twice.
  package init(_ entries: [String], source: String) throws {
    names = try Self.checked(entries, source: source)
  }

  /// The names of a list that was typed or sent: with commas between them, or in JSON.
  ///
  /// - Throws: ``ExperimentError/classList(source:problem:)`` where it begins as JSON and is none.
  package static func entries(of list: String, source: String) throws -> [String] {
    if let json = try ClassNamesInJSON(list, source: source) { return json.names }
    return list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private static func entries(ofFile file: String) throws -> [String] {
    func refused(_ problem: String) -> ExperimentError { .classList(source: file, problem: problem) }
    let data: Data
    do {
      guard try FileSystem.kind(of: file) != .folder else { throw refused("it is a folder") }
      data = try FileSystem.contents(of: file)
    } catch let reason as SystemReason {
      throw refused(reason.isAbsence ? "there is no such file" : "it cannot be read")
    }
    do {
      let ending = FolderListing.fileExtension(of: file)?.lowercased() ?? ""
      if ["csv", "tsv"].contains(ending) { return try Table(data, of: file).classNames() }
      let text = try text(data, of: file)
      if let json = try ClassNamesInJSON(text, source: file) { return json.names }
      return lines(of: text)
    } catch let error as DatasetError {
      throw refused(Self.problem(of: error, in: file))
    }
  }

  /// What is wrong with a table, without the file's name, which stands before it.
  private static func problem(of error: DatasetError, in file: String) -> String {
    switch error {
    case .empty: "it names no class"
    case .missingColumn: "its first line names no column 'class'"
    case .notText: "it is not UTF-8 text"
    case .unclosedQuote(_, let line): "a quote in it is never closed: line \(line)"
    case .rows(_, let lines, let fault, _): "line \(lines.first ?? 1): \(fault)"
    default: error.problem
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
    guard !names.isEmpty else { throw ExperimentError.classList(source: source, problem: "it names no class") }
    if let index = names.firstIndex(of: "") {
      throw ExperimentError.classList(source: source, problem: "name \(index + 1) is empty")
    }
    var seen: Set<String> = []
    if let twice = names.first(where: { !seen.insert($0).inserted }) {
      throw ExperimentError.classList(source: source, problem: "'\(twice)' stands in it twice")
    }
    return names
  }
}
