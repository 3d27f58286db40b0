import CLIP
import Datasets

/// The way a classifier comes about.
public enum Method: String, Sendable, Codable, CaseIterable {
  case zeroShot = "zero-shot"
  /// Zero-shot CLIP with the averaged features of several sentences.
  case zeroShotEnsemble = "zero-shot-ensemble"
  case coop
  case cocoop
  /// Logistic regression on image features: the one method without prompts, and without other classes than its own.
  case linearProbe = "linear-probe"

  /// Whether it names classes that it was not trained on.
  public var namesOtherClasses: Bool { self != .linearProbe }

  /// Whether it is made without any image, so that seeds and shots mean nothing to it.
  public var isZeroShot: Bool { self == .zeroShot || self == .zeroShotEnsemble }
}

/// What prompts are, apart from their numbers: enough to build the learner again over any class names.
public struct PromptDescription: Sendable, Codable, Equatable {
  public let method: Method
  /// The classes that the prompts were learned on, by label.
  public let classNames: [String]
  /// The sentences of a zero-shot classifier; `nil` for learned prompts.
  public var templates: [String]?
  /// Where CoOp's class name stands; `nil` for other methods.
  public var position: ContextPosition?
  public let model: ModelIdentity

  public init(
    method: Method, classNames: [String], templates: [String]? = nil, position: ContextPosition? = nil,
    model: ModelIdentity
  ) {
    self.method = method
    self.classNames = classNames
    self.templates = templates
    self.position = position
    self.model = model
  }

  /// - Throws: ``LearningError/otherModel(path:expected:found:)`` where `identity` is not what this was learned on.
  package func checkModel(is identity: ModelIdentity, path: String) throws {
    guard identity.sha256 == model.sha256 else {
      throw LearningError.otherModel(
        path: path, expected: "\(model.name) (\(model.sha256.prefix(12)))",
        found: "\(identity.name) (\(identity.sha256.prefix(12)))")
    }
  }
}

/// Which checkpoint prompts belong to.
public struct ModelIdentity: Sendable, Codable, Equatable {
  public let name: String
  /// SHA-256 of the file of weights, in lower-case hexadecimal.
  public let sha256: String

  public init(name: String, sha256: String) {
    self.name = name
    self.sha256 = sha256
  }
}
