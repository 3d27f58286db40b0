import ClassificationMetrics
import Foundation
import Images
import PromptLearning
import Support

/// A comparison of runs: their settings, their accuracies, and whether these differ by more than chance.
public struct RunComparison: Sendable, Encodable {
  public let runs: [RunSummary]
  /// The settings in which the runs differ, by name.
  public let settings: [Setting]
  /// The tests of each other run against the first, on each evaluation that both have.
  public let tests: [Test]
  /// The spreads over runs that differ only in their seed, on each evaluation that all of them have.
  public let seedSpreads: [SeedSpread]
  /// The differences between such runs of two configurations, seed by seed.
  public let seedDifferences: [SeedDifference]

  public struct Setting: Sendable, Encodable, Equatable {
    /// The name of the setting in `run.json`, such as "training.epochs".
    public let name: String
    /// One value for each run; `nil` where it has none.
    public let values: [String?]
  }

  /// Two runs on the same images. Shares are percentages.
  public struct Test: Sendable, Encodable {
    /// The evaluation's name.
    public let evaluation: String
    public let first, second: String
    public let images: Int
    /// The accuracy of the second minus that of the first.
    public let difference: Double
    /// The interval of the difference with other images of the same kind: the percentile bootstrap over the images.
    public let interval95: Interval
    /// The numbers of images that only the first predicts correctly, and that only the second does.
    public let onlyFirst, onlySecond: Int
    /// The p-value of McNemar's test.
    public let pValue: Double
    /// The form of the test.
    public let form: McNemarTest.Form
  }

  public struct Interval: Sendable, Encodable {
    public let lower, upper: Double
    public let resamples: Int

    package init(lower: Double, upper: Double, resamples: Int) {
      (self.lower, self.upper, self.resamples) = (lower, upper, resamples)
    }
  }

  /// - Parameter paths: two runs or more.
  /// - Throws: ``RunError``, above all ``RunError/incomparable(first:second:reason:)``.
  public init(of paths: [String]) throws {
    let folders = try paths.map { try RunFolder(existing: URL(filePath: $0)) }
    let records = try folders.map { try $0.record() }
    let kept = try folders.map { try $0.evaluations() }
    runs = zip(folders, paths).map { RunSummary(of: $0.url, named: $1) }
    let flattened = try records.map(Self.flattened)
    settings = Self.differences(of: flattened)
    tests = try paths.indices.dropFirst().flatMap { index in
      try Self.tests((paths[0], kept[0]), (paths[index], kept[index]))
    }
    let groups = Self.seedGroups(
      paths.indices.compactMap { index in
        records[index].seed.map { seed in
          let run = SeedGroup.Run(
            path: paths[index], method: records[index].configuration?.method, seed: seed, evaluations: kept[index])
          return (run, flattened[index].filter { $0.key != "seed" })
        }
      })
    seedSpreads = groups.flatMap(\.spreads)
    seedDifferences = groups.dropFirst().flatMap { $0.differences(from: groups[0]) }
  }

  /// The groups in the order of their first runs; a run without another of its configuration is in none.
  private static func seedGroups(_ runs: [(run: SeedGroup.Run, settings: [String: String])]) -> [SeedGroup] {
    var groups: [(settings: [String: String], runs: [SeedGroup.Run])] = []
    for (run, settings) in runs {
      if let index = groups.firstIndex(where: { $0.settings == settings }) {
        if !groups[index].runs.contains(where: { $0.seed == run.seed }) { groups[index].runs.append(run) }
      } else {
        groups.append((settings, [run]))
      }
    }
    return groups.filter { $0.runs.count > 1 }.map { SeedGroup($0.runs.sorted { $0.seed < $1.seed }) }
  }

  private typealias Run = (path: String, evaluations: [SavedEvaluation])

  private static func tests(_ first: Run, _ second: Run) throws -> [Test] {
    let pairs = first.evaluations.flatMap { one in
      second.evaluations.filter { $0.name == one.name }.map { (one, $0) }
    }
    guard !pairs.isEmpty else {
      throw RunError.incomparable(
        first: first.path, second: second.path,
        reason: "\(held(by: first)), and \(held(by: second)): none of the same dataset, classes and split")
    }
    return try pairs.map { one, other in
      if let difference = one.difference(from: other) {
        throw RunError.otherTestPhotos(
          first: first.path, second: second.path, evaluation: one.name, difference: difference)
      }
      return Test(one, other, first: first.path, second: second.path)
    }
  }

  private static func held(by run: Run) -> String {
    let names = run.evaluations.map(\.name)
    return "\(run.path) has \(names.isEmpty ? "no evaluation" : names.joined(separator: ", "))"
  }

  /// The record's settings as names and texts, without those that follow from others or from the machine's speed.
  private static func flattened(_ record: RunFolder.Record) throws -> [String: String] {
    struct Settings: Encodable {
      let configuration: RunConfiguration?
      let imported: ImportedPrompts?
      let checkpoint: String
      let classNames: Int
      let libtorch: String
    }
    let settings = Settings(
      configuration: record.configuration, imported: record.imported,
      checkpoint: String(record.model.sha256.prefix(12)),
      classNames: record.classNames.count, libtorch: record.libtorch)
    var texts: [String: String] = [:]
    func flatten(_ value: JSONValue, _ path: [String]) {
      switch value {
      // Its settings stand at the top, beside those that are no configuration's.
      case .object(let object):
        for (key, inner) in object { flatten(inner, path.isEmpty && key == "configuration" ? [] : path + [key]) }
      case .array(let values): texts[path.joined(separator: ".")] = values.map { "\($0)" }.joined(separator: ", ")
      default: texts[path.joined(separator: ".")] = "\(value)"
      }
    }
    flatten(try JSONValue(parsing: JSONEncoder().encode(settings)), [])
    return texts
  }

  private static func differences(of settings: [[String: String]]) -> [Setting] {
    Set(settings.flatMap(\.keys)).sorted().compactMap { name in
      let values = settings.map { $0[name] }
      return Set(values).count > 1 ? Setting(name: name, values: values) : nil
    }
  }
}

extension RunComparison.Test {
  /// - Parameters: two evaluations on the same images.
  fileprivate init(_ one: SavedEvaluation, _ other: SavedEvaluation, first: String, second: String) {
    let right = (one.sorted.map(\.isRight), other.sorted.map(\.isRight))
    let test = McNemarTest(first: right.0, second: right.1)
    let bootstrap = Bootstrap()
    var generator = SeededGenerator(seed: 1)
    let differences = zip(right.0, right.1).map { 100 * (($1 ? 1.0 : 0) - ($0 ? 1.0 : 0)) }
    let interval = bootstrap.interval(ofMeanOf: differences, using: &generator) ?? 0...0
    self.init(
      evaluation: one.name, first: first, second: second, images: one.predictions.count,
      difference: other.evaluation.accuracy - one.evaluation.accuracy,
      interval95: .init(lower: interval.lowerBound, upper: interval.upperBound, resamples: bootstrap.resamples),
      onlyFirst: test.onlyFirst, onlySecond: test.onlySecond, pValue: test.pValue, form: test.form)
  }
}
