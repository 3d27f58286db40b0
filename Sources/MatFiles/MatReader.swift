import CZlib
import Foundation

/// Reads the elements of a MATLAB file: a tag of type and size, and as many bytes, padded to a multiple of eight.
struct MatReader {
  static let depthLimit = 32

  /// The types of elements (*MAT-File Format*, table 1-1).
  enum ElementType: UInt32 {
    case int8 = 1, uint8, int16, uint16, int32, uint32, single
    case double = 9
    case int64 = 12, uint64, matrix, compressed, utf8, utf16, utf32
  }

  struct Element {
    let type: ElementType
    let content: Data
    /// The content's position, in bytes from the start, for messages.
    let position: Int
  }

  let data: Data
  let isSwapped: Bool
  let path: String
  /// The number that messages give for ``position`` 0.
  let offset: Int
  let allowance: MemoryAllowance
  private var position = 0

  init(_ data: Data, isSwapped: Bool, path: String, offset: Int, allowance: MemoryAllowance) {
    (self.data, self.isSwapped, self.path, self.offset) = (data, isSwapped, path, offset)
    self.allowance = allowance
  }

  var isAtEnd: Bool { position >= data.count }

  /// The next element. Up to four bytes may be within the tag itself, with the size in the type's upper half.
  mutating func element() throws -> Element {
    let start = position
    let first = try word()
    if first >> 16 != 0 {
      let size = Int(first >> 16)
      guard size <= 4 else { throw malformed(start, "at most 4 bytes in a small element") }
      let content = try take(4).prefix(size)
      return Element(type: try type(first & 0xFFFF, at: start), content: content, position: offset + start + 4)
    }
    let type = try type(first, at: start)
    let content = try take(Int(try word()))
    let element = Element(type: type, content: content, position: offset + start + 8)
    if type != .compressed { position = min(data.count, (position + 7) & ~7) }
    return element
  }

  /// The next element, which must consist of whole numbers.
  mutating func integers(_ what: String) throws -> [Int] {
    let element = try element()
    let numbers = try numbers(of: element)
    try allowance.take(numbers.count, times: MemoryLayout<Int>.stride)
    return try numbers.map { number in
      guard let integer = Int(exactly: number) else { throw malformed(element, what) }
      return integer
    }
  }

  /// The content of an element as numbers.
  func numbers(of element: Element) throws -> [Double] {
    switch element.type {
    case .int8: try values(element) { Double(Int8(bitPattern: $0)) }
    case .uint8, .utf8: try values(element) { (byte: UInt8) in Double(byte) }
    case .int16: try values(element) { Double(Int16(bitPattern: $0)) }
    case .uint16, .utf16: try values(element) { (number: UInt16) in Double(number) }
    case .int32: try values(element) { Double(Int32(bitPattern: $0)) }
    case .uint32, .utf32: try values(element) { (number: UInt32) in Double(number) }
    case .single: try values(element) { Double(Float(bitPattern: $0)) }
    case .double: try values(element) { Double(bitPattern: $0) }
    case .int64: try values(element) { Double(Int64(bitPattern: $0)) }
    case .uint64: try values(element) { (number: UInt64) in Double(number) }
    case .matrix, .compressed: throw malformed(element, "numbers")
    }
  }

  /// The code units of an element of `Word`s, each as a number.
  private func values<Word: FixedWidthInteger>(_ element: Element, _ number: (Word) -> Double) throws -> [Double] {
    let width = MemoryLayout<Word>.size
    guard element.content.count.isMultiple(of: width) else { throw malformed(element, "numbers of \(width) bytes") }
    try allowance.take(element.content.count / width, times: MemoryLayout<Double>.stride)
    return element.content.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: width).map { index in
        let word = bytes.loadUnaligned(fromByteOffset: index, as: Word.self)
        return number(isSwapped ? word.byteSwapped : word)
      }
    }
  }

  func malformed(_ element: Element, _ expected: String) -> MatFileError {
    .malformed(path: path, position: element.position, expected: expected)
  }

  private func malformed(_ position: Int, _ expected: String) -> MatFileError {
    .malformed(path: path, position: offset + position, expected: expected)
  }

  private func type(_ code: UInt32, at start: Int) throws -> ElementType {
    guard let type = ElementType(rawValue: code) else {
      throw malformed(start, "a known type of element, found \(code)")
    }
    return type
  }

  private mutating func word() throws -> UInt32 {
    let word = try take(4).withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    return isSwapped ? word.byteSwapped : word
  }

  private mutating func take(_ count: Int) throws -> Data {
    guard count <= data.count - position else {
      throw MatFileError.truncated(path: path, position: offset + data.count)
    }
    let start = data.startIndex + position
    position += count
    return data[start..<start + count]
  }
}

/// Inflates zlib's format, piece by piece, up to a limit.
enum Inflation {
  enum Fault: Error { case damaged, tooLarge }

  /// - Parameter limit: the most bytes that are returned; a hostile kilobyte would inflate to a megabyte.
  static func inflated(_ compressed: Data, limit: Int) throws -> Data {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw Fault.damaged }
    defer { inflateEnd(&stream) }
    var result = Data()
    var chunk = [UInt8](repeating: 0, count: 1 << 14)
    try compressed.withUnsafeBytes { (input: UnsafeRawBufferPointer) in
      // zlib never writes to its input; its C type predates `const`.
      stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(clamping: input.count)
      var status = Z_OK
      while status == Z_OK {
        let count = chunk.withUnsafeMutableBufferPointer { output in
          stream.next_out = output.baseAddress
          stream.avail_out = UInt32(output.count)
          status = inflate(&stream, Z_NO_FLUSH)
          return output.count - Int(stream.avail_out)
        }
        guard result.count + count <= limit else { throw Fault.tooLarge }
        result.append(contentsOf: chunk[..<count])
      }
      guard status == Z_STREAM_END else { throw Fault.damaged }
    }
    return result
  }
}

/// The memory that the values of a file may still take, so that a small file cannot claim much.
///
/// The constant is enough for real files: Flowers102's labels are 502 bytes, and 67 kB as numbers.
final class MemoryAllowance {
  static let constant = 64 << 20
  static let perByte = 10

  // Rounded up from the size in Swift's arrays, texts and dictionaries.
  static let bytesPerValue = 160
  static let bytesPerRecord = 96
  static let bytesPerField = 64
  /// The bytes for a character of a text: as a number, as a part of its row, as a code unit and as text.
  static let bytesPerCharacter = 24

  let limit: Int
  private(set) var left: Int
  private let path: String

  init(forFileOf bytes: Int, path: String) {
    limit = Self.constant + Self.perByte * bytes
    left = limit
    self.path = path
  }

  /// - Throws: ``MatFileError/tooLarge(path:limit:)``.
  func take(_ count: Int, times bytes: Int) throws {
    let (sum, overflows) = count.multipliedReportingOverflow(by: bytes)
    guard !overflows, sum <= left else { throw MatFileError.tooLarge(path: path, limit: limit) }
    left -= sum
  }
}
