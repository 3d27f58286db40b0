import Datasets
import Testing

@Suite("PythonRandom draws what CPython's random draws, bit for bit")
struct PythonRandomTests {
  struct Recording: Decodable {
    struct Draws: Decodable, CustomTestStringConvertible {
      struct Sample: Decodable { let of, count: Int; let drawn: [Int] }
      let seed: Int
      let words: [UInt64]
      let bits: [[UInt64]]
      let units: [Double]
      let below: [[Int]]
      let samples: [Sample]
      let shuffled: [Int]
      let later: UInt64
      var testDescription: String { "seed \(seed)" }
    }
    struct Division: Decodable {
      struct Class: Decodable { let size: Int; let train, val, test: [Int] }
      let seed: Int
      let classes: [Class]
    }
    let draws: [Draws]
    let divisions: [Division]
  }

  static func recording() throws -> Recording { try Fixture.read("python_random.json") }

  @Test("words, bits, units, bounded numbers, samples and shuffles", arguments: try recording().draws)
  func draws(_ recorded: Recording.Draws) {
    var generator = PythonRandom(seed: recorded.seed)
    #expect(recorded.words.map { _ in generator.bits(32) } == recorded.words)
    for pair in recorded.bits { #expect(generator.bits(Int(pair[0])) == pair[1]) }
    #expect(recorded.units.map { _ in generator.unit() } == recorded.units)
    for pair in recorded.below { #expect(generator.below(pair[0]) == pair[1]) }
    for sample in recorded.samples {
      #expect(generator.sample(sample.count, of: Array(0..<sample.of)) == sample.drawn)
    }
    var items = Array(0..<10)
    generator.shuffle(&items)
    #expect(items == recorded.shuffled)
    for _ in 0..<2000 { _ = generator.bits(32) }
    #expect(generator.bits(32) == recorded.later)
  }

  @Test("the golden vectors of seed 1")
  func seedOne() {
    var generator = PythonRandom(seed: 1)
    #expect((0..<3).map { _ in generator.bits(32) } == [577_090_037, 2_444_712_010, 3_639_700_191])
    generator = PythonRandom(seed: 1)
    var items = Array(0..<10)
    generator.shuffle(&items)
    #expect(items == [6, 8, 9, 7, 5, 3, 0, 4, 1, 2])
    generator = PythonRandom(seed: 1)
    #expect(generator.sample(4, of: Array(0..<30)) == [4, 18, 27, 25])
    generator = PythonRandom(seed: 1)
    #expect(generator.sample(16, of: Array(0..<20)) == [4, 18, 2, 8, 3, 7, 12, 14, 13, 10, 6, 15, 1, 16, 0, 9])
    #expect(generator.sample(16, of: Array(0..<20)) == [13, 0, 14, 8, 7, 9, 1, 5, 18, 11, 10, 16, 17, 3, 12, 19])
  }

  @Test(
    "the golden samples of 16 among 20 and among 100",
    arguments: [
      (
        2, [1, 2, 18, 11, 5, 16, 12, 10, 4, 14, 9, 3, 0, 13, 15, 19],
        [7, 11, 10, 46, 21, 94, 85, 39, 32, 77, 27, 4, 74, 87, 20, 55]
      ),
      (
        3, [7, 18, 17, 4, 11, 14, 9, 19, 10, 13, 1, 0, 12, 2, 16, 15],
        [30, 75, 69, 16, 47, 77, 60, 80, 74, 8, 1, 33, 70, 29, 24, 91]
      ),
      (
        1, [4, 18, 2, 8, 3, 7, 12, 14, 13, 10, 6, 15, 1, 16, 0, 9],
        [17, 72, 97, 8, 32, 15, 63, 57, 60, 83, 48, 26, 12, 62, 3, 49]
      ),
    ])
  func goldenSamples(seed: Int, ofTwenty: [Int], ofHundred: [Int]) {
    var generator = PythonRandom(seed: seed)
    #expect(generator.sample(16, of: Array(0..<20)) == ofTwenty)
    generator = PythonRandom(seed: seed)
    #expect(generator.sample(16, of: Array(0..<100)) == ofHundred)
  }

  @Test("a division is a shuffle cut at the rounded half and fifth")
  func divisions() throws {
    for recorded in try Self.recording().divisions {
      var division = RandomSplit(seed: recorded.seed)
      for expected in recorded.classes {
        let parts = try division.divide(Array(0..<expected.size), of: "a")
        #expect(parts == [.train: expected.train, .val: expected.val, .test: expected.test])
      }
    }
  }
}
