import CLIP
import Datasets

/// The description of an artifact without its numbers: enough to rebuild the classifier over any class names.
public struct ArtifactDescription: Sendable, Codable, Equatable {
  public let method: Method
  /// The classes that were learned, by label.
  public let classNames: [String]
  /// The sentences of a zero-shot classifier, or what follows learned contexts; `nil` where that is the name alone.
  public var templates: [String]?
  /// The position of the class name; `nil` for methods that always put it at the end.
  public var position: ContextPosition?
  /// The method's own settings where they differ from the defaults.
  public var options: MethodOptions?
  public let model: ModelIdentity

  public init(
    method: Method, classNames: [String], templates: [String]? = nil, position: ContextPosition? = nil,
    options: MethodOptions? = nil, model: ModelIdentity
  ) {
    self.method = method
    self.classNames = classNames
    self.templates = templates
    self.position = position
    self.options = options
    self.model = model
  }

  /// What a method makes of a setup.
  package init(_ method: Method, _ setup: MethodSetup, model: ModelIdentity) throws {
    let templates = try method.templates(setup).map(\.text)
    self.init(
      method: method, classNames: setup.classNames, templates: templates.isEmpty ? nil : templates,
      position: method.contextSettings.contains(.position) ? setup.context.position : nil,
      options: setup.options.isStandard ? nil : setup.options, model: model)
  }

  /// - Throws: ``LearningError/otherModel(path:expected:found:)`` where `identity` is not the model that this was
  ///   learned on.
  package func checkModel(is identity: ModelIdentity, path: String) throws {
    guard identity.sha256 == model.sha256 else {
      throw LearningError.otherModel(
        path: path, expected: "\(model.name) (\(model.sha256.prefix(12)))",
        found: "\(identity.name) (\(identity.sha256.prefix(12)))")
    }
  }
}

/// The identity of the checkpoint that an artifact belongs to.
public struct ModelIdentity: Sendable, Codable, Equatable {
  public let name: String
  /// SHA-256 of the file of weights, in lower-case hexadecimal.
  public let sha256: String

  public init(name: String, sha256: String) {
    self.name = name
    self.sha256 = sha256
  }
}
