import Explanations
import Foundation
import Testing
import Torch

/// Each input is read once for `COCOOP_FUZZ` damaged files, or for a small number in everyday tests.
@Suite("Damaged archives of torch are read or refused, and nothing else", .serialized)
struct TorchArchiveFuzzTests {
  @Test(
    "No damage crashes, hangs or takes much memory",
    arguments: ["saved-zip", "saved-legacy", "saved-zip-protocol4", "script"])
  func damage(name: String) throws {
    let original = try [UInt8](Data(contentsOf: fixture("\(name).pt")))
    let count = ProcessInfo.processInfo.environment["COCOOP_FUZZ"].flatMap(Int.init) ?? 500
    var generator = SplitMix(seed: 20_261_124)
    var opened = 0
    var slowest = Duration.zero
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "damaged.pt")
      for index in 0..<count {
        let damaged = Self.damaged(original, &generator)
        try Data(damaged).write(to: url)
        let start = ContinuousClock.now
        do {
          let archive = try TorchArchive(contentsOf: url)
          var total = 0
          for name in archive.names { total += try archive.tensor(name).bytes().count }
          // Integers of 8 bits are read as those of 64.
          #expect(total <= 80 * damaged.count, "file \(index)")
          opened += 1
        } catch let error as any Explained {
          #expect(!error.explanation.contains { $0.isNewline }, "file \(index): \(error)")
        }
        slowest = max(slowest, ContinuousClock.now - start)
      }
    }
    #expect(opened > 0 && opened < count)
    #expect(slowest < .seconds(1))
  }

  private static func damaged(_ original: [UInt8], _ generator: inout SplitMix) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 16 {
      let place = Int.random(in: 0..<bytes.count - 8, using: &generator)
      let length = Int.random(in: 1...8, using: &generator)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes.removeSubrange(place..<place + length)
      case 3: bytes.removeLast(Int.random(in: 1...bytes.count / 2, using: &generator))
      case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
      case 5: for index in place..<place + length { bytes[index] = 0xFF }
      case 6: bytes[place] = opcodes.randomElement(using: &generator) ?? 0
      default: bytes.replaceSubrange(place..<place + 4, with: [0xFF, 0xFF, 0xFF, 0x7F])
      }
    }
    return bytes
  }

  private static let opcodes = Array("(.012NIJKMLFGSTUVXBC)t]lae}dsucRbioPQghjpqr".utf8) + Array(0x80...0x98)
}
