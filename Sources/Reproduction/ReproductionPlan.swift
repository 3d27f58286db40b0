import CLIP
import Datasets
import Foundation
import PromptLearning
import Runs
import Support

/// The plan of a comparison: its trials, the completed ones, and the expected time of the rest on this machine.
public struct ReproductionPlan: Sendable, Encodable {
  public let units: [Entry]
  /// The expected seconds for all remaining trials, with one process.
  public let expectedSeconds: Double
  /// The seconds for encoding the test images of all datasets; next to nothing where their features are cached.
  public let testEncodingSeconds: Double
  /// The peak memory of the process during the measurement, with all test features.
  public let memoryMiB: Double
  public let threads: Int

  public struct Entry: Sendable, Encodable {
    /// The path of the trial's run, under `units`.
    public let unit: String
    public let dataset: String
    public let method: Method
    public let variant: String?
    public let seed: Int
    public let state: State
    /// The expected seconds of its remaining work; `nil` where nothing can be done.
    public let expectedSeconds: Double?
    /// The reason why nothing can be done.
    public let reason: String?
  }

  public enum State: String, Sendable, Encodable {
    case done, begun
    case toDo = "to do"
    case impossible
  }

  /// The plan as text for a terminal.
  public var text: String {
    let table = TextTable(
      header: ["unit", "state", "expected"],
      rows: units.map { [$0.unit, $0.state.rawValue, $0.expectedSeconds.map(Self.time) ?? "–"] }, wordColumns: 2)
    let counts = [State.done, .begun, .toDo, .impossible].compactMap { state -> String? in
      let count = units.count { $0.state == state }
      return count == 0 ? nil : "\(count) \(state.rawValue)"
    }
    var seen: Set<String> = []
    let reasons = units.compactMap(\.reason).filter { seen.insert($0).inserted }
    return """
      \(table)

      \(units.count) units: \(counts.joined(separator: ", ")).\(reasons.map { "\n" + $0 }.joined())
      About \(Self.time(expectedSeconds)) with \(threads) \(threads == 1 ? "thread" : "threads"), of which \
      \(Self.time(testEncodingSeconds)) for test images that are not encoded yet. About \(Int(memoryMiB.rounded())) MiB of memory.
      """
  }

  private static func time(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.5: "0 s"
    case ..<90: String(format: "%.0f s", seconds)
    case ..<5400: String(format: "%.0f min", seconds / 60)
    default: String(format: "%.1f h", seconds / 3600)
    }
  }
}

extension Reproduction {
  /// Measures a few steps of every method and list of classes with remaining work, and extrapolates.
  ///
  /// - Parameter check: called between measurements; it may throw to stop.
  public func plan(checking check: () throws -> Void = {}) throws -> ReproductionPlan {
    var meter = try CostEstimator(clip: clip, budget: runner.budget ?? .automatic)
    var toEncode: Set<String> = []
    var storedViews: Set<String> = []
    let entries = try units.map { unit in
      try check()
      return try entry(of: unit, by: &meter, toEncode: &toEncode, storedViews: &storedViews)
    }
    let encoding = try toEncode.sorted().reduce(0.0) { sum, title in
      guard let dataset = try? shelved(title)?.dataset.get() else { return sum }
      return try sum + Double(dataset.test.count) * meter.secondsToEncode(an: dataset, titled: title)
    }
    let features = toEncode.compactMap { try? shelved($0)?.dataset.get().test.count }.reduce(0, +)
    return ReproductionPlan(
      units: entries, expectedSeconds: entries.compactMap(\.expectedSeconds).reduce(0, +) + encoding,
      testEncodingSeconds: encoding,
      memoryMiB: ProcessMemory.peakMiB + Double(features * clip.embeddingWidth * 4) / 1_048_576,
      threads: meter.threads)
  }

  private func entry(
    of unit: Trial, by meter: inout CostEstimator, toEncode: inout Set<String>, storedViews: inout Set<String>
  ) throws -> ReproductionPlan.Entry {
    func entry(_ state: ReproductionPlan.State, _ seconds: Double?, _ reason: String? = nil)
      -> ReproductionPlan.Entry
    {
      ReproductionPlan.Entry(
        unit: unit.path, dataset: unit.dataset, method: unit.variant.method, variant: unit.variant.label,
        seed: unit.seed, state: state, expectedSeconds: seconds, reason: reason)
    }
    do {
      guard let source = shelved(unit.dataset) else { return entry(.impossible, nil) }
      let dataset = try source.dataset.get()
      let place = try place(of: unit, on: dataset)
      if try finishedOutcome(of: place) != nil { return entry(.done, 0) }
      toEncode.formUnion(unit.tests.map(\.dataset))
      let tests = unit.tests.compactMap { test in
        (try? shelved(test.dataset)?.dataset.get().subset(test.classes)).map { (test, $0) }
      }
      let cost = try meter.cost(
        of: unit, on: unit.configuration.examples(from: dataset), encodedAs: dataset, testedOn: tests.map(\.1))
      // Stored views are the same for every learner with one seed: the first encodes them for all.
      var images = cost.images
      if let views = unit.configuration.training?.views, views != .fresh, runner.cacheFolder != nil,
        !storedViews.insert("\(unit.dataset) \(unit.seed)").inserted
      {
        images = 0
      }
      switch try place.state() {
      case .absent: return entry(.toDo, images + cost.training + cost.testing)
      case .trained: return entry(.begun, cost.testing)
      case .begun:
        let done = try RunFolder(existing: place.url).metrics().count
        let left = unit.configuration.training.map { 1 - Double(done) / Double($0.epochs) } ?? 1
        return entry(.begun, max(0, left) * (images + cost.training) + cost.testing)
      }
    } catch let error as any UserFacingError {
      return entry(.impossible, nil, "\(unit.title): \(error.explanation)")
    }
  }
}
