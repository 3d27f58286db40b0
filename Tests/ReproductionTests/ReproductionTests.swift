import CLIP
import Datasets
import Embedded
import Foundation
import PromptLearning
import Reproduction
import Runs
import Synchronization
import Testing
import TestSupport
import Torch

@Suite("A comparison does each unit once, whoever runs it")
struct ReproductionTests {
  struct Stop: Error {}

  private let clip: CLIPModel
  private let identity: ModelIdentity

  init() throws {
    try Threads.use(1)
    let source = try ModelSource("tiny-clip")
    (clip, identity) = try (source.load(), source.identity())
  }

  private func comparison(
    _ datasets: [URL], methods: [PromptLearning.Method] = [.zeroShot, .coop, .linearProbe], epochs: Int = 2
  ) throws -> Comparison {
    try Comparison(
      .baseToNew, model: "tiny-clip", datasets: datasets.map(\.path), variants: methods.map { Variant($0) },
      seeds: [1, 2], shots: 2, adjustment: TrainingAdjustment(epochs: epochs, batchSize: 4, views: .stored(1)))
  }

  private func reproduction(_ comparison: Comparison, in output: URL) throws -> Reproduction {
    try Reproduction(comparison, clip: clip, identity: identity, output: output)
  }

  /// Runs a comparison and returns the trials that were done now.
  private func newUnits(_ comparison: Comparison, in output: URL) throws -> (new: [String], outcomes: [TrialResult]) {
    var reproduction = try reproduction(comparison, in: output)
    var new: [String] = []
    let outcomes = try reproduction { progress in
      if case .finished(let outcome, _, _, true) = progress { new.append(outcome.unit.path) }
    }
    return (new, outcomes)
  }

