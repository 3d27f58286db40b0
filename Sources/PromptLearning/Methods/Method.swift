import CLIP
import Datasets
import Torch

/// A method of building a classifier: everything that the package has to know about it.
///
/// A method is a value in a file of its own. Nothing else compares methods by name: code that needs to distinguish them
/// uses a trait or a capability. In files a method is its ``id``; an id that this version does not know is kept, and
/// refused when the method is used.
public struct Method: Sendable {
  /// The name in files, folders and on the command line, such as `cocoop`.
  public let id: String
  /// The name in papers, such as `CoCoOp`.
  public let title: String
  public let traits: Traits
  /// The context settings that the method supports.
  public let contextSettings: Set<ContextSetting>
  /// Settings that no other method has.
  public let options: [MethodOption]
  /// The key of its published figures; `nil` where there are none.
  public let paperKey: String?
  /// The index of its colour in a report's series; 0 is that of methods without learning.
  public let series: Int
  /// The name of the file in which a run saves what it has learned.
  public let artifactName: String
  /// The contents of that file, in the words of errors.
  public let artifactNoun: String
  /// The learned tensors, in the order of its learner.
  public let parameters: [ParameterSpec]
  /// How many of them, from the first, an optimiser learns; the others are kept with them.
  let learnedCount: Int
  /// How it is trained on a dataset unless told otherwise; `nil` where no optimiser steps through images.
  let training: @Sendable (_ dataset: String) -> TrainingConfiguration?
  package let learning: Learning
  /// The sentences of a classifier, or what follows learned contexts in its prompts, where that is not a name alone.
  package let templates: @Sendable (MethodSetup) throws -> [PromptTemplate]
  /// How its contexts begin on a dataset where nobody says it; `nil` begins as ``ContextSettings/init`` does.
  let ownContext: (@Sendable (_ dataset: String) -> ContextSettings)?
  /// The context vectors of an artifact; `nil` for a method that learns none.
  let contexts: (@Sendable (Artifact, CLIPModel, _ path: String) throws -> LearnedContexts)?
  /// The learner of an artifact without the part that depends on the image; `nil` where nothing does.
  let withoutImage: (@Sendable (Artifact, MethodSetup, _ path: String) throws -> any PromptLearner)?
  /// The original's program, where its checkpoints and command lines are supported.
  public let reference: ReferenceFormat?

  /// The traits of a method.
  public struct Traits: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// It learns from images, so that seeds and shots matter.
    public static let learns = Traits(rawValue: 1 << 0)
    /// It supports classes that it was not trained on.
    public static let namesOtherClasses = Traits(rawValue: 1 << 1)
    /// Its class features depend on the image.
    public static let conditionsOnImage = Traits(rawValue: 1 << 2)
    /// Its classifiers are ``FastAnswering``.
    public static let answersFast = Traits(rawValue: 1 << 3)
    /// Prompts stand in its image tower: it needs pixels and a vision transformer, and sees images in a way of its own.
    public static let promptsImages = Traits(rawValue: 1 << 4)
    /// What it has learned is a mean over its epochs.
    public static let averagesEpochs = Traits(rawValue: 1 << 5)
    /// It learns from sentences about each class, which a file may give.
    public static let readsSentences = Traits(rawValue: 1 << 6)
  }

  /// The way in which the method builds a classifier.
  package enum Learning: Sendable {
    /// A direct fit: from the class names, or from images that are encoded once.
    case direct(DirectLearning)
    /// A training step by step, by a ``Trainer``.
    case stepwise(StepwiseLearning)
  }

  init(
    _ id: String, title: String, traits: Traits, contextSettings: Set<ContextSetting> = [],
    options: [MethodOption] = [], paperKey: String? = nil, series: Int = 0,
    artifactName: String = "prompts.safetensors", artifactNoun: String = "prompts", parameters: [ParameterSpec] = [],
    constants: [ParameterSpec] = [],
    training: @escaping @Sendable (String) -> TrainingConfiguration? = { _ in nil }, learning: Learning,
    templates: @escaping @Sendable (MethodSetup) throws -> [PromptTemplate] = { _ in [] },
    ownContext: (@Sendable (String) -> ContextSettings)? = nil,
    contexts: (@Sendable (Artifact, CLIPModel, String) throws -> LearnedContexts)? = nil,
    withoutImage: (@Sendable (Artifact, MethodSetup, String) throws -> any PromptLearner)? = nil,
    reference: ReferenceFormat? = nil
  ) {
    self.id = id
    self.title = title
    self.traits = traits
    self.contextSettings = contextSettings
    self.options = options
    self.paperKey = paperKey
    self.series = series
    self.artifactName = artifactName
    self.artifactNoun = artifactNoun
    self.parameters = parameters + constants
    learnedCount = parameters.count
    self.training = training
    self.learning = learning
    self.templates = templates
    self.ownContext = ownContext
    self.contexts = contexts
    self.withoutImage = withoutImage
    self.reference = reference
  }
}

