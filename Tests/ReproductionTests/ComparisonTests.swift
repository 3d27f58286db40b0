import CLIP
import Datasets
import Foundation
import PromptLearning
import Reproduction
import Runs
import Testing
import TestSupport

@Suite("A comparison has the units and tests of its protocol")
struct ComparisonTests {
  private func text(_ unit: Trial) -> String {
    "\(unit.path) \(unit.configuration.classes.rawValue): "
      + unit.tests.map { "\($0.dataset) \($0.classes.rawValue)" }.joined(separator: ", ")
  }

  private func units(
    _ kind: EvaluationProtocol, _ place: URL, methods: [PromptLearning.Method], source: String? = nil,
    targets: [String] = ["one", "two"]
  ) throws -> [String] {
    let variants = methods.map { Variant($0) }
    return try Comparison(
      kind, model: "tiny-clip", datasets: targets.map { place.appending(path: $0).path },
      source: source.map { place.appending(path: $0).path }, variants: variants, seeds: [1, 2]
    ).units.map(text)
  }

  @Test("base-to-new learns base classes and tests both halves, where the method can name new ones")
  func baseToNew() throws {
    try withTemporaryFolder { place in
      for name in ["one", "two"] { _ = try SmallBenchmark.write(name, to: place) }
      #expect(
        try units(.baseToNew, place, methods: [.zeroShotEnsemble, .cocoop, .linearProbe], targets: ["one"]) == [
          "one/zero-shot-ensemble-seed1 base: one base, one new",
          "one/cocoop-seed1 base: one base, one new", "one/cocoop-seed2 base: one base, one new",
          "one/linear-probe-seed1 base: one base", "one/linear-probe-seed2 base: one base",
        ])
    }
  }

  @Test("a transfer learns all classes of its source; zero-shot CLIP asks each dataset in its own words")
  func transfer() throws {
    try withTemporaryFolder { place in
      for name in ["one", "two"] { _ = try SmallBenchmark.write(name, to: place) }
      _ = try SmallBenchmark.write("part", to: place, classNames: ["bird", "boat", "bread"])
      _ = try SmallBenchmark.write("other", to: place, classNames: ["bird", "flag"])
      #expect(
        try units(
          .crossDataset, place, methods: [.zeroShot, .coop, .linearProbe], source: "one",
          targets: ["one", "two", "part", "other"]) == [
            "one/zero-shot-seed1 all: one all", "two/zero-shot-seed1 all: two all",
            "part/zero-shot-seed1 all: part all", "other/zero-shot-seed1 all: other all",
            "one/coop-seed1 all: one all, two all, part all, other all",
            "one/coop-seed2 all: one all, two all, part all, other all",
            // A linear probe supports only its own classes: "two" has the same, "part" some of them, "other" another.
            "one/linear-probe-seed1 all: one all, two all, part all",
            "one/linear-probe-seed2 all: one all, two all, part all",
          ])
    }
  }

  @Test("the defaults are the paper's, and a dataset that cannot be read is no obstacle to the units of the others")
  func defaults() throws {
    try withTemporaryFolder { place in
      let variants = [Variant(.coop), Variant(.cocoop)]
      let baseToNew = try Comparison(
        .baseToNew, model: "tiny-clip", root: place.path, variants: variants, seeds: [1])
      #expect(baseToNew.units.count == 22)
      let coop = baseToNew.units.filter { $0.variant.method == .coop }
      #expect(coop.map { $0.configuration.training?.epochs } == [50] + Array(repeating: 200, count: 10))
      #expect(Set(coop.map { $0.configuration.training?.batchSize }) == [32])
      let cocoop = try #require(baseToNew.units.first { $0.variant.method == .cocoop })
      #expect(cocoop.configuration.training == .cocoop && cocoop.configuration.shots == 16)
      #expect(cocoop.configuration.context == RunConfiguration.Context())
      let domains = try Comparison(
        .domainGeneralization, model: "tiny-clip", root: place.path, variants: variants, seeds: [1])
      #expect(
        domains.units[0].tests.map(\.dataset)
          == ["ImageNet", "ImageNetV2", "ImageNet-Sketch", "ImageNet-A", "ImageNet-R"])
      #expect(
        message {
          try Comparison(.baseToNew, model: "tiny-clip", datasets: ["caltech"], variants: variants, seeds: [1])
        }
          == "There is no dataset 'caltech': it is neither embedded nor a path. Did you mean 'caltech101'?")
    }
  }

  @Test("each ablation has the paper's variants, CoOp's with as many vectors as fit")
  func ablations() {
    let large = CLIPConfiguration.openAI(.viTB16)
    #expect(
      Ablation.contextLength.variants(for: large).map(\.title) == [4, 8, 16].map { "CoCoOp, \($0) random vectors" })
    #expect(Ablation.initialisation.variants(for: large).map(\.label) == [nil, "random-4"])
    // 60 vectors of 512 are 30,720 parameters, compared with 35,360 of CoCoOp.
    #expect(Ablation.contextSize.variants(for: large).map(\.label) == [nil, "random-60", nil])
    #expect(Ablation.contextSize.variants(for: large).map(\.method) == [.coop, .coop, .cocoop])
  }
}
