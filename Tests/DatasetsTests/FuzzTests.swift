import Datasets
import Foundation
import Testing
import TestSupport

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
  ]

  /// - Returns: the report on the inputs; those that are read also give a sample of few images.
  func run(
    _ reader: String, on text: String, seed: UInt64, allowance: Int, read: (Data) throws -> Dataset
  ) throws -> Fuzzing.Report {
    var mutate = Mutation(seed: seed, pieces: Self.pieces)
    var shots = 0
    return try Fuzzing(reader, usually: 3000, allowance: allowance) { _ in
      mutate(Array(text.utf8))
    } read: { data in
      shots = shots % 3 + 1
      return try read(data).fewShot(shots, seed: 1).base
    } check: { sample in
      #expect(Set(sample.training.map(\.label)) == Set(sample.classNames.indices))
    }
  }

  @Test("split files")
  func splitFiles() throws {
    let file = URL(filePath: "split_pets.json")
    let report = try run("split file (JSON)", on: Self.split, seed: 1, allowance: 256 << 10) { data in
      try Dataset(SplitFile(data, of: file.path), of: file, images: URL(filePath: "images"))
    }
    #expect(report.problems.isEmpty)
    #expect(report.read > 20 && report.refused > 20)
  }

  @Test("tables")
  func tables() throws {
    let file = URL(filePath: "pets.csv")
    let report = try run("table (CSV)", on: Self.table, seed: 2, allowance: 256 << 10) { data in
      try Dataset(
        CSVTable(data, of: file.path), of: file, images: URL(filePath: "images"), division: .reference(seed: 1))
    }
    #expect(report.problems.isEmpty)
    #expect(report.read > 20 && report.refused > 20)
  }

  @Test("a large file costs at most ten times its size")
  func large() throws {
    let rows = (0..<20_000).map { (path: "class_\($0 % 100)/image_\($0).jpg", label: $0 % 100) }
    let entries = rows.map { "[\"\($0.path)\", \($0.label), \"class_\($0.label)\"]" }.joined(separator: ", ")
    let split = Array("{\"train\": [\(entries)], \"val\": [], \"test\": [\(entries)]}".utf8)
    let table = Array(("path,class\n" + rows.map { "\($0.path),class_\($0.label)\n" }.joined()).utf8)
    let json = URL(filePath: "split_large.json")
    let csv = URL(filePath: "large.csv")
    let images = URL(filePath: "images")
    let first = try Fuzzing(once: "split file of 2 MB", allowance: 256 << 10) { _ in
      split
    } read: { data in
      try Dataset(SplitFile(data, of: json.path), of: json, images: images)
    }
    let second = try Fuzzing(once: "table of 600 kB", allowance: 256 << 10) { _ in
      table
    } read: { data in
      try Dataset(CSVTable(data, of: csv.path), of: csv, images: images, division: .reference(seed: 1))
    }
    #expect(first.problems == [] && second.problems == [])
  }
}
