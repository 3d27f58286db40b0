import Pickle
import Testing

@Suite("Zip archives are read strictly")
struct ZipArchiveTests {
  private static func archive(_ entries: [(String, [UInt8])]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try withoutActuallyEscaping({ (part: UnsafeRawBufferPointer) in bytes += part }) { append in
      var zip = ZipWriter(append: append)
      for (name, contents) in entries { try contents.withUnsafeBytes { try zip.add(name, $0) } }
      try zip.finish()
    }
    return bytes
  }

  private func refusal(_ bytes: [UInt8]) -> String {
    do {
      let archive = try bytes.withUnsafeBytes { try ZipArchive($0, path: "a.pt") }
      _ = try archive.names.map(archive.range)
      return "no error"
    } catch { return "\(error)" }
  }

  /// The position of the directory in an archive with one entry `a`.
  private func directory(of bytes: [UInt8]) throws -> Int {
    try #require(bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
  }

  @Test("Entries are where they were put, aligned to 64 bytes")
  func reading() throws {
    let bytes = try Self.archive([("a/x", [1, 2, 3]), ("a/y", []), ("a/z", [9])])
    let archive = try bytes.withUnsafeBytes { try ZipArchive($0, path: "a.pt") }
    #expect(archive.names == ["a/x", "a/y", "a/z"])
    let range = try #require(try archive.range(of: "a/x"))
    #expect(Array(bytes[range]) == [1, 2, 3] && range.lowerBound.isMultiple(of: 64))
    #expect(try archive.range(of: "b") == nil)
  }

  @Test("A beginning of an archive is no archive")
  func truncation() throws {
    let bytes = try Self.archive([("a", [1, 2, 3])])
    for count in 0..<bytes.count {
      #expect(refusal(Array(bytes.prefix(count))).contains("only the beginning of the file"))
    }
  }

  @Test("Sizes that lie are refused, and so is what is compressed or encrypted")
  func lies() throws {
    let bytes = try Self.archive([("a", [1, 2, 3])])
    let start = try directory(of: bytes)
    func changed(_ offset: Int, _ value: [UInt8]) -> String {
      var bytes = bytes
      bytes.replaceSubrange(start + offset..<start + offset + value.count, with: value)
      return refusal(bytes)
    }
    let large: [UInt8] = [0xFE, 0xFF, 0xFF, 0x7F]
    #expect(changed(20, large + large).contains("'a' of 2147483646 bytes does not fit into the file"))
    #expect(changed(20, large).contains("'a' has two sizes"))
    #expect(changed(20, [0xFF, 0xFF, 0xFF, 0xFF]).contains("'a' lacks a size in 64 bits"))
    #expect(changed(42, [7, 0, 0, 0]).contains("'a' has no header of its own at byte 7"))
    #expect(changed(46, [0x62]).contains("'b' has another name in its own header"))
    #expect(
      changed(10, [8, 0]) == "a.pt is a zip archive with the compressed entry a, which torch never writes. "
        + "Give the file as torch.save wrote it.")
    #expect(changed(8, [1, 8]).contains("the encrypted entry a"))
    #expect(changed(0, [0]).contains("its directory is broken at byte"))
  }

  @Test("Entries that share bytes or names are refused")
  func overlap() throws {
    var bytes = try Self.archive([("a", [1, 2, 3]), ("b", [4, 5, 6])])
    let second = try directory(of: bytes)
    bytes.replaceSubrange(second + 42..<second + 46, with: [0, 0, 0, 0])
    #expect(refusal(bytes).contains("shares bytes with another entry"))
    #expect(try refusal(Self.archive([("a", [1]), ("a", [2])])).contains("'a' stands in it twice"))
  }
}
