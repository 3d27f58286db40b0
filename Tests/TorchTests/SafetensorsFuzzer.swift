import Foundation
import Testing
import TestSupport
import Torch

/// Damages a file and reads the result, with every tensor of it.
struct SafetensorsFuzzer {
  let original: [UInt8]
  let seed: UInt64

  func run(usually count: Int) throws -> Fuzzing.Report {
    var mutate = Mutation(seed: seed, pieces: Self.pieces)
    let headerEnd = 8 + Int(original[0]) + Int(original[1]) << 8
    return try withTemporaryFolder { folder in
      let url = folder.appending(path: "damaged.safetensors")
      return try Fuzzing("safetensors", usually: count, allowance: 1 << 20) { round in
        // Removed instead of overwritten: a mapped file must not be shortened.
        try? FileManager.default.removeItem(at: url)
        let damaged = round % 4 == 0 ? mutate(original) : header(mutate(Array(original[8..<headerEnd])), headerEnd)
        try Data(damaged).write(to: url)
        return damaged
      } read: { _ in
        let file = try SafetensorsFile(contentsOf: url)
        return try file.names.filter { file.kind(of: $0) != nil }.map { name in
          let tensor = try file.tensor(name)
          _ = try tensor.bytes()
          return tensor.shape == file.shape(of: name) && tensor.kind == file.kind(of: name)
        }
      } check: { agree in
        #expect(agree.allSatisfy { $0 })
      }
    }
  }

  /// The file with another header, with its correct length: most damage should reach further than that number.
  private func header(_ header: [UInt8], _ end: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + original[end...]
  }

  private static let pieces = [
    "{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud83d", "-1", "1e9", "null", "99999999999999999999", "[[[[[[[[",
    "\"F64\"", "\"I64\"", "\"__metadata__\"", "\u{FEFF}", "\0",
  ]
}
