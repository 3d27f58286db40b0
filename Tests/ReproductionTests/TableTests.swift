import ClassificationMetrics
import CLIP
import Datasets
import Foundation
import PromptLearning
import Reproduction
import Testing
import TestSupport

@Suite("A comparison's table agrees with scipy and with the paper's arithmetic")
struct TableTests {
  /// Values of scipy 1.17.1, `stats.t.ppf(0.975, df)`.
  static let bounds: [(Int, Double)] = [
    (1, 12.706204736174694), (2, 4.302652729749462), (3, 3.1824463053), (4, 2.7764451052), (9, 2.2621571628),
    (30, 2.0422724563),
  ]

  @Test("the bounds of Student's t are scipy's", arguments: bounds)
  func studentT(degreesOfFreedom: Int, bound: Double) {
    #expect(abs(StudentT.bound95(degreesOfFreedom: degreesOfFreedom) - bound) < 1e-9)
  }

  private static let identity = ModelIdentity(name: "m", sha256: "0")
  private static let base = [[81, 84.5, 79], [40, 50, 45.0]]
  private static let new = [[61, 55.5, 70], [20, 30, 10.0]]

  private func result(
    _ kind: EvaluationProtocol, in place: URL, variants: [Variant] = [Variant(.zeroShot), Variant(.coop)],
    configuration: CLIPConfiguration = .openAI(.viTB32), names: [String] = ["one", "two"],
    failing: Set<String> = []
  ) throws -> ComparisonSummary {
    for name in names where !FileManager.default.fileExists(atPath: place.appending(path: name).path) {
      _ = try SmallBenchmark.write(name, to: place)
    }
    let folders = names.map { place.appending(path: $0).path }
    let comparison = try Comparison(
      kind, model: "m", datasets: folders, source: kind.transfers ? folders[0] : nil, variants: variants,
      seeds: [1, 2, 3])
    let outcomes = comparison.units.map { unit in
      guard !failing.contains(unit.path) else {
        return TrialResult(
          unit, accuracies: [:], seconds: 0, failures: [.init(subject: unit.title, reason: "It is broken.")])
      }
      let accuracies = unit.tests.map { test in
        let (row, seed) = (names.firstIndex(of: test.dataset) ?? 0, unit.seed - 1)
        return (test, test.classes == .new ? Self.new[row][seed] : Self.base[row][seed])
      }
      return TrialResult(unit, accuracies: Dictionary(uniqueKeysWithValues: accuracies), seconds: 2)
    }
    return try ComparisonSummary(outcomes, of: comparison, model: Self.identity, configuration: configuration)
  }

