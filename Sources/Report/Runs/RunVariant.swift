import Datasets
import Foundation
import PromptLearning
import Runs
import Torch

/// The common settings of runs that differ only in their seed.
struct RunVariant: Hashable, Sendable {
  /// A setting that may distinguish two variants of a method, in words.
  struct Feature: Hashable, Sendable {
    let name: String
    let text: String

    /// Whether it is shown wherever it is not usual: it concerns what is learned, not how.
    var isEssential: Bool { ["origin", "precision", "context", "position", "sets", "option"].contains(name) }
  }

  let method: PromptLearning.Method
  /// The number of shots; `nil` for all images, and for methods without images.
  let shots: Int?
  /// The learned subset of the classes.
  let classes: ClassSubset
  /// The names of what is learned, where a person has chosen it; ``classes`` is then all.
  let chosen: [String]?
  /// Whether contexts begin and stand as in the paper's tables, learned from as many images.
  let isPapers: Bool
  private let features: [Feature]
  /// The ``features`` that differ from the method's defaults on the dataset.
  private let unusual: [Feature]

  init(_ run: ReportedRun) {
    method = run.method
    classes = run.record.classes ?? .all
    chosen = run.record.configuration?.chosenClasses
    guard let configuration = run.record.configuration else {
      shots = nil
      isPapers = false
      features = [Self.imported]
      unusual = features
      return
    }
    shots = method.isZeroShot ? nil : configuration.shots
    isPapers = method.isZeroShot || shots == 16 && configuration.context == RunConfiguration.Context()
    features = Self.features(of: configuration)
    let usual = Self.features(
      of: RunConfiguration(
        model: configuration.model, data: configuration.data, method: method, classes: .base,
        training: method.defaultTraining(on: run.dataset)))
    unusual = features.filter { !usual.contains($0) && $0.name != Self.classesName }
  }

  private static let classesName = "classes"
  private static let imported = Feature(name: "origin", text: "imported")

  private static func classes(of configuration: RunConfiguration) -> String {
    guard let chosen = configuration.chosenClasses else { return "\(configuration.classes.rawValue) classes" }
    return "only \(chosen.prefix(3).joined(separator: ", "))\(chosen.count > 3 ? ", … (\(chosen.count) classes)" : "")"
  }

  private static func features(of configuration: RunConfiguration) -> [Feature] {
    var features = [Feature(name: classesName, text: classes(of: configuration))]
    func add(_ name: String, _ text: String) { features.append(Feature(name: name, text: text)) }
    if let precision = configuration.precision { add("precision", precision.rawValue) }
    if configuration.isRecursive == true { add("sub-folders", "photos in sub-folders too") }
    guard !configuration.method.isZeroShot else { return features }
    add("shots", configuration.shots.map { $0.counted("shot") } ?? "all images")
    if configuration.fewShotList != nil { add("sample", "images of a list") }
    guard let training = configuration.training else { return features }
    let context = configuration.context
    let isOwn = configuration.method.beginsItsOwnWay && context == RunConfiguration.Context()
    add(
      "context",
      isOwn ? "its own words" : context.words.map { "“\($0)”" } ?? "\(context.length ?? 4) random vectors")
    if context.position != .end { add("position", "name in the \(context.position.rawValue)") }
    if context.isClassSpecific { add("sets", "class-specific") }
    for option in configuration.method.options {
      guard let value = configuration.options?.values[option.name] else { continue }
      add("option", "\(option.name) \(value)")
    }
    add("epochs", training.epochs.counted("epoch"))
    add("batch", "\(training.batchSize) a step")
    add("rate", "rate \(training.learningRate)")
    add("views", training.views == .fresh ? "fresh views" : "stored views")
    return features
  }

  /// The method's name, with its unusual settings; those of the training only where the report's runs of the method
  /// differ.
  ///
  /// Two variants on one dataset never have the same label, and the same settings have the same one on every dataset.
  ///
  /// The subset of the classes is shown where runs of the method learned different ones.
  ///
  /// - Parameter showsShots: whether the number of shots may be shown.
  func label(among all: some Collection<RunVariant>, showsShots: Bool = true) -> String {
    // The training of an import is not known, so it does not distinguish others.
    let related = all.filter { $0.method == method && !$0.features.contains(Self.imported) }
    let telling = unusual.filter { feature in
      (showsShots || feature.name != "shots")
        && (feature.isEssential || related.contains { !$0.features.contains(feature) })
    }
    let part = features.filter { $0.name == Self.classesName }.map(\.text)
    let isTold = related.contains { $0.classes != classes || $0.chosen != chosen }
    return ([method.title] + (isTold ? part : []) + telling.map(\.text)).joined(separator: ", ")
  }

  private var text: String { features.map(\.text).joined(separator: " ") }

  /// The settings of variants that differ only in the number of shots: they make one curve.
  struct Family: Hashable {
    let method: PromptLearning.Method
    let features: [Feature]
  }

  var family: Family { Family(method: method, features: features.filter { $0.name != "shots" }) }

  /// The order of variants: zero-shot first, then as in the paper; of one method, runs on the base classes first, then
  /// few shots first, and the usual before the unusual.
  static func isOrdered(_ left: RunVariant, _ right: RunVariant) -> Bool {
    func part(_ variant: RunVariant) -> Int {
      variant.chosen == nil ? [.base, .all, .new].firstIndex(of: variant.classes) ?? 0 : 3
    }
    let place = (left.method.rank, part(left), left.shots ?? .max, left.unusual.count)
    let other = (right.method.rank, part(right), right.shots ?? .max, right.unusual.count)
    guard place == other else { return place < other }
    return left.text.compare(right.text, options: .numeric) == .orderedAscending
  }
}
