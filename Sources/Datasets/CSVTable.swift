import Foundation
import Support

extension Dataset {
  /// Reads a table (CSV, RFC 4180) whose first line holds the column names: `path`, `class` and, if the splits are
  /// given, `split`.
  ///
  /// Labels follow the class names sorted by code units, whatever the order of the lines. Paths are relative to the
  /// file's folder or to its one sub-folder. A split is one of the words that ``Split/init(word:)`` knows; without that
  /// column each class is divided at random, as by ``init(classFolders:seed:isRecursive:)``. Other columns and empty
  /// rows are ignored. Identical rows count once. ``CSVTable`` describes the variants that spreadsheets write.
  ///
  /// - Parameters:
  ///   - images: the folder of the images, if it is not the one above.
  ///   - division: the division of images where no column gives a split, or all are for training.
  /// - Throws: ``DatasetError``.
  public init(csv file: URL, images: URL? = nil, division: Division = .reference(seed: 1)) throws {
    try self.init(CSVTable(Files.contents(of: file), of: file.path), of: file, images: images, division: division)
  }

  /// The dataset that a table describes, after validation.
  package init(_ table: CSVTable, of file: URL, images: URL?, division: Division) throws {
    let stated = try table.rows()
    let rows = stated.each
    let classNames = Set(rows.map(\.className)).sortedByCodeUnits()
    let labels = Dictionary(uniqueKeysWithValues: zip(classNames, 0...))
    var list = DatasetBuilder(file: file.path)
    func add(_ row: CSVTable.Row, to split: Split) throws {
      let stated = RawExample(
        path: row.path, label: labels[row.className] ?? 0, className: row.className, place: "line \(row.line)")
      try list.append(stated, to: split)
    }

    let statesParts = rows.contains { $0.split != nil && $0.split != .train }
    var divider = RandomSplit(division)
    if statesParts {
      for row in rows { try add(row, to: row.split ?? .train) }
    } else {
      let rowsByClass = Dictionary(grouping: rows, by: \.className)
      for className in classNames {
        let parts = try divider.divide(rowsByClass[className] ?? [], of: className)
        for split in Split.allCases { for row in parts[split] ?? [] { try add(row, to: split) } }
      }
    }
    let notices = (statesParts ? [] : [divider.notice]) + [stated.repeated].compactMap { $0 }
    self = try list.dataset(
      name: file.deletingPathExtension().lastPathComponent, notices: notices,
      requiring: statesParts ? [.train, .test] : division.required
    ) { examples in
      try images ?? Files.imageFolder(beside: file, holding: examples.lazy.map(\.path))
    }
  }
}

