import CZlib

/// The directory of a zip archive, as far as `torch.save` and TorchScript use the format: entries without compression,
/// in 32 or 64 bits.
///
/// Reading is strict, since a file can contain any number: every entry is located before the directory, begins with a
/// header of its own under the same name, and shares no byte with another.
///
/// Source: PKWARE's APPNOTE.TXT, version 6.3.10. Checksums are not compared: torch lets a file be written without them.
public struct ZipArchive: Sendable {
  private let entries: [String: Entry]
  private let path: String

  private struct Entry {
    let isCompressed: Bool
    let isEncrypted: Bool
    /// The location of the contents in the file.
    var range: Range<Int>
  }

  /// Whether a file that begins with these bytes is meant as a zip archive.
  public static func isRecognized(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: localSignature) }

  /// Reads the directory at the end of a file.
  ///
  /// - Parameters:
  ///   - bytes: the whole file.
  ///   - path: the file's path in errors.
  /// - Throws: ``PickleError/archive(path:reason:)``.
  public init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    let fail = { (reason: String) in PickleError.archive(path: path, reason: reason) }
    guard let directory = try Self.directory(in: bytes, fail) else {
      throw fail("it has no directory at its end, so it is only the beginning of the file")
    }
    var reader = ByteReader(bytes, from: directory.start, path: path)
    var entries: [String: Entry] = [:]
    var order: [(header: Int, name: String)] = []
    while reader.position < directory.end {
      guard try reader.take(4).elementsEqual(Self.entrySignature) else {
        throw fail("its directory is broken at byte \(reader.position - 4)")
      }
      let (name, entry, header) = try Self.entry(&reader, fail)
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw fail("'\(name.prefix(100))' stands in it twice")
      }
      order.append((header, name))
    }
    guard reader.position == directory.end, entries.count == directory.count else {
      throw fail("its directory has \(entries.count) entries, but \(directory.count) are announced")
    }
    try Self.place(&entries, order.sorted { $0.header < $1.header }, in: bytes, before: directory.start, path, fail)
    self.entries = entries
    self.path = path
  }

  /// The names of all entries, sorted.
  public var names: [String] { entries.keys.sorted() }

  /// The location of an entry's contents in the file; `nil` where there is none of that name.
  ///
  /// - Throws: ``PickleError`` where the entry is compressed or encrypted.
  public func range(of name: String) throws -> Range<Int>? {
    guard let entry = entries[name] else { return nil }
    if entry.isEncrypted { throw PickleError.encrypted(path: path, entry: name) }
    if entry.isCompressed { throw PickleError.compressed(path: path, entry: name) }
    return entry.range
  }
}

// MARK: The format

extension ZipArchive {
  private typealias Failure = (String) -> PickleError

  private static let localSignature: [UInt8] = [0x50, 0x4B, 3, 4]
  private static let entrySignature: [UInt8] = [0x50, 0x4B, 1, 2]
  private static let endSignature: [UInt8] = [0x50, 0x4B, 5, 6]
  private static let end64Signature: [UInt8] = [0x50, 0x4B, 6, 6]
  private static let locatorSignature: [UInt8] = [0x50, 0x4B, 6, 7]

  /// The location of the directory and the number of its entries; `nil` where the file has no end record.
  private static func directory(
    in bytes: UnsafeRawBufferPointer, _ fail: Failure
  ) throws -> (start: Int, end: Int, count: Int)? {
    let endSize = 22
    guard bytes.count >= endSize else { return nil }
    // The record is followed by a comment of at most 65,535 bytes, whose length it contains.
    let earliest = max(0, bytes.count - endSize - 0xFFFF)
    let candidate = (earliest...bytes.count - endSize).last { start in
      bytes[start...].starts(with: endSignature)
        && bytes.number(at: start + 20, 2) == bytes.count - start - endSize
    }
    guard let end = candidate else { return nil }
    var count = bytes.number(at: end + 10, 2)
    var size = bytes.number(at: end + 12, 4)
    var start = bytes.number(at: end + 16, 4)
    var limit = end
    if end >= 20, bytes[(end - 20)...].starts(with: locatorSignature) {
      let end64 = bytes.number(at: end - 20 + 8, 8)
      guard end64 >= 0, end64 <= end - 20 - 56, bytes[end64...].starts(with: end64Signature) else {
        throw fail("its 64-bit end record is not where it should be")
      }
      count = bytes.number(at: end64 + 32, 8)
      size = bytes.number(at: end64 + 40, 8)
      start = bytes.number(at: end64 + 48, 8)
      limit = end64
    }
    guard start >= 0, size >= 0, start <= limit, size <= limit - start else {
      throw fail("its directory lies outside of the file")
    }
    return (start, start + size, count)
  }

