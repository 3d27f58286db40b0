import CLIP
import Datasets

/// The way a classifier's prompts come about.
public enum Method: String, Sendable, Codable, CaseIterable {
  case zeroShot = "zero-shot"
  case coop
  case cocoop
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
