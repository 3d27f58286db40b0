import Foundation

/// Reads the arrays in elements of type `matrix`: flags, dimensions, name, and the parts that depend on the array's
/// class.
extension MatReader {
  /// The classes of arrays (*MAT-File Format*, table 1-3).
  private enum ArrayClass: Int {
    case cell = 1, structure, object, character, sparse, double, single
    case int8, uint8, int16, uint16, int32, uint32, int64, uint64, function, opaque

    /// A name in messages for a class that is not read.
    var unsupportedKind: String? {
      switch self {
      case .object, .opaque: "an object"
      case .sparse: "a sparse array"
      case .function: "a function"
      default: nil
      }
    }
  }

  /// The name and value of an array; an empty element is an empty array.
  func array(in element: Element, depth: Int) throws -> (name: String, value: MatValue) {
    guard element.type == .matrix else { throw malformed(element, "an array") }
    guard depth < Self.depthLimit else { throw MatFileError.tooDeep(path: path) }
    guard !element.content.isEmpty else { return ("", .numbers([], dimensions: [0, 0])) }
    var parts = MatReader(
      element.content, isSwapped: isSwapped, path: path, offset: element.position, allowance: allowance)
    let flags = try parts.integers("flags of an array")
    guard let first = flags.first, let kind = ArrayClass(rawValue: first & 0xFF) else {
      throw malformed(element, "a known class of array")
    }
    let dimensions = kind == .opaque ? [] : try parts.integers("dimensions of an array")
    let name = String(decoding: try parts.element().content, as: UTF8.self)
    if let unsupported = kind.unsupportedKind {
      throw MatFileError.unsupported(path: path, variable: name, kind: unsupported)
    }
    let count = try elementCount(dimensions, in: element)
    switch kind {
    case .cell:
      return (name, .cells(try parts.arrays(count, in: element, depth: depth), dimensions: dimensions))
    case .structure:
      return (name, .records(try parts.records(count, in: element, depth: depth), dimensions: dimensions))
    case .character:
      let text = try parts.element()
      return (name, .text(try rows(of: text, count: count, rowCount: dimensions[0])))
    default:
      let numbers = try numbers(of: parts.element())
      guard numbers.count == count else { throw malformed(element, "\(count) numbers, found \(numbers.count)") }
      return (name, .numbers(numbers, dimensions: dimensions))
    }
  }

  private func elementCount(_ dimensions: [Int], in element: Element) throws -> Int {
    guard dimensions.count >= 2, dimensions.allSatisfy({ $0 >= 0 }) else {
      throw malformed(element, "two or more dimensions")
    }
    return try dimensions.reduce(1) { product, size in
      let (product, overflow) = product.multipliedReportingOverflow(by: size)
      guard !overflow else { throw malformed(element, "an array that fits the file") }
      return product
    }
  }

  /// Reads a number of arrays. Each takes eight bytes or more, so no more are made than a file has room for.
  private mutating func arrays(_ count: Int, in element: Element, depth: Int) throws -> [MatValue] {
    guard count <= element.content.count / 8 else { throw malformed(element, "room for \(count) arrays") }
    try allowance.take(count, times: MemoryAllowance.bytesPerValue)
    return try (0..<count).map { _ in try array(in: self.element(), depth: depth + 1).value }
  }

  private mutating func records(_ count: Int, in element: Element, depth: Int) throws -> [[String: MatValue]] {
    let width = try integers("the length of field names").first ?? 0
    let blob = try self.element().content
    guard width > 0, blob.count.isMultiple(of: width) else { throw malformed(element, "names of fields") }
    let names = stride(from: blob.startIndex, to: blob.endIndex, by: width).map {
      String(decoding: blob[$0..<$0 + width].prefix { $0 != 0 }, as: UTF8.self)
    }
    guard !names.isEmpty || count <= 1 else { throw malformed(element, "names of fields") }
    guard count.multipliedReportingOverflow(by: names.count).overflow == false else {
      throw malformed(element, "an array that fits the file")
    }
    try allowance.take(
      count, times: MemoryAllowance.bytesPerRecord + names.count * MemoryAllowance.bytesPerField)
    let values = try arrays(count * names.count, in: element, depth: depth)
    return (0..<count).map { index in
      let fields = zip(names, values[(index * names.count)..<((index + 1) * names.count)])
      return Dictionary(fields, uniquingKeysWith: { _, last in last })
    }
  }

  /// The rows of a character array. Characters are stored by columns: the text of a row takes every `rowCount`-th.
  private func rows(of element: Element, count: Int, rowCount: Int) throws -> [String] {
    if element.type == .utf8, rowCount <= 1 {
      return count == 0 ? [] : [String(decoding: element.content, as: UTF8.self)]
    }
    try allowance.take(element.content.count, times: MemoryAllowance.bytesPerCharacter)
    let units = try numbers(of: element)
    guard units.count == count else { throw malformed(element, "\(count) characters, found \(units.count)") }
    guard count > 0 else { return [] }
    return (0..<rowCount).map { row in
      let rowUnits = stride(from: row, to: count, by: rowCount).map { units[$0] }
      return element.type == .utf32
        ? String(String.UnicodeScalarView(rowUnits.compactMap { UInt32(exactly: $0).flatMap(UnicodeScalar.init) }))
        : String(decoding: rowUnits.map { UInt16(exactly: $0) ?? 0xFFFD }, as: UTF16.self)
    }
  }
}
