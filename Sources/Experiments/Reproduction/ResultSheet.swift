import Datasets

/// The accuracies of a comparison by variant, dataset and seed.
struct ResultSheet {
  /// What one seed came to on one dataset.
  struct Value: Equatable {
    let seed: Int
    /// In percent: of base and new classes, or of all; without new where the method cannot name them.
    let accuracies: [Double]
    let seconds: Double
  }

  private let outcomes: [UnitOutcome]
  private let comparison: Comparison

  init(_ outcomes: [UnitOutcome], of comparison: Comparison) {
    self.outcomes = outcomes
    self.comparison = comparison
  }

  /// By seed; a zero-shot classifier's one value counts for each seed.
  func values(of variant: Variant, on dataset: String) -> [Value] {
    let found = outcomes.filter { $0.unit.variant == variant }.compactMap { outcome -> Value? in
      let tests = outcome.unit.tests.filter { $0.dataset == dataset }
      let accuracies = tests.compactMap { outcome.accuracies[$0] }
      guard !tests.isEmpty, accuracies.count == tests.count else { return nil }
      return Value(seed: outcome.unit.seed, accuracies: accuracies, seconds: outcome.seconds)
    }
    guard variant.method.isZeroShot, let only = found.first else { return found }
    return comparison.seeds.enumerated().map {
      Value(seed: $1, accuracies: only.accuracies, seconds: $0 == 0 ? only.seconds : 0)
    }
  }

  /// By seed, the means over the datasets, where every dataset has this seed.
  func averages(of variant: Variant, over datasets: [String]) -> [Value] {
    let columns = datasets.map { values(of: variant, on: $0) }
    return comparison.seeds.compactMap { seed in
      let row = columns.compactMap { $0.first { $0.seed == seed } }
      let kinds = row.map(\.accuracies.count).min() ?? 0
      guard row.count == datasets.count, kinds > 0 else { return nil }
      return Value(
        seed: seed, accuracies: (0..<kinds).map { kind in row.map { $0.accuracies[kind] }.mean },
        seconds: row.map(\.seconds).reduce(0, +))
    }
  }

  /// The rows that a unit was to fill, and did not.
  var gaps: Set<ComparisonSummary.Gap> {
    Set(
      outcomes.flatMap { outcome in
        outcome.unit.tests.filter { outcome.accuracies[$0] == nil }.map {
          ComparisonSummary.Gap(variant: outcome.unit.variant, dataset: $0.dataset)
        }
      })
  }
}
