import Foundation
import MatFiles
import Testing
import TestSupport

/// The recordings of `Scripts/oracle/record_mat.py`.
enum Fixture {
  static func data(_ name: String) throws -> Data {
    try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Fixtures/\(name)"))
  }

  /// scipy's values, flattened by columns.
  indirect enum Plain: Decodable, Equatable {
    case number(Double)
    case text(String)
    case list([Plain])
    case record([String: Plain])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else if let text = try? container.decode(String.self) {
        self = .text(text)
      } else if let list = try? container.decode([Plain].self) {
        self = .list(list)
      } else {
        self = .record(try container.decode([String: Plain].self))
      }
    }

    init(_ value: MatValue) {
      switch value {
      case .numbers(let numbers, _): self = .list(numbers.map(Plain.number))
      case .text(let rows): self = .list(rows.map(Plain.text))
      case .cells(let cells, _): self = .list(cells.map(Plain.init))
      case .records(let records, _): self = .list(records.map { .record($0.mapValues(Plain.init)) })
      }
    }
  }

  struct Recording: Decodable {
    let values: [String: Plain]
    let level4: Data
  }

  static func recording() throws -> Recording { try JSONDecoder().decode(Recording.self, from: data("values.json")) }
}

@Suite("MATLAB files are read as scipy reads them")
struct MatFileTests {
  @Test("numbers, texts, cells and structures, compressed or not", arguments: ["plain", "compressed"])
  func agrees(name: String) throws {
    let file = try MatFile(Fixture.data("\(name).mat"), path: "\(name).mat")
    #expect(try file.variables.mapValues(Fixture.Plain.init) == Fixture.recording().values)
  }

  @Test("either byte order", arguments: [false, true])
  func byteOrder(isBigEndian: Bool) throws {
    let data = MatWriter(isBigEndian: isBigEndian).file([
      ("labels", .numbers([1, 2.5, -3])), ("name", .text("café")),
      ("both", .records(fields: ["a", "b"], [[.numbers([1]), .text("x")], [.cells([.numbers([])]), .text("")]])),
    ])
    let file = try MatFile(data, path: "x.mat")
    #expect(file.variables["labels"]?.numbers == [1, 2.5, -3])
    #expect(file.variables["name"]?.string == "café")
    #expect(file.variables["both"]?.records?.map { $0["b"]?.string } == ["x", ""])
  }

  @Test("other versions, other files and halves of files are told")
  func refusals() throws {
    func line(_ data: Data) -> String { message { try MatFile(data, path: "x.mat") } }
    let plain = try Fixture.data("plain.mat")
    #expect(
      line(try Fixture.recording().level4)
        == "x.mat is a MATLAB file of level 4, not of level 5. Save it in MATLAB with the option -v6 or -v7.")
    #expect(
      line(Data("MATLAB 7.3 MAT-file".utf8) + plain.dropFirst(19))
        == "x.mat is a MATLAB file of version 7.3, not of level 5. Save it in MATLAB with the option -v6 or -v7.")
    #expect(line(Data("<html>".utf8)) == "x.mat is not a MATLAB file. Download it again.")
    #expect(
      line(plain.prefix(160)) == "x.mat ends in the middle of an element, at byte 160. Download it again.")
    #expect(
      line(try Fixture.data("compressed.mat").prefix(150)).hasPrefix("x.mat ends in the middle of an element"))
    var nested = MatWriter.Value.numbers([1])
    for _ in 0..<40 { nested = .cells([nested]) }
    #expect(
      line(MatWriter().file([("deep", nested)]))
        == "x.mat nests arrays more than 32 deep. Give the file as it was published.")
  }

  @Test("mutated files are read or refused, quickly", arguments: ["plain", "compressed"])
  func fuzz(name: String) throws {
    let original = Array(try Fixture.data("\(name).mat"))
    var mutate = Mutation(seed: 5, pieces: ["\u{0E}\0\0\0", "\0\0\0\0", "\u{7F}\u{7F}\u{7F}\u{7F}", "x\u{01}"])
    let report = try Fuzzing(".mat, \(name)", usually: 3000, allowance: 1 << 20) { _ in
      mutate(original)
    } read: { data in
      try MatFile(data, path: "x.mat")
    }
    #expect(report.problems.isEmpty)
    #expect(report.read > 0 && report.refused > 0)
  }

  @Test("what would become more than ten times the file and 64 MiB is refused before it has")
  func bombs() throws {
    let mebibyte = 1 << 20
    // A structure of a million records: eight bytes each in the file, hundreds in memory.
    let records = MatFileBomb.records(count: mebibyte)
    // Zeros, a thousandth of their size; and numbers of one byte, eight in memory.
    for file in [records, MatFileBomb.compressed(zeros: 100 * mebibyte), MatFileBomb.compressed(zeros: 60 * mebibyte)] {
      let report = try Fuzzing(once: ".mat, bombs", allowance: 64 * mebibyte) { _ in
        Array(file)
      } read: { data in
        try MatFile(data, path: "x.mat")
      }
      #expect(report.problems.isEmpty && report.read == 0)
    }
    #expect(
      message { try MatFile(records, path: "x.mat") }
        == "x.mat becomes more than \(64 + 10 * records.count / mebibyte) MiB in memory."
        + " Give the file as it was published.")
  }
}
