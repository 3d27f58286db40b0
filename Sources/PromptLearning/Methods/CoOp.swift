import CLIP
import Datasets
import Torch

extension Method {
  /// CoOp: context vectors that are the same for every image (Zhou et al., IJCV 2022).
  public static let coop = Method(
    "coop", title: "CoOp", traits: [.learns, .namesOtherClasses],
    contextSettings: [.beginning, .position, .classSpecific], paperKey: "coop", series: 1,
    parameters: [ContextPrompts.contextSpec],
    // On ImageNet it is trained for 50 epochs instead of 200.
    training: { PublishedDataset(named: $0) == .imageNet ? .coop.with(epochs: 50) : .coop },
    learning: .stepwise(StepwiseLearning(start: ContextPrompts.init(_:), restore: ContextPrompts.init(_:_:path:))),
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "CoOp", section: "TRAINER.COOP",
      keys: [
        .contextLength,
        ReferenceFormat.Key("CSC", .flag(false), "contexts of its own for each class, where CTX_INIT is empty"),
        .contextWords, .precision,
        ReferenceFormat.Key(
          "CLASS_TOKEN_POSITION", .text("end"), choices: ["end", "middle", "front"], "where the class name stands"),
      ],
      buffers: ReferenceFormat.tokenBuffers,
      recognises: ReferenceFormat.holdsContextsAlone))
}

extension ContextPrompts {
  /// Contexts that all classes share.
  static let sharedContextSpec = ParameterSpec("ctx", [.any(usual: 4), .textWidth])
  /// Contexts that all classes share, or contexts of each class's own.
  static let contextSpec = ParameterSpec(
    "ctx", [.any(usual: 4), .textWidth], [.any(usual: 1), .any(usual: 4), .textWidth])

  init(_ setup: MethodSetup) throws {
    try self.init(
      for: setup.classNames, initialContext: setup.context.initial, position: setup.context.position,
      isClassSpecific: setup.context.isClassSpecific, clip: setup.clip, seed: setup.seed)
  }

  init(_ artifact: Artifact, _ setup: MethodSetup, path: String) throws {
    let context = try artifact.parameter("ctx", path: path)
    let learned = artifact.description.classNames
    // An import may not know the classes; then the caller's are trusted.
    let own = artifact.isClassSpecific && !learned.isEmpty ? learned : setup.classNames
    self = try ContextPrompts(
      for: own, contextVectors: context, position: artifact.description.position ?? .end, clip: setup.clip
    ).withClasses(setup.classNames, on: setup.clip)
  }

  @Sendable static func contexts(_ artifact: Artifact, _ clip: CLIPModel, path: String) throws -> LearnedContexts {
    let vectors = try artifact.parameter("ctx", path: path)
    return LearnedContexts(
      try artifact.isClassSpecific ? vectors : vectors.unsqueezed(at: 0), isClassSpecific: artifact.isClassSpecific,
      metaNetwork: nil)
  }
}