  @Test("a finished unit is recognised, and zero-shot CLIP is one unit for all seeds")
  func recognition() throws {
    try withTemporaryFolder { place in
      let first = try SmallBenchmark.write("first", to: place)
      let output = place.appending(path: "out")
      let (new, outcomes) = try newUnits(comparison([first]), in: output)
      #expect(
        new == [
          "first/zero-shot-seed1", "first/coop-seed1", "first/coop-seed2", "first/linear-probe-seed1",
          "first/linear-probe-seed2",
        ])
      #expect(outcomes.map(\.failures.count) == [0, 0, 0, 0, 0])
      #expect(outcomes.map(\.accuracies.count) == [2, 2, 2, 1, 1])
      let again = try newUnits(comparison([first]), in: output)
      #expect(again.new.isEmpty)
      #expect(again.outcomes.map(\.accuracies) == outcomes.map(\.accuracies))
      #expect(again.outcomes.map(\.seconds) == outcomes.map(\.seconds))

      // More seeds and more datasets add to the existing trials.
      let second = try SmallBenchmark.write("second", to: place)
      let more = try newUnits(comparison([first, second], methods: [.coop]), in: output)
      #expect(more.new == ["second/coop-seed1", "second/coop-seed2"])
      // Every trial is an ordinary run.
      let run = try LoadedRun(folder: output.appending(path: "units/first/coop-seed1"))
      #expect(try run.dataset(classes: .new).classNames == ["bread", "clock"])
    }
  }

  @Test("another setting in the same place is refused by name, before any work")
  func otherSetting() throws {
    try withTemporaryFolder { place in
      let first = try SmallBenchmark.write("first", to: place)
      let output = place.appending(path: "out")
      _ = try newUnits(comparison([first], methods: [.coop]), in: output)
      #expect(
        message(in: place) { try reproduction(comparison([first], methods: [.coop], epochs: 3), in: output) }
          == "The run in FOLDER/out/units/first/coop-seed1 was started with the epochs 2, not 3."
          + " Resume with the settings it was started with, or choose another --output.")
      let foreign = place.appending(path: "foreign")
      try FileManager.default.createDirectory(at: foreign, withIntermediateDirectories: true)
      try Data("mine".utf8).write(to: foreign.appending(path: "notes.txt"))
      #expect(throws: ReproductionError.noComparison(path: foreign.path)) {
        try reproduction(comparison([first]), in: foreign)
      }
      #expect(throws: ReproductionError.datasetTwice(title: "first")) { try comparison([first, first]) }
    }
  }

  @Test("two at once share the units, and both see all of them")
  func sharing() throws {
    try withTemporaryFolder { place in
      let first = try SmallBenchmark.write("first", to: place)
      let comparison = try comparison([first], methods: [.coop, .cocoop])
      let output = place.appending(path: "out")
      let both = [try reproduction(comparison, in: output), try reproduction(comparison, in: output)]
      let found = Mutex<[(new: [String], accuracies: [[Trial.Test: Double]])]>([])
      DispatchQueue.concurrentPerform(iterations: 2) { index in
        var (reproduction, new) = (both[index], [String]())
        let outcomes = try? reproduction { progress in
          if case .finished(let outcome, _, _, true) = progress { new.append(outcome.unit.path) }
        }
        found.withLock { $0.append((new, (outcomes ?? []).map(\.accuracies))) }
      }
      let results = found.withLock { $0 }
      #expect(results.flatMap(\.new).sorted() == reproductionPaths(comparison).sorted())
      #expect(results[0].accuracies == results[1].accuracies && results[0].accuracies.count == 4)
      #expect(results[0].accuracies.allSatisfy { $0.count == 2 })
    }
  }

  private func reproductionPaths(_ comparison: Comparison) -> [String] { comparison.units.map(\.path) }

  @Test("what was stopped goes on, and only what is missing is done")
  func stopping() throws {
    try withTemporaryFolder { place in
      let first = try SmallBenchmark.write("first", to: place)
      let comparison = try comparison([first], methods: [.coop], epochs: 3)
      let output = place.appending(path: "out")
      var stopped = try reproduction(comparison, in: output)
      #expect(throws: Stop.self) {
        try stopped { progress in
          if case .training(let unit, .step(let step)) = progress, step.epoch == 2, unit.seed == 2 { throw Stop() }
        }
      }
      let plan = try reproduction(comparison, in: output).plan()
      #expect(plan.units.map(\.state) == [.done, .begun])
      #expect(plan.units[0].expectedSeconds == 0 && plan.expectedSeconds > 0 && plan.memoryMiB > 1)
      #expect(try newUnits(comparison, in: output).new == ["first/coop-seed2"])
      _ = try newUnits(comparison, in: place.appending(path: "whole"))
      let prompts = try ["out", "whole"].map {
        try Data(contentsOf: place.appending(path: "\($0)/units/first/coop-seed2/prompts.safetensors"))
      }
      #expect(prompts[0] == prompts[1])
    }
  }

  @Test("a dataset that is broken is told of, the others go on, and repaired it is all that is done")
  func broken() throws {
    try withTemporaryFolder { place in
      let (first, second) = try (SmallBenchmark.write("first", to: place), SmallBenchmark.write("second", to: place))
      let test = first.appending(path: "test/clock")
      let image = test.appending(path: try FileManager.default.contentsOfDirectory(atPath: test.path).sorted()[0])
      let whole = try Data(contentsOf: image)
      try Data("no image".utf8).write(to: image)
      let comparison = try comparison([first, second], methods: [.zeroShot, .coop])
      let output = place.appending(path: "out")
      let (_, outcomes) = try newUnits(comparison, in: output)
      let result = try ComparisonSummary(
        outcomes, of: comparison, model: identity, configuration: clip.configuration)
      #expect(result.failures.map(\.subject) == ["first"])
      #expect(result.failures[0].reason.hasPrefix(image.path))
      #expect(result.rows.map(\.dataset) == ["second", "second"] && result.averages.isEmpty)
      #expect(ComparisonText(result).terminal.contains("first    zero-shot CLIP"))
      try whole.write(to: image)
      let repaired = try newUnits(comparison, in: output)
      #expect(repaired.new == ["first/zero-shot-seed1", "first/coop-seed1", "first/coop-seed2"])
      #expect(repaired.outcomes.allSatisfy { $0.isComplete && $0.accuracies.count == 2 })
    }
  }
}
