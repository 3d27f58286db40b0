import CLIP
import Datasets
import PromptLearning

/// A method as a trainer of the reference's command line, with a section of configuration keys.
package struct ReferenceTrainer: Sendable, Equatable {
  package let method: Method
  let format: ReferenceFormat

  package static func == (left: ReferenceTrainer, right: ReferenceTrainer) -> Bool { left.method == right.method }

  /// All trainers; those with learning first.
  static let all = Method.all.compactMap(ReferenceTrainer.init).sorted { $0.learns && !$1.learns }

  private init?(_ method: Method) {
    // A learning method without keys is known by its checkpoints alone.
    guard let format = method.reference, method.isZeroShot || format.section != nil else { return nil }
    self.method = method
    self.format = format
  }

  /// The trainer of this name, such as `CoCoOp`.
  package init?(named name: String) {
    guard let trainer = Self.all.first(where: { $0.name == name }) else { return nil }
    self = trainer
  }

  package var name: String { format.trainer }

  var learns: Bool { format.section != nil }

  /// The line of the log behind which `parse_test_res.py` of its program looks for the result of a training.
  var ending: String { format.ownKeys == nil ? "Finish training" : "Finished training" }

  var scope: ConfigurationKey.Scope { .trainer(name) }

  /// The whole name of one of its section's keys.
  func name(of key: ReferenceFormat.Key) -> String { (format.section ?? "TRAINER") + "." + key.name }

  /// The keys whose values are lengths of learned tensors.
  var lengthKeys: [(key: String, length: ReferenceFormat.Key.Length)] {
    format.keys.compactMap { key in key.length.map { (name(of: key), $0) } }
  }

  /// How contexts begin. Words win over a length, and also over contexts for each class, which are random alone.
  func context(_ configuration: ReferenceConfiguration, on dataset: ReferenceDataset) -> ContextSettings {
    guard let section = format.section, let lengthKey = format.contextLengthKey else { return ContextSettings() }
    let length = configuration.integer(name(of: lengthKey))
    if case .flag(let isFromWords) = configuration.value(section + ".CTX_INIT") {
      guard isFromWords else { return ContextSettings(words: nil, length: length) }
      // Words that are padded to the length, or else the four that every program of this family begins as.
      let own = method.context(ContextSettings(), on: dataset.rawValue)
      return own.words == nil || own.length == nil
        ? ContextSettings(isAsked: true) : ContextSettings(words: own.words, length: length)
    }
    let words = configuration.text(section + ".CTX_INIT").replacing("_", with: " ")
    let settings = method.contextSettings
    if format.keepsTowers {
      // The first tokens of the words are learned, and the others stay in the prompt.
      return ContextSettings(words: words.isEmpty || length > 4 ? nil : words, length: length)
    }
    return ContextSettings(
      words: words.isEmpty ? nil : words, length: words.isEmpty ? length : nil,
      position: settings.contains(.position)
        ? ContextPosition(rawValue: configuration.text(section + ".CLASS_TOKEN_POSITION")) ?? .end : .end,
      isClassSpecific: settings.contains(.classSpecific) && words.isEmpty && configuration.flag(section + ".CSC"))
  }

  /// The method's own settings.
  ///
  /// - Throws: `LearningError`, and ``CompatibilityError/range(key:expected:found:)`` for a length below 1 and for
  ///   blocks that do not follow each other.
  func options(_ configuration: ReferenceConfiguration) throws -> MethodOptions {
    for key in format.keys where key.length != nil {
      let found = configuration.length(name(of: key))
      guard found >= 1 else {
        throw CompatibilityError.range(key: name(of: key), expected: "1 or more", found: "\(found)")
      }
    }
    if let key = format.layersKey, let blocks = configuration.integers(key) {
      guard zip(blocks, blocks.dropFirst()).allSatisfy({ $0 < $1 && $1 - 1 == $0 }) else {
        throw CompatibilityError.range(key: key, expected: "blocks that follow each other", found: "\(blocks)")
      }
    }
    let keys = format.keys.map { (name(of: $0), $0.option) } + (format.ownKeys ?? []).map { ($0.name, $0.option) }
    let values = keys.compactMap { name, option in option.map { ($0, configuration.measure(name)) } }
    let derived = format.derived?(ReferenceFormat.Settings { configuration.text($0) }) ?? [:]
    return try MethodOptions(
      Dictionary(values, uniquingKeysWith: { $1 }).merging(derived) { $1 }, for: method)
  }

  /// What is done in another way than the reference does it.
  func warnings(_ configuration: ReferenceConfiguration, _ arguments: Arguments) -> [String] {
    var warnings: [String] = []
    if let section = format.section {
      if configuration.text(section + ".PREC") != "fp32" {
        warnings.append("\(section).PREC is \(configuration.text(section + ".PREC")), but computing is in float32")
      }
      if method.contextSettings.contains(.classSpecific), configuration.flag(section + ".CSC"),
        !configuration.text(section + ".CTX_INIT").isEmpty
      {
        warnings.append("\(section).CSC changes nothing where CTX_INIT gives words, as in the reference")
      }
    }
    if arguments.seed == 0 {
      warnings.append("The reference passes over --seed 0 and draws a seed; here it is the seed 0")
    }
    return warnings
  }
}