/// A table with named columns, as spreadsheets export it: in UTF-8 or UTF-16, with commas, semicolons, tabs or bars
/// between the fields, possibly a first line `sep=;`, empty rows and columns, and separators at the ends of lines.
package struct CSVTable {
  struct Row {
    let path, className: String
    let split: Split?
    let line: Int
  }

  let file: String
  /// The column names as written, and the rows below them that are not empty.
  let header: CSVParser.Record?
  let records: [CSVParser.Record]

  package init(_ data: Data, of file: String) throws {
    self.file = file
    let bytes = try Files.utf8(data, of: file)
    do {
      var parser = try Self.parser(for: bytes)
      let filled = try parser.records().filter { !$0.fields.allSatisfy(\.isBlank) }
      (header, records) = (filled.first, Array(filled.dropFirst()))
    } catch let unclosed as CSVParser.UnclosedQuote {
      throw DatasetError.unclosedQuote(file: file, line: unclosed.line)
    }
    if header?.fieldsInBytes.isEmpty == false { throw DatasetError.notText(file: file) }
  }

  /// Whether a text begins as a table of images does, by its column names.
  static func isTable(_ data: Data, of file: String) -> Bool {
    guard let table = try? CSVTable(data, of: file) else { return false }
    return Set(["path", "class"]).isSubset(of: table.columns)
  }

  /// A reader with the separator that a first line `sep=;` gives, or otherwise the one that separates the columns.
  private static func parser(for bytes: [UInt8]) throws -> CSVParser {
    let end = bytes.firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } ?? bytes.count
    let first = bytes[..<end].filter { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: " ") }
    if first.count >= 5, String(decoding: first.prefix(4), as: UTF8.self).lowercased() == "sep=" {
      return CSVParser(bytes: Array(bytes[end...]), separator: first[4])
    }
    let candidates = try [",", ";", "\t", "|"].map { (separator: Unicode.Scalar) in
      let separator = UInt8(ascii: separator)
      var parser = CSVParser(bytes: bytes, separator: separator)
      var record = try parser.next()
      while let blank = record, blank.fields.allSatisfy(\.isBlank) { record = try parser.next() }
      return (separator: separator, columns: (record?.fields ?? []).map(\.asColumn))
    }
    let chosen =
      candidates.first { $0.columns.contains("path") && $0.columns.contains("class") }
      ?? candidates.first { $0.columns.contains("class") }
      ?? candidates.reversed().max { $0.columns.count < $1.columns.count }
    return CSVParser(bytes: bytes, separator: chosen?.separator ?? UInt8(ascii: ","))
  }

  /// The column names without spaces around them, in lower case.
  private var columns: [String] { (header?.fields ?? []).map(\.asColumn) }

  private func column(_ name: String) throws -> Int {
    guard let index = columns.firstIndex(of: name), let header else {
      throw DatasetError.missingColumn(file: file, column: name, found: header?.fields.filter { !$0.isBlank } ?? [])
    }
    guard columns.count(where: { $0 == name }) == 1 else {
      throw DatasetError.rows(
        file: file, lines: [header.line], fault: "two columns are called '\(name)'", remedy: "Rename one of them")
    }
    return index
  }

  /// The rows, each once, and a notice where some occur several times.
  ///
  /// - Throws: ``DatasetError`` for the first fault of any row, with all lines that have it.
  func rows() throws -> (each: [Row], repeated: Notice?) {
    guard header != nil else { throw DatasetError.empty(file: file) }
    let (path, className) = (try column("path"), try column("class"))
    let split = columns.contains("split") ? try column("split") : nil
    let statesParts = split.map { split in records.contains { !$0.field(split).isBlank } } ?? false
    var faults: [Fault: [Int]] = [:]
    var rows: [Row] = []
    for record in records {
      if let fault = fault(of: record, path: path, className: className, split: statesParts ? split : nil) {
        faults[fault, default: []].append(record.line)
        continue
      }
      rows.append(
        Row(
          path: record.field(path), className: record.field(className).trimmed,
          split: split.flatMap { Split(word: record.field($0).trimmed) }, line: record.line))
    }
    if let (fault, lines) = faults.min(by: { $0.value[0] < $1.value[0] }) {
      throw DatasetError.rows(file: file, lines: lines, fault: fault.text, remedy: fault.remedy)
    }
    return once(rows)
  }

  private struct Fault: Hashable {
    let text, remedy: String
  }

  private func fault(of record: CSVParser.Record, path: Int, className: Int, split: Int?) -> Fault? {
    if record.fields.dropFirst(columns.count).contains(where: { !$0.isBlank }) {
      return Fault(
        text: "expected \(columns.count) fields as in the first line, found \(record.fields.count)",
        remedy: "Put fields that contain commas between double quotes")
    }
    let remedy = "Write it, or remove the row"
    if record.field(path).isBlank { return Fault(text: "the path is missing", remedy: remedy) }
    if PromptTemplate.words(of: record.field(className)).isEmpty {
      return Fault(text: "the class is missing", remedy: remedy)
    }
    if record.fieldsInBytes.contains(className) {
      return Fault(
        text: "the class is not UTF-8: \(record.field(className))",
        remedy: "Save the file as UTF-8, in a spreadsheet as 'CSV UTF-8'")
    }
    if DatasetBuilder.leaves(record.field(path)) {
      return Fault(
        text: "the path '\(record.field(path))' leaves the image folder",
        remedy: "Write paths relative to the image folder, without '..'")
    }
    if let split, Split(word: record.field(split).trimmed) == nil {
      return Fault(
        text: "expected train, val or test as split, found '\(record.field(split))'", remedy: "Correct the line")
    }
    return nil
  }

  /// Removes rows that repeat an earlier one. Keeps one number for each path, since tables may be large.
  private func once(_ rows: [Row]) -> (each: [Row], repeated: Notice?) {
    var firstOfPath = [String: Int](minimumCapacity: rows.count)
    var othersOfPath: [String: [Int]] = [:]
    var lines: [Int: [Int]] = [:]
    var isRepeated: Set<Int> = []
    for (index, row) in rows.enumerated() {
      guard let first = firstOfPath[row.path] else {
        firstOfPath[row.path] = index
        continue
      }
      let same = ([first] + (othersOfPath[row.path] ?? [])).first {
        rows[$0].className == row.className && rows[$0].split == row.split
      }
      if let same {
        lines[same, default: [rows[same].line]].append(row.line)
        isRepeated.insert(index)
      } else {
        othersOfPath[row.path, default: []].append(index)
      }
    }
    guard let (first, itsLines) = lines.min(by: { $0.key < $1.key }) else { return (rows, nil) }
    let each = rows.indices.filter { !isRepeated.contains($0) }.map { rows[$0] }
    return (each, .repeatedRows(count: lines.count, first: rows[first].path, lines: itsLines))
  }

  /// The distinct names in the column `class`, in order of first occurrence.
  ///
  /// - Throws: ``DatasetError``.
  package func classNames() throws -> [String] {
    guard header != nil else { throw DatasetError.empty(file: file) }
    let index = try column("class")
    var seen: Set<String> = []
    return try records.compactMap { record in
      let name = record.field(index).trimmed
      guard !record.fieldsInBytes.contains(index), !name.isEmpty else {
        throw DatasetError.rows(
          file: file, lines: [record.line], fault: name.isEmpty ? "the class is missing" : "the class is not UTF-8",
          remedy: name.isEmpty ? "Write it, or remove the row" : "Save the file as UTF-8")
      }
      return seen.insert(name).inserted ? name : nil
    }
  }
}

extension CSVParser.Record {
  /// The field of a column; spreadsheets omit empty fields at the end of a line.
  fileprivate func field(_ index: Int) -> String { index < fields.count ? fields[index] : "" }
}

extension String {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
  fileprivate var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
  fileprivate var asColumn: String { trimmed.lowercased() }
}
