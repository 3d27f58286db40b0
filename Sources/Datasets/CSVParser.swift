import Support

/// Splits a CSV text into records (RFC 4180): quoted fields may hold separators, line breaks and doubled quotes.
///
/// Lines may end in LF, CR LF or CR; empty lines are skipped. Works on code units: in Swift, CR LF is one character.
package struct CSVParser {
  package struct Record: Equatable {
    /// The fields; those that are not UTF-8 are spelled as file names are (`FileName`).
    package let fields: [String]
    /// The line on which the record begins, from 1.
    package let line: Int
    /// The indices of the fields that are not UTF-8.
    package let fieldsInBytes: Set<Int>
  }

  /// A quoted field without a closing quote.
  struct UnclosedQuote: Error {
    let line: Int
  }

  private let units: [UInt8]
  private let separator: UInt8
  private var position = 0
  private var line = 1

  package init(text: String) { self.init(bytes: Array(text.utf8)) }

  /// - Parameters:
  ///   - separator: the character between fields, in ASCII.
  ///   - line: the number of the first line.
  package init(bytes: [UInt8], separator: UInt8 = UInt8(ascii: ","), line: Int = 1) {
    (units, self.separator, self.line) = (bytes, separator, line)
  }

  /// - Complexity: O(n) in the length of the text.
  package mutating func records() throws -> [Record] {
    var records: [Record] = []
    while let record = try next() { records.append(record) }
    return records
  }

  /// The next record; `nil` after the last one.
  mutating func next() throws -> Record? {
    while position < units.count {
      let start = line
      let fields = try record()
      guard fields != [[]] else { continue }
      let texts = fields.map { String(validating: $0, as: UTF8.self) }
      return Record(
        fields: zip(texts, fields).map { $0 ?? FileName.spelling(of: $1) }, line: start,
        fieldsInBytes: Set(texts.indices.filter { texts[$0] == nil }))
    }
    return nil
  }

  private mutating func record() throws -> [[UInt8]] {
    var fields = [try field()]
    while position < units.count {
      let unit = units[position]
      position += 1
      if unit == separator {
        fields.append(try field())
        continue
      }
      line += 1
      if unit == carriageReturn, position < units.count, units[position] == lineFeed { position += 1 }
      break
    }
    return fields
  }

  /// Reads up to, not including, the separator or line break that ends the field.
  private mutating func field() throws -> [UInt8] {
    var bytes: [UInt8] = []
    if position < units.count, units[position] == quote { bytes = try quoted() }
    let start = position
    while position < units.count, ![separator, lineFeed, carriageReturn].contains(units[position]) { position += 1 }
    return bytes + units[start..<position]
  }

  private mutating func quoted() throws -> [UInt8] {
    let start = line
    var bytes: [UInt8] = []
    position += 1
    while position < units.count {
      let unit = units[position]
      position += 1
      if unit == quote {
        guard position < units.count, units[position] == quote else { return bytes }
        position += 1
      } else if unit == lineFeed {
        line += 1
      }
      bytes.append(unit)
    }
    throw UnclosedQuote(line: start)
  }
}

private let quote = UInt8(ascii: "\"")
private let lineFeed = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
