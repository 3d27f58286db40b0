import Foundation

/// Writes MATLAB files of level 5, uncompressed, for tests: annotations of any length in either byte order.
public struct MatWriter {
  public indirect enum Value {
    case numbers([Double])
    case text(String)
    case cells([Value])
    case records(fields: [String], [[Value]])
  }

  private let isBigEndian: Bool

  public init(isBigEndian: Bool = false) { self.isBigEndian = isBigEndian }

  public func file(_ variables: [(name: String, value: Value)]) -> Data {
    let mark =
      isBigEndian
      ? [0x01, 0x00, UInt8(ascii: "M"), UInt8(ascii: "I")] : [0x00, 0x01, UInt8(ascii: "I"), UInt8(ascii: "M")]
    let header = Data("MATLAB 5.0 MAT-file".padding(toLength: 124, withPad: " ", startingAt: 0).utf8) + mark
    return variables.reduce(header) { $0 + matrix($1.name, $1.value) }
  }

  private func matrix(_ name: String, _ value: Value) -> Data {
    let parts =
      switch value {
      case .numbers(let numbers):
        head(6, count: numbers.count, name) + element(9, numbers.reduce(Data()) { $0 + bytes($1.bitPattern) })
      case .text(let text):
        head(4, count: text.utf16.count, name) + element(4, text.utf16.reduce(Data()) { $0 + bytes($1) })
      case .cells(let values):
        head(1, count: values.count, name) + values.reduce(Data()) { $0 + matrix("", $1) }
      case .records(let fields, let records):
        head(2, count: records.count, name) + small(5, bytes(UInt32(32)))
          + element(1, Data(fields.joined32.utf8)) + records.joined().reduce(Data()) { $0 + matrix("", $1) }
      }
    return element(14, parts)
  }

  private func head(_ kind: UInt32, count: Int, _ name: String) -> Data {
    element(6, bytes(kind) + bytes(UInt32(0))) + element(5, bytes(UInt32(1)) + bytes(UInt32(count)))
      + element(1, Data(name.utf8))
  }

  private func element(_ type: UInt32, _ content: Data) -> Data {
    bytes(type) + bytes(UInt32(content.count)) + content + Data(count: (8 - content.count % 8) % 8)
  }

  /// A small element, with up to four bytes within the tag.
  private func small(_ type: UInt32, _ content: Data) -> Data {
    bytes(UInt32(content.count) << 16 | type) + content + Data(count: 4 - content.count)
  }

  private func bytes(_ number: some FixedWidthInteger) -> Data {
    withUnsafeBytes(of: isBigEndian ? number.bigEndian : number.littleEndian) { Data($0) }
  }
}

extension [String] {
  /// The texts, each padded with zeros to 32 characters.
  fileprivate var joined32: String { map { $0 + String(repeating: "\0", count: 32 - $0.utf8.count) }.joined() }
}
