import Foundation
import Testing

/// The reference's result for a text: `Scripts/oracle/record_tokens.py`.
struct Recording {
  let suite: String
  let text: String
  let ids: [Int]?  // for the first of each suite
  let fingerprint: String?  // for the others

  func agrees(with found: [Int]) -> Bool {
    ids.map { $0 == found } ?? (fingerprint == Self.fingerprint(of: found))
  }

  /// FNV-1a, 64 bits, over the ids as little-endian 16-bit numbers.
  static func fingerprint(of ids: [Int]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for id in ids {
      for byte in [UInt64(id & 0xFF), UInt64(id >> 8)] { hash = (hash ^ byte) &* 0x100_0000_01B3 }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The lines of `strings.jsonl` after the first, which holds the seed and the versions.
  static func all() throws -> [Recording] {
    let file = try fixture("strings.jsonl")
    return try file.split(separator: UInt8(ascii: "\n")).dropFirst().map { line in
      let fields = try #require(try JSONSerialization.jsonObject(with: line) as? [Any])
      let ids = fields[2] as? [Int]
      return Recording(
        suite: try #require(fields[0] as? String), text: try #require(fields[1] as? String), ids: ids,
        fingerprint: ids == nil ? try #require(fields[2] as? String) : nil)
    }
  }

  static func fixture(_ name: String) throws -> Data {
    let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
    return try Data(contentsOf: folder.appending(path: name))
  }
}
