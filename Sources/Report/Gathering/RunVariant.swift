import Datasets
import Experiments
import PromptLearning

/// What runs have in common that differ in nothing but their seed.
struct RunVariant: Hashable, Sendable {
  /// A setting that may tell two variants of a method apart, in words.
  struct Feature: Hashable, Sendable {
    let name: String
    let text: String
  }

  let method: PromptLearning.Method
  /// `nil` for all images, and for methods that see none.
  let shots: Int?
  /// Whether contexts begin and stand as in the paper's tables, learned from as many images.
  let isPapers: Bool
  private let features: [Feature]

  init(_ run: ReportedRun) {
    method = run.method
    guard let configuration = run.record.configuration else {
      shots = nil
      isPapers = false
      features = [Feature(name: "origin", text: "imported")]
      return
    }
    shots = method.isZeroShot ? nil : configuration.shots
    isPapers =
      configuration.classes == .base
      && (method.isZeroShot || shots == 16 && configuration.context == RunConfiguration.Context())
    features = Self.features(of: configuration)
  }

  private static func features(of configuration: RunConfiguration) -> [Feature] {
    var features = [Feature(name: "classes", text: "\(configuration.classes.rawValue) classes")]
    func add(_ name: String, _ text: String) { features.append(Feature(name: name, text: text)) }
    guard !configuration.method.isZeroShot else { return features }
    add("shots", configuration.shots.map { $0.counted("shot") } ?? "all images")
    guard let training = configuration.training else { return features }
    let context = configuration.context
    add("context", context.words.map { "“\($0)”" } ?? "\(context.length ?? 4) random vectors")
    if context.position != .end { add("position", "name in the \(context.position.rawValue)") }
    if context.isClassSpecific { add("sets", "class-specific") }
    add("epochs", training.epochs.counted("epoch"))
    add("batch", "\(training.batchSize) a step")
    add("rate", "rate \(training.learningRate)")
    add("views", training.views == .fresh ? "fresh views" : "stored views")
    return features
  }

  /// The method's name, with what tells it apart from `others`.
  func label(among others: some Collection<RunVariant>) -> String {
    let related = others.filter { $0.method == method && $0 != self }
    let telling = features.filter { feature in related.contains { !$0.features.contains(feature) } }
    return ([method.title] + telling.map(\.text)).joined(separator: ", ")
  }

  /// What is equal in variants that differ in the number of shots alone: they make one curve.
  struct Family: Hashable {
    let method: PromptLearning.Method
    let features: [Feature]
  }

  var family: Family { Family(method: method, features: features.filter { $0.name != "shots" }) }

  /// Zero-shot first, then as the paper lists them; of one method, few shots first.
  static func isOrdered(_ left: RunVariant, _ right: RunVariant) -> Bool {
    let order = PromptLearning.Method.allCases
    let (first, second) = (order.firstIndex(of: left.method) ?? 0, order.firstIndex(of: right.method) ?? 0)
    let texts = (left.features.map(\.text).joined(separator: " "), right.features.map(\.text).joined(separator: " "))
    return (first, left.shots ?? .max, texts.0) < (second, right.shots ?? .max, texts.1)
  }
}