// MARK: The list

extension Method {
  /// Every method: those that learn nothing first, then as the papers appeared.
  public static let all: [Method] = [
    .zeroShot, .zeroShotEnsemble, .coop, .cocoop, .linearProbe, .kgcoop, .prograd,
    .tipAdapter, .tipAdapterF, .tcp, .ivlp, .vpt, .maple, .promptsrc, .coprompt, .mmrl,
  ]

  /// Those that files may be of, in the order in which they are asked: TCP's hold CoCoOp's names, in other shapes, and
  /// IVLP's those of PromptSRC.
  static let recognised = [tcp] + all

  /// The method's position in the list, by which rows are ordered.
  public var rank: Int { Self.all.firstIndex(of: self) ?? Self.all.count }

  /// The default method of `train`.
  public static let standard = cocoop
  /// The methods in the paper's tables.
  public static let paperTable = [zeroShot, coop, cocoop]

  /// The method with this `id` in files and on the command line; `nil` where there is none.
  public init?(id: String) {
    guard let method = Self.all.first(where: { $0.id == id }) else { return nil }
    self = method
  }

  /// A method that this version does not know: every operation is refused with its name.
  init(unknown id: String) {
    self.init(
      id, title: "'\(id)'", traits: [],
      learning: .direct(
        DirectLearning(
          fit: { _, _, _ in throw LearningError.unknownMethod(id: id) },
          restore: { _, _, _ in throw LearningError.unknownMethod(id: id) }, fitSeconds: { _, _ in 0 })))
  }
}

// MARK: What follows from the traits

extension Method {
  /// The loss and the rules of its steps; `nil` for a method without steps.
  package func recipe(_ setup: MethodSetup) throws -> TrainingRecipe? {
    guard case .stepwise(let learning) = learning else { return nil }
    return try learning.recipe(setup)
  }

  /// How contexts begin: as a person asked, or else as the method begins them on a dataset.
  package func context(_ asked: ContextSettings, on dataset: String) -> ContextSettings {
    guard let ownContext, asked == ContextSettings() else { return asked }
    return ownContext(dataset)
  }
  /// Whether its contexts begin otherwise than other methods' do.
  public var beginsItsOwnWay: Bool { ownContext != nil }

  /// Whether it is made without any image, so that seeds and shots mean nothing to it.
  public var isZeroShot: Bool { !traits.contains(.learns) }
  /// Whether it supports classes that it was not trained on.
  public var namesOtherClasses: Bool { traits.contains(.namesOtherClasses) }
  /// Whether its class features depend on the image.
  public var conditionsOnImage: Bool { traits.contains(.conditionsOnImage) }
  /// Whether its answers can be approximated near the cost of zero-shot CLIP.
  public var answersFast: Bool { traits.contains(.answersFast) }
  /// Whether prompts stand in its image tower, so that it needs pixels and a vision transformer.
  public var promptsImages: Bool { traits.contains(.promptsImages) }
  /// Whether what it has learned is a mean over its epochs.
  public var averagesEpochs: Bool { traits.contains(.averagesEpochs) }
  /// Whether it learns from sentences about each class, which a file may give.
  public var readsSentences: Bool { traits.contains(.readsSentences) }
  /// Whether it has context vectors, which can be read as words.
  public var learnsContexts: Bool { contexts != nil }
  /// The names of its tensors, in the order of its learner.
  public var parameterNames: [String] { parameters.map(\.name) }
  /// Of those that it learns.
  var learnedNames: [String] { Array(parameterNames.prefix(learnedCount)) }
  /// How it is trained unless told otherwise; `nil` where no optimiser steps through images.
  public var defaultTraining: TrainingConfiguration? { training("") }
  /// The default training on a dataset, by its title.
  public func defaultTraining(on dataset: String) -> TrainingConfiguration? { training(dataset) }
}

extension Method: Hashable, Codable {
  public static func == (left: Method, right: Method) -> Bool { left.id == right.id }
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }

  public init(from decoder: any Decoder) throws {
    let id = try decoder.singleValueContainer().decode(String.self)
    self = Method(id: id) ?? Method(unknown: id)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(id)
  }
}
