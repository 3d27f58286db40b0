import Foundation
import MatFiles
import TestSupport
import Testing

/// What `Scripts/oracle/record_mat.py` wrote.
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
    let rounds = ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap(Int.init) ?? 3000
    let original = Array(try Fixture.data("\(name).mat"))
    var mutate = Mutation(seed: 5, pieces: ["\u{0E}\0\0\0", "\0\0\0\0", "\u{7F}\u{7F}\u{7F}\u{7F}", "x\u{01}"])
    var read = 0
    var slowest = Duration.zero
    for _ in 0..<rounds {
      let data = Data(mutate(original))
      let start = ContinuousClock.now
      do {
        _ = try MatFile(data, path: "x.mat")
        read += 1
      } catch let error as MatFileError {
        #expect(!error.explanation.contains("\n"))
      }
      slowest = max(slowest, ContinuousClock.now - start)
    }
    #expect((1..<rounds).contains(read))
    #expect(slowest < .seconds(1))
  }
}
