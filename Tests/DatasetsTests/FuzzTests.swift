import Datasets
import Foundation
import Testing

@Suite("Mutated files are read or refused, and never crash or hang")
struct FuzzTests {
  static let rounds = 3000

  static let split = """
    {"train": [["a/1.jpg", 0, "cat"], ["b/1.jpg", 1, "body_part"], ["b/2.jpg", 1, "body_part"]],
     "val": [["a/2.jpg", 0, "cat"]], "test": [["a/3.jpg", 0, "cat"], ["b/3.jpg", 1, "body_part"]]}
    """
  static let table = """
    path,class,split\r
    a/1.jpg,cat,train\r
    b/1.jpg,"body, ""part""\",train
    a/2.jpg,cat,val
    a/3.jpg,cat,test
    b/3.jpg,"body, ""part""\",test

    """
  static let pieces = [
    "\"", ",", "[", "]", "{", "}", "..", "/", "-", "9999999999999999999", "1e400", "null", "true", "\\u0000", "\\ud800",
    "\r", "\n", "\u{FEFF}", "é", "cat", "0", "train", "\"\"", ":", " ", "\0",
  ].map { Array($0.utf8) }

  /// Overwrites, deletes, repeats, inserts or cuts off, up to three times.
  static func mutated(_ original: [UInt8], by generator: inout PythonRandom) -> Data {
    var bytes = original
    for _ in 0...generator.below(3) where !bytes.isEmpty {
      let start = generator.below(bytes.count)
      let end = min(bytes.count, start + 1 + generator.below(12))
      switch generator.below(8) {
      case 0: bytes[start] = UInt8(generator.bits(8))
      case 5: bytes[start] = UInt8(ascii: "0") + UInt8(generator.below(10))
      case 6: bytes[start] = UInt8(ascii: "a") + UInt8(generator.below(26))
      case 1: bytes.removeSubrange(start..<end)
      case 2: bytes.insert(contentsOf: bytes[start..<end], at: generator.below(bytes.count))
      case 3: bytes.insert(contentsOf: pieces[generator.below(pieces.count)], at: start)
      case 4: bytes.replaceSubrange(start..<end, with: pieces[generator.below(pieces.count)])
      default: bytes.removeSubrange(start...)
      }
    }
    return Data(bytes)
  }

  /// - Returns: how many were read.
  func run(_ text: String, seed: Int, read: (Data) throws -> Dataset) throws -> Int {
    var generator = PythonRandom(seed: seed)
    return try (0..<Self.rounds).count { _ in
      do {
        let dataset = try read(Self.mutated(Array(text.utf8), by: &generator))
        let sample = try dataset.fewShot(1 + generator.below(3), seed: 1).base
        #expect(Set(sample.training.map(\.label)) == Set(sample.classNames.indices))
        return true
      } catch let error as DatasetError {
        #expect(!error.explanation.contains("\n"))
        return false
      }
    }
  }

  @Test("split files")
  func splitFiles() throws {
    let file = URL(filePath: "split_pets.json")
    let read = try run(Self.split, seed: 1) { data in
      try Dataset(SplitFile(data, of: file.path), of: file, images: URL(filePath: "images"))
    }
    #expect((100..<Self.rounds).contains(read))
  }

  @Test("tables")
  func tables() throws {
    let file = URL(filePath: "pets.csv")
    let read = try run(Self.table, seed: 2) { data in
      try Dataset(Table(data, of: file.path), of: file, images: URL(filePath: "images"), seed: 1)
    }
    #expect((100..<Self.rounds).contains(read))
  }
}
