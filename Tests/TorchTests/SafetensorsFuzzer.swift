import Foundation
import Testing
import Torch

/// Damages a file in seeded ways and reads what is left.
struct SafetensorsFuzzer {
  let original: Data
  let seed: UInt64

  init(of original: Data, seed: UInt64) {
    self.original = original
    self.seed = seed
  }

  /// Reads `count` damaged files, with every tensor of those that open.
  func run(_ count: Int) throws -> (opened: Int, refused: Int) {
    var generator = SplitMix(seed: seed)
    var opened = 0
    try withTemporaryFolder { folder in
      for index in 0..<count {
        let url = folder.appending(path: "damaged.safetensors")
        try damaged(&generator).write(to: url)
        do {
          let file = try SafetensorsFile(contentsOf: url)
          for name in file.names { try read(name, of: file) }
          opened += 1
        } catch let error as TorchError {
          #expect(!error.explanation.contains { $0.isNewline }, "file \(index): \(error)")
        }
        // Removed, not overwritten: a mapped file must not be shortened.
        try FileManager.default.removeItem(at: url)
      }
    }
    return (opened, count - opened)
  }

  private func read(_ name: String, of file: SafetensorsFile) throws {
    guard let kind = file.kind(of: name), let shape = file.shape(of: name) else { return }
    let tensor = try file.tensor(name)
    #expect(tensor.shape == shape && tensor.kind == kind)
    _ = try tensor.bytes()
  }

  private func damaged(_ generator: inout SplitMix) -> Data {
    var bytes = [UInt8](original)
    let headerEnd = 8 + Int(bytes[0]) + Int(bytes[1]) << 8
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      guard bytes.count > 8 else { break }
      let place = Int.random(in: 8..<min(headerEnd, bytes.count), using: &generator)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes.removeLast(Int.random(in: 1...bytes.count / 2, using: &generator))
      case 3: bytes[Int.random(in: 0..<8, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      case 4: bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= 0x80
      case 5: replace(at: place, by: Self.fragments.randomElement(using: &generator) ?? "", &bytes)
      case 6: bytes.remove(at: place)
      default:  // a digit for a digit: other shapes and offsets in a header that stays JSON
        let digits = bytes.indices.dropFirst(8).filter { (0x30...0x39).contains(bytes[$0]) }
        if let digit = digits.randomElement(using: &generator) {
          bytes[digit] = UInt8.random(in: 0x30...0x39, using: &generator)
        }
      }
    }
    return Data(bytes)
  }

  private func replace(at place: Int, by fragment: String, _ bytes: inout [UInt8]) {
    let end = min(place + fragment.utf8.count, bytes.count)
    bytes.replaceSubrange(place..<end, with: Array(fragment.utf8).prefix(end - place))
  }

  private static let fragments = [
    "{", "}", "[", "]", ",", ":", "\"", "\\u0000", "\\ud83d", "-1", "1e9", "null", "99999999999999999999", "[[[[[[[[",
    "\"F64\"", "\"I64\"", "\"__metadata__\"", "\u{FEFF}", "\0",
  ]
}
