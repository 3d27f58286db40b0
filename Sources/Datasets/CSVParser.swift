/// Splits a CSV text into records (RFC 4180): quoted fields may hold commas, line breaks and doubled quotes.
///
/// Lines may end in LF, CR LF or CR; empty lines are no records. Works on code units: in Swift, CR LF is one character.
package struct CSVParser {
  package struct Record: Equatable {
    package let fields: [String]
    /// The line that it begins on, from 1.
    package let line: Int
  }

  /// A quoted field whose closing quote never comes.
  struct UnclosedQuote: Error {
    let line: Int
  }

  private let units: [UInt8]
  private var position = 0
  private var line = 1

  package init(text: String) { units = Array(text.utf8) }

  /// - Complexity: O(n) in the length of the text.
  package mutating func records() throws -> [Record] {
    var records: [Record] = []
    while position < units.count {
      let start = line
      let fields = try record()
      if fields != [""] { records.append(Record(fields: fields, line: start)) }
    }
    return records
  }

  private mutating func record() throws -> [String] {
    var fields = [try field()]
    while position < units.count {
      let unit = units[position]
      position += 1
      if unit == comma {
        fields.append(try field())
        continue
      }
      line += 1
      if unit == carriageReturn, position < units.count, units[position] == lineFeed { position += 1 }
      break
    }
    return fields
  }

  /// Reads up to, not including, the comma or line break that ends the field.
  private mutating func field() throws -> String {
    var bytes: [UInt8] = []
    if position < units.count, units[position] == quote { bytes = try quoted() }
    let start = position
    while position < units.count, ![comma, lineFeed, carriageReturn].contains(units[position]) { position += 1 }
    return String(decoding: bytes + units[start..<position], as: UTF8.self)
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

private let comma = UInt8(ascii: ",")
private let quote = UInt8(ascii: "\"")
private let lineFeed = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
