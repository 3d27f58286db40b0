import Datasets
import Foundation

/// Class names as a person lists them.
public struct ClassNames: Sendable, Equatable {
  public let names: [String]

  /// - Parameters:
  ///   - list: names with commas between them.
  ///   - file: the path of a file with one name a line, or of a CSV file whose column `class` holds names, each of them
  ///     perhaps several times.
  /// - Returns: `nil` where neither is given.
  /// - Throws: ``ExperimentError/classList(source:problem:)``.
  public init?(list: String?, file: String?) throws {
    if let list {
      names = try Self.checked(
        list.split(separator: ",", omittingEmptySubsequences: false).map(String.init), source: "--classes")
    } else if let file {
      let text = try Self.text(of: file)
      let isTable = file.lowercased().hasSuffix(".csv")
      names = try Self.checked(isTable ? Self.column(of: text, file: file) : Self.lines(of: text), source: file)
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

  private static func text(of file: String) throws -> String {
    var status = stat()
    func refused(_ problem: String) -> ExperimentError { .classList(source: file, problem: problem) }
    guard stat(file, &status) == 0 else { throw refused("there is no such file") }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw refused("it is a folder") }
    guard let data = try? Data(contentsOf: URL(filePath: file)) else { throw refused("it cannot be read") }
    guard let text = String(data: data, encoding: .utf8), !text.contains("\0") else {
      throw refused("it is not UTF-8 text")
    }
    return text.hasPrefix("\u{FEFF}") ? String(text.unicodeScalars.dropFirst()) : text
  }

  private static func lines(of text: String) -> [String] {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    while lines.last?.allSatisfy(\.isWhitespace) == true { lines.removeLast() }
    return lines.map(String.init)
  }

  /// The distinct names of the column `class`, in the order in which they first stand there.
  private static func column(of text: String, file: String) throws -> [String] {
    var parser = CSVParser(text: text)
    guard let records = try? parser.records() else {
      throw ExperimentError.classList(source: file, problem: "a quote in it is never closed")
    }
    let header = records.first?.fields.map { $0.trimmingCharacters(in: .whitespaces).lowercased() } ?? []
    guard let index = header.firstIndex(of: "class") else {
      throw ExperimentError.classList(source: file, problem: "its first line names no column 'class'")
    }
    var seen: Set<String> = []
    return try records.dropFirst().compactMap { record in
      guard record.fields.count == header.count else {
        throw ExperimentError.classList(
          source: file, problem: "line \(record.line) has \(record.fields.count) fields, not \(header.count)")
      }
      return seen.insert(record.fields[index]).inserted ? record.fields[index] : nil
    }
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
