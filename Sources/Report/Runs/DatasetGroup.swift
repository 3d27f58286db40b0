import ClassificationMetrics
import Datasets
import PromptLearning
import Runs

/// The runs on one dataset with one model, by method.
struct DatasetGroup: Sendable {
  let dataset: String
  let model: ModelIdentity
  let rows: [MethodRow]

  /// The groups of runs, by dataset and model.
  static func groups(of runs: [ReportedRun]) -> [DatasetGroup] {
    struct Key: Hashable {
      let dataset: String
      let model: String
    }
    let variants = Set(runs.map(RunVariant.init))
    let keyed = Dictionary(grouping: runs) { Key(dataset: $0.dataset, model: $0.record.model.sha256) }
    return keyed.compactMap { key, runs in
      runs.first.map { DatasetGroup(dataset: key.dataset, model: $0.record.model, runs: runs, among: variants) }
    }.sorted { ($0.dataset, $0.model.name, $0.model.sha256) < ($1.dataset, $1.model.name, $1.model.sha256) }
  }

  /// - Parameter all: the variants of the whole report.
  private init(dataset: String, model: ModelIdentity, runs: [ReportedRun], among all: Set<RunVariant>) {
    self.dataset = dataset
    self.model = model
    let variants = Dictionary(grouping: runs, by: RunVariant.init)
    rows = variants.keys.sorted(by: RunVariant.isOrdered).enumerated().map { index, variant in
      MethodRow(
        variant: variant, label: variant.label(among: all),
        tableLabel: variant.label(among: all.filter { $0.classes == variant.classes && $0.chosen == variant.chosen }),
        curveLabel: variant.label(among: all, showsShots: false), index: index,
        runs: (variants[variant] ?? []).sorted { ($0.seed ?? 0, $0.name) < ($1.seed ?? 0, $1.name) })
    }
  }

  /// Checks that averaged figures are from the same photos, and reports rows whose photos differ.
  ///
  /// - Throws: ``ReportError/otherTestPhotos(first:second:evaluation:difference:)``.
  func checkedPhotos() throws -> [String] {
    var remarks: [String] = []
    for classes in ClassSubset.allCases {
      var firsts: [(run: String, kept: SavedEvaluation)] = []
      for row in rows {
        let kept = row.runs.compactMap { run in run.evaluation(on: classes).map { (run: run.name, kept: $0) } }
        guard let first = kept.first else { continue }
        for other in kept.dropFirst() {
          guard let difference = first.kept.difference(from: other.kept) else { continue }
          throw ReportError.otherTestPhotos(
            first: first.run, second: other.run, evaluation: first.kept.name, difference: difference)
        }
        firsts.append(first)
      }
      guard let first = firsts.first else { continue }
      for other in firsts.dropFirst() where first.kept.classNames == other.kept.classNames {
        guard let difference = first.kept.difference(from: other.kept) else { continue }
        remarks.append(
          "\(first.run) and \(other.run) were measured on other photos (\(first.kept.name)), \(difference): their"
            + " figures cannot be compared. \(RunError.sameTestPhotos).")
      }
    }
    return remarks
  }

  /// The rows whose runs learned the same subset of the classes. Their figures are comparable.
  struct Part: Sendable {
    let classes: ClassSubset
    /// The names, where a person has chosen them.
    var chosen: [String]?
    let rows: [MethodRow]

    /// The classes that the data has besides, where some were chosen.
    var leftOut: LeftOutClasses? {
      chosen == nil ? nil : LeftOutClasses(rows.lazy.flatMap(\.runs).compactMap(\.record.otherClasses).first ?? [])
    }

    /// The measures that any of the rows has.
    var measures: [Measure] { Measure.allCases.filter { measure in rows.contains { $0.score(measure) != nil } } }

    /// The measure that ranks methods: the harmonic mean where there is one.
    var ranking: Measure? { [.harmonicMean, .all, .base, .new].first(where: measures.contains) }

    /// The rows from the best to the worst. Those without the ranking figure come last, in their own order.
    var ranked: [MethodRow] {
      guard let ranking else { return rows }
      return rows.sorted {
        ($1.score(ranking)?.mean ?? -1, $0.index) < ($0.score(ranking)?.mean ?? -1, $1.index)
      }
    }
  }