  /// Reads one entry of the directory; its range is not known before its own header is.
  private static func entry(
    _ reader: inout ByteReader, _ fail: Failure
  ) throws -> (name: String, entry: Entry, header: Int) {
    let fixed = try reader.take(42)
    let nameLength = fixed.number(at: 24, 2)
    let extraLength = fixed.number(at: 26, 2)
    let name = try String(decoding: reader.take(nameLength), as: UTF8.self)
    let extra = try reader.take(extraLength)
    _ = try reader.take(fixed.number(at: 28, 2))
    var wide = extra.wideNumbers()
    func number(at offset: Int) throws -> Int {
      let value = fixed.number(at: offset, 4)
      guard value == 0xFFFF_FFFF else { return value }
      guard wide.count >= 8, let value = Optional(wide.number(at: 0, 8)), value >= 0 else {
        throw fail("'\(name.prefix(100))' lacks a size in 64 bits")
      }
      wide = UnsafeRawBufferPointer(rebasing: wide.dropFirst(8))
      return value
    }
    let size = try number(at: 20)
    let stored = try number(at: 16)
    let header = try number(at: 38)
    let method = fixed.number(at: 6, 2)
    guard method != 0 || size == stored else { throw fail("'\(name.prefix(100))' has two sizes") }
    let entry = Entry(isCompressed: method != 0, isEncrypted: fixed.number(at: 4, 2) & 1 != 0, range: 0..<stored)
    return (name, entry, header)
  }

  /// Finds the contents of each entry after its own header, one after another up to the directory.
  private static func place(
    _ entries: inout [String: Entry], _ order: [(header: Int, name: String)], in bytes: UnsafeRawBufferPointer,
    before limit: Int, _ path: String, _ fail: Failure
  ) throws {
    var free = 0
    for (header, name) in order {
      guard var entry = entries[name] else { continue }
      let size = entry.range.count
      guard header >= free else { throw fail("'\(name.prefix(100))' shares bytes with another entry") }
      guard header <= limit - 30, bytes[header...].starts(with: localSignature) else {
        throw fail("'\(name.prefix(100))' has no header of its own at byte \(header)")
      }
      let start = header + 30 + bytes.number(at: header + 26, 2) + bytes.number(at: header + 28, 2)
      guard start <= limit, size <= limit - start else {
        throw fail("'\(name.prefix(100))' of \(size) bytes does not fit into the file")
      }
      let nameBytes = bytes[(header + 30)...].prefix(bytes.number(at: header + 26, 2))
      guard nameBytes.elementsEqual(name.utf8) else {
        throw fail("'\(name.prefix(100))' has another name in its own header")
      }
      entry.range = start..<start + size
      entries[name] = entry
      free = start + size
    }
  }
}

extension UnsafeRawBufferPointer {
  /// An unsigned little-endian number; -1 where `Int` cannot hold it.
  fileprivate func number(at offset: Int, _ size: Int) -> Int {
    Int(exactly: self[offset..<offset + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) ?? -1
  }

  /// The contents of the extra field for 64-bit numbers; empty where there is none.
  fileprivate func wideNumbers() -> UnsafeRawBufferPointer {
    var position = 0
    while position + 4 <= count {
      let size = number(at: position + 2, 2)
      guard size <= count - position - 4 else { break }
      if number(at: position, 2) == 1 {
        return UnsafeRawBufferPointer(rebasing: self[position + 4..<position + 4 + size])
      }
      position += 4 + size
    }
    return UnsafeRawBufferPointer(start: nil, count: 0)
  }
}

/// Writes a zip archive of stored entries, each aligned to 64 bytes, as `torch.save` does.
public struct ZipWriter {
  private let append: (UnsafeRawBufferPointer) throws -> Void
  private var directory: [UInt8] = []
  private var position = 0
  private var count = 0

  /// - Parameter append: receives the archive piece by piece.
  public init(append: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.append = append }

  /// Adds an entry; names must differ.
  ///
  /// - Precondition: the entry and all before it stay below 4 GB.
  public mutating func add(_ name: String, _ contents: UnsafeRawBufferPointer) throws {
    let start = position
    let padding = (64 - (start + 30 + name.utf8.count + 4) % 64) % 64
    let extra = [0x46, 0x42] + Self.number(padding, 2) + [UInt8](repeating: 0x5A, count: padding)  // torch's "FB"
    // Version 2.0, flags: names in UTF-8, stored, 1 January 1980.
    let common = Self.number(20, 2) + Self.number(0x800, 2) + Self.number(0, 4) + Self.number(0x21, 2)
    let sizes =
      Self.number(Int(Self.checksum(contents)), 4) + Self.number(contents.count, 4) + Self.number(contents.count, 4)
    try put([0x50, 0x4B, 3, 4] + common + sizes + Self.number(name.utf8.count, 2) + Self.number(extra.count, 2))
    try put(Array(name.utf8) + extra)
    try append(contents)
    position += contents.count
    directory += [0x50, 0x4B, 1, 2] + Self.number(20, 2) + common + sizes + Self.number(name.utf8.count, 2)
    directory += Self.number(0, 12) + Self.number(start, 4) + name.utf8
    count += 1
  }

  /// Writes the directory, which completes the archive.
  public mutating func finish() throws {
    let start = position
    try put(directory)
    try put(
      [0x50, 0x4B, 5, 6] + Self.number(0, 4) + Self.number(count, 2) + Self.number(count, 2)
        + Self.number(directory.count, 4) + Self.number(start, 4) + Self.number(0, 2))
  }

  /// The checksum of zip archives (ISO 3309), in pieces whose length zlib can represent.
  private static func checksum(_ contents: UnsafeRawBufferPointer) -> UInt {
    var sum: UInt = 0
    var rest = contents[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      sum = UInt(crc32(uLong(sum), piece.baseAddress?.assumingMemoryBound(to: UInt8.self), uInt(piece.count)))
      rest = rest.dropFirst(piece.count)
    }
    return sum
  }

  private mutating func put(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes(append)
    position += bytes.count
  }

  private static func number(_ value: Int, _ size: Int) -> [UInt8] {
    (0..<size).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
  }
}
