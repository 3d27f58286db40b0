import CLIP
import Datasets
import Experiments
import PromptLearning

/// A trainer by the name that the reference gives it.
package enum ReferenceTrainer: String, Sendable {
  case coop = "CoOp"
  case cocoop = "CoCoOp"
  /// One template: the dataset's own.
  case zeroShot = "ZeroshotCLIP"
  /// An ensemble of seven templates, and outside ImageNet the dataset's own.
  case ensemble = "ZeroshotCLIP2"

  var learns: Bool { section != nil }

  /// Where its keys stand.
  private var section: String? {
    switch self {
    case .coop: "TRAINER.COOP"
    case .cocoop: "TRAINER.COCOOP"
    case .zeroShot, .ensemble: nil
    }
  }

  var scope: ConfigurationKey.Scope? {
    switch self {
    case .coop: .coop
    case .cocoop: .cocoop
    case .zeroShot, .ensemble: nil
    }
  }

  var method: Method {
    switch self {
    case .coop: .coop
    case .cocoop: .cocoop
    case .zeroShot, .ensemble: .zeroShot
    }
  }

  /// The key that says how long a random context is.
  var contextLengthKey: String { (section ?? "TRAINER") + ".N_CTX" }

  /// How contexts begin. Words win over a length, and also over contexts for each class, which are random alone.
  func context(_ configuration: ReferenceConfiguration) -> RunConfiguration.Context {
    guard let section else { return RunConfiguration.Context() }
    let words = configuration.text(section + ".CTX_INIT").replacing("_", with: " ")
    return RunConfiguration.Context(
      words: words.isEmpty ? nil : words, length: words.isEmpty ? configuration.integer(section + ".N_CTX") : nil,
      position: self == .coop
        ? ContextPosition(rawValue: configuration.text("TRAINER.COOP.CLASS_TOKEN_POSITION")) ?? .end : .end,
      isClassSpecific: self == .coop && words.isEmpty && configuration.flag("TRAINER.COOP.CSC"))
  }

  /// What is done in another way than the reference does it.
  func warnings(_ configuration: ReferenceConfiguration, _ arguments: Arguments) -> [String] {
    var warnings: [String] = []
    if let section, configuration.text(section + ".PREC") != "fp32" {
      warnings.append("\(section).PREC is \(configuration.text(section + ".PREC")), but computing is in float32")
    }
    if self == .coop, configuration.flag("TRAINER.COOP.CSC"), !configuration.text("TRAINER.COOP.CTX_INIT").isEmpty {
      warnings.append("TRAINER.COOP.CSC changes nothing where CTX_INIT gives words, as in the reference")
    }
    if arguments.seed == 0 {
      warnings.append("The reference passes over --seed 0 and draws a seed; here it is the seed 0")
    }
    return warnings
  }

  /// The fixed prompts of a trainer that has nothing to learn.
  func fixedPrompts(for dataset: Dataset, named name: String, clip: CLIPModel) throws -> ZeroShotPrompts {
    try ZeroShotPrompts(
      for: dataset.classNames,
      templates: self == .ensemble ? PromptTemplate.ensemble(for: name) : [PromptTemplate.zeroShot(for: name)],
      clip: clip)
  }
}