  /// One for each part of the classes that runs learned: the halves and all of them, then those that a person chose.
  var parts: [Part] {
    let chosen = Dictionary(grouping: rows.filter { $0.variant.chosen != nil }) { $0.variant.chosen }
    let parts = [ClassSubset.base, .all, .new].map { classes in
      Part(classes: classes, rows: rows.filter { $0.variant.classes == classes && $0.variant.chosen == nil })
    }
    return
      (parts
      + chosen.values.map { Part(classes: .all, chosen: $0[0].variant.chosen, rows: $0) }.sorted {
        $0.rows[0].index < $1.rows[0].index
      }).filter { !$0.rows.isEmpty }
  }

  /// The row of zero-shot CLIP that learners are compared with. Where it was measured on other parts of the classes, those
  /// with runs on the same part come first.
  ///
  /// - Parameter chosen: the names of the classes, where a person has chosen them.
  func zeroShot(_ measure: Measure, besides classes: ClassSubset, chosen: [String]? = nil) -> MethodRow? {
    let candidates = rows.filter {
      $0.variant.method.isZeroShot && $0.variant.chosen == chosen && $0.score(measure) != nil
    }
    let own = candidates.filter { $0.variant.classes == classes }
    return (own.isEmpty ? candidates : own).min { $0.variant.method.rank < $1.variant.method.rank }
  }

  var runs: [ReportedRun] { rows.flatMap(\.runs) }

  /// The measures that any run has.
  var measures: [Measure] { Measure.allCases.filter { measure in rows.contains { $0.score(measure) != nil } } }
}

/// A column of figures.
enum Measure: CaseIterable, Sendable {
  case base, new, harmonicMean, all

  var title: String {
    switch self {
    case .base: "base"
    case .new: "new"
    case .harmonicMean: "H"
    case .all: "all"
    }
  }

  /// The subset of the classes that is measured; `nil` for a measure that follows from two.
  var classes: ClassSubset? {
    switch self {
    case .base: .base
    case .new: .new
    case .all: .all
    case .harmonicMean: nil
    }
  }

  /// The measure's name in headings.
  var words: String {
    switch self {
    case .base: "Accuracy on base classes"
    case .new: "Accuracy on new classes"
    case .harmonicMean: "Harmonic mean of both (H)"
    case .all: "Accuracy on all classes"
    }
  }
}

/// A method, or a variant of one, with its runs.
struct MethodRow: Sendable {
  let variant: RunVariant
  let label: String
  /// The label among rows that learned the same subset of the classes.
  let tableLabel: String
  /// The label of the row and of those that differ from it only in shots.
  let curveLabel: String
  /// The index among its group's rows.
  let index: Int
  /// The runs, by seed.
  let runs: [ReportedRun]

  /// A score, with accuracies in percent.
  struct Score: Sendable, Equatable {
    let mean: Double
    /// The sample standard deviation; `nil` with one seed.
    let deviation: Double?
  }

  /// The mean over the seeds. H is that of the two means, as the paper reports it.
  func score(_ measure: Measure) -> Score? {
    switch measure {
    case .base: score(on: .base)
    case .new: score(on: .new)
    case .all: score(on: .all)
    case .harmonicMean: harmonicMean
    }
  }

  /// The harmonic mean of both means, only where the base classes were learned and the new ones were not.
  private var harmonicMean: Score? {
    guard variant.classes == .base, let base = score(on: .base)?.mean, let new = score(on: .new)?.mean else {
      return nil
    }
    return Score(mean: base + new == 0 ? 0 : 2 * base * new / (base + new), deviation: nil)
  }

  private func score(on classes: ClassSubset) -> Score? {
    Self.score(runs.compactMap { $0.evaluation(on: classes)?.evaluation.accuracy })
  }

  static func score(_ values: [Double]) -> Score? {
    values.isEmpty ? nil : Score(mean: values.mean, deviation: values.count > 1 ? values.deviation : nil)
  }

  /// The seeds, such as "seeds 1, 2, 3"; `nil` where none matters.
  var seeds: String? {
    if runs.allSatisfy(\.isComputed) { return "computed for this page" }
    let seeds = runs.compactMap { $0.seed.map(String.init) }
    guard !variant.method.isZeroShot, !seeds.isEmpty else { return nil }
    return (seeds.count == 1 ? "seed " : "seeds ") + seeds.joined(separator: ", ")
  }

  /// The index of the style sheet's series colour: one for each method.
  var series: Int { variant.method.series }
}
