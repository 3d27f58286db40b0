import CZlib
import Foundation

/// Small files that expand to large values.
enum MatFileBomb {
  private static let header = {
    Data("MATLAB 5.0 MAT-file".padding(toLength: 124, withPad: " ", startingAt: 0).utf8) + [0x00, 0x01, 0x49, 0x4D]
  }()

  private static func element(_ type: UInt32, _ content: Data) -> Data {
    word(type) + word(UInt32(content.count)) + content + Data(count: (8 - content.count % 8) % 8)
  }

  private static func word(_ number: UInt32) -> Data { withUnsafeBytes(of: number.littleEndian) { Data($0) } }

  private static func head(kind: UInt32, count: Int) -> Data {
    element(6, word(kind) + word(0)) + element(5, word(1) + word(UInt32(count))) + element(1, Data("x".utf8))
  }

  /// `x`, a row of structures with one field, each an array without a header.
  static func records(count: Int) -> Data {
    let empty = word(14) + word(0)
    var values = Data(capacity: 8 * count)
    for _ in 0..<count { values += empty }
    let names = element(5, word(32)) + element(1, Data("field".utf8) + Data(count: 27))
    return header + element(14, head(kind: 2, count: count) + names + values)
  }

  /// `x`, a row of unsigned bytes.
  static func compressed(zeros count: Int) -> Data {
    let array = element(14, head(kind: 9, count: count) + element(2, Data(count: count)))
    var length = compressBound(UInt(array.count))
    var compressed = Data(count: Int(length))
    compressed.withUnsafeMutableBytes { target in
      array.withUnsafeBytes { source in
        _ = compress2(
          target.bindMemory(to: UInt8.self).baseAddress, &length, source.bindMemory(to: UInt8.self).baseAddress,
          UInt(source.count), 1)
      }
    }
    compressed = compressed.prefix(Int(length))
    return header + word(15) + word(UInt32(compressed.count)) + compressed
  }
}
