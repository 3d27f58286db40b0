import Foundation

extension Dataset {
  /// Reads a CSV file (RFC 4180) whose first line names its columns: `path`, `class` and, if the parts are given, `split`.
  ///
  /// Labels follow the class names sorted by code units, whatever the order of the lines. Paths are relative to the
  /// file's folder or to its one sub-folder. A split is `train`, `val` (or `validation`, `valid`) or `test`; without
  /// that column each class is divided at random, as ``init(classFolders:seed:)`` divides. Other columns are left alone.
  ///
  /// - Parameters:
  ///   - images: the folder of the images, if it is another one.
  ///   - seed: of the random division.
  /// - Throws: ``DatasetError``.
  public init(csv file: URL, images: URL? = nil, seed: Int = 1) throws {
    try self.init(Table(Files.contents(of: file), of: file.path), of: file, images: images, seed: seed)
  }

  /// The dataset that a table states, once its meaning is checked.
  package init(_ table: Table, of file: URL, images: URL?, seed: Int) throws {
    let rows = try table.rows()
    let classNames = Set(rows.map(\.className)).sortedByCodeUnits()
    let labels = Dictionary(uniqueKeysWithValues: zip(classNames, 0...))
    var list = ExampleList(file: file.path)
    func add(_ row: Table.Row, to split: Split) throws {
      let stated = StatedExample(
        path: row.path, label: labels[row.className] ?? 0, className: row.className, place: "line \(row.line)")
      try list.append(stated, to: split)
    }

    let statesParts = rows.contains { $0.split != nil }
    if statesParts {
      for row in rows { try add(row, to: row.split ?? .train) }
    } else {
      var division = RandomDivision(seed: seed)
      let rowsByClass = Dictionary(grouping: rows, by: \.className)
      for className in classNames {
        let parts = try division.divide(rowsByClass[className] ?? [], of: className)
        for split in Split.allCases { for row in parts[split] ?? [] { try add(row, to: split) } }
      }
    }
    let notices: [Notice] = statesParts ? [] : [.randomDivision(seed: seed)]
    self = try list.dataset(name: file.deletingPathExtension().lastPathComponent, notices: notices) { examples in
      try images ?? Files.imageFolder(beside: file, holding: examples.lazy.map(\.path))
    }
  }
}

/// A CSV file with named columns.
package struct Table {
  struct Row {
    let path, className: String
    let split: Split?
    let line: Int
  }

  let file: String
  let records: [CSVParser.Record]

  package init(_ data: Data, of file: String) throws {
    self.file = file
    var parser = CSVParser(text: try Files.text(data, of: file))
    do {
      records = try parser.records()
    } catch let unclosed as CSVParser.UnclosedQuote {
      throw DatasetError.unclosedQuote(file: file, line: unclosed.line)
    }
  }

  func rows() throws -> [Row] {
    guard let header = records.first else { throw DatasetError.empty(file: file) }
    let columns = header.fields.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    func column(_ name: String) throws -> Int {
      guard let index = columns.firstIndex(of: name) else {
        throw DatasetError.missingColumn(file: file, column: name, found: header.fields)
      }
      return index
    }
    let (path, className, split) = (try column("path"), try column("class"), columns.firstIndex(of: "split"))
    return try records.dropFirst().map { record in
      guard record.fields.count == columns.count else {
        throw DatasetError.fieldCount(
          file: file, line: record.line, expected: columns.count, found: record.fields.count)
      }
      return Row(
        path: record.fields[path], className: record.fields[className],
        split: try split.map { try self.split(record.fields[$0], line: record.line) }, line: record.line)
    }
  }

  private func split(_ text: String, line: Int) throws -> Split {
    switch text.trimmingCharacters(in: .whitespaces).lowercased() {
    case "train": .train
    case "val", "validation", "valid": .val
    case "test": .test
    default: throw DatasetError.unknownSplit(file: file, line: line, found: text)
    }
  }
}