  @Test("means, deviations and intervals are numpy's and scipy's; an average's H is that of the averages")
  func baseToNew() throws {
    try withTemporaryFolder { place in
      let result = try result(.baseToNew, in: place)
      #expect(result.rows.map(\.dataset) == ["one", "one", "two", "two"] && result.isComplete)
      let coop = result.rows[1]
      #expect(coop.variant.method == .coop && coop.seeds == [1, 2, 3] && coop.seconds == 6)
      let base = try #require(coop.accuracies[0])
      #expect(base.mean == 81.5 && abs(base.deviation - 2.7838821814150108) < 1e-12)
      #expect(try abs(#require(base.interval) - 6.915546711922801) < 1e-8)
      #expect(try abs(#require(coop.accuracies[1]?.interval) - 18.18404641875795) < 1e-8)
      let average = try #require(result.averages.last)
      #expect(average.dataset == "Average" && average.accuracies[0]?.mean == 63.25)
      #expect(try abs(#require(average.accuracies[0]).deviation - 3.5443617196894563) < 1e-12)
      #expect(try abs(#require(average.accuracies[1]?.interval) - 3.6389296663729453) < 1e-8)
      // H of 63.25 and 41.08; the mean of the two H would be 49.11.
      #expect(try abs(#require(average.harmonicMean) - 49.81190095846645) < 1e-9)
      // One trial of zero-shot CLIP counts for every seed, and its time counts once.
      #expect(result.rows[0].seeds == [1, 2, 3] && result.rows[0].accuracies[0]?.deviation == 0)
      #expect(result.rows[0].seconds == 2)
      #expect(
        ComparisonText(result).terminal == """
          dataset  method                base          new     H  seconds
          one      zero-shot CLIP  81.0 ± 0.0   61.0 ± 0.0  69.6      2.0
          one      CoOp            81.5 ± 2.8   62.2 ± 7.3  70.5      6.0
          two      zero-shot CLIP  40.0 ± 0.0   20.0 ± 0.0  26.7      2.0
          two      CoOp            45.0 ± 5.0  20.0 ± 10.0  27.7      6.0
          Average  zero-shot CLIP  60.5 ± 0.0   40.5 ± 0.0  48.5      4.0
          Average  CoOp            63.2 ± 3.5   41.1 ± 1.5  49.8     12.0
          """)
      #expect(ComparisonText(result, showsIntervals: true).terminal.contains("81.5 ± 6.9  62.2 ± 18.2"))
    }
  }

  @Test("a row that lacks a seed is marked, one that lacks all is failed, and an average takes what all have")
  func gaps() throws {
    try withTemporaryFolder { place in
      let result = try result(
        .baseToNew, in: place, failing: ["one/zero-shot-seed1", "two/coop-seed2"])
      #expect(!result.isComplete && result.rows.map(\.dataset) == ["one", "two", "two"])
      #expect(result.rows[2].seeds == [1, 3] && result.averages.map(\.seeds) == [[1, 3]])
      let lines = ComparisonText(result).terminal.split(separator: "\n")
      #expect(lines[1].split(separator: " ").suffix(4) == ["failed", "failed", "failed", "–"])
      #expect(lines[4].contains("42.5 ± 3.5*"))
      #expect(
        lines.suffix(2) == ["one, zero-shot CLIP failed: It is broken.", "two, CoOp, seed 2 failed: It is broken."])
      let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(result)) as? [String: Any]
      #expect((json?["failures"] as? [[String: String]])?.count == 2)
      #expect((json?["methods"] as? [[String: Any]])?.first?["harmonicMean"] as? Double != nil)
    }
  }

  @Test("a transfer's average is that of its targets")
  func transfer() throws {
    try withTemporaryFolder { place in
      let result = try result(.crossDataset, in: place, variants: [Variant(.coop), Variant(.linearProbe)])
      #expect(result.rows.map(\.dataset) == ["one", "one", "two", "two"])
      #expect(result.rows[2].source == "one" && result.rows[2].accuracies.map { $0?.mean } == [45])
      #expect(result.averages.map { $0.accuracies[0]?.mean } == [45, 45])
      #expect(
        ComparisonText(result).terminal == """
          dataset             CoOp  linear probe
          one (source)  81.5 ± 2.8    81.5 ± 2.8
          two           45.0 ± 5.0    45.0 ± 5.0
          """)
    }
  }

  @Test("the paper's figures stand beside those of its own set-up alone, and apart from others")
  func paper() throws {
    try withTemporaryFolder { place in
      let names = ["Caltech101", "DTD"]
      let same = try result(.baseToNew, in: place, configuration: .openAI(.viTB16), names: names)
      #expect(same.isPapersSetUp)
      #expect(same.rows[1].paper == [98, 89.81, 93.73])
      // An average over two datasets is not comparable with the paper's over eleven.
      #expect(same.averages.map(\.paper) == [nil, nil])
      #expect(ComparisonText(same).terminal.contains("paper: base   new     H"))
      let other = try result(.baseToNew, in: place, names: names)
      #expect(!other.isPapersSetUp && !ComparisonText(other).terminal.contains("paper"))
      let page = ComparisonText(other).markdown
      #expect(page.contains("another set-up") && page.contains("| Caltech101 | CoOp | 98.0 | 89.8 | 93.7 |"))
      let variant = try result(
        .baseToNew, in: place, variants: [Variant(.coop, randomVectors: 4)], configuration: .openAI(.viTB16),
        names: names)
      #expect(variant.rows[0].paper == nil && variant.rows[0].variant.label == "random-4")
    }
  }
}
