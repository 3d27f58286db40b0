import Foundation
import Testing
import TestSupport
import Torch

@Suite("Damaged archives of torch are read or refused, and nothing else", .serialized)
struct TorchArchiveFuzzTests {
  @Test(
    "No damage crashes, hangs or takes much memory",
    arguments: ["saved-zip", "saved-legacy", "saved-zip-protocol4", "script"])
  func damage(name: String) throws {
    let original = try [UInt8](Data(contentsOf: fixture("\(name).pt")))
    var mutate = Mutation(seed: 20_261_124, pieces: Self.instructions + Self.sizes)
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "damaged.pt")
      let report = try Fuzzing("archive of torch, \(name)", usually: 500, allowance: 1 << 20) { _ in
        let damaged = mutate(original)
        try Data(damaged).write(to: url)
        return damaged
      } read: { data in
        let archive = try TorchArchive(contentsOf: url)
        let total = try archive.names.reduce(0) { try $0 + archive.tensor($1).bytes().count }
        // Integers of 8 bits are read as 64 bits.
        #expect(total <= 80 * data.count)
      }
      #expect(report.problems.isEmpty)
      #expect(report.read > 0 && report.refused > 0)
    }
  }

  /// The instructions, one byte each.
  private static let instructions = (Array("(.012NIJKMLFGSTUVXBC)t]lae}dsucRbioPQghjpqr".utf8) + Array(0x80...0x98))
    .map { [$0] }
  private static let sizes: [[UInt8]] = [[0xFF, 0xFF, 0xFF, 0x7F]]
}
