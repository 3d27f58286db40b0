import CLIP
import Datasets
import Foundation
import Images
import Torch

/// Prompts in a file: a safetensors file whose tensors have the reference's names and whose metadata describes them.
///
/// A file written while training also holds what the training needs to go on: the optimiser's velocities, the state of
/// the generator, the position in the epoch and the configuration; and a checksum, since a training that goes on from
/// damaged numbers would never be found out. docs/formats.md has the details.
public struct PromptCheckpoint: Sendable {
  /// The format that this program writes, and the only one that it reads.
  public static let version = 1

  public let description: PromptDescription
  /// By the learner's parameter names.
  public let parameters: [String: Tensor]
  /// Of a training that may go on; `nil` in the file of finished prompts.
  public let training: Training?

  /// Where a training stood when the file was written.
  public struct Training: Sendable {
    public let configuration: TrainingConfiguration
    public let seed: UInt64
    public let state: TrainingState
  }

  /// The prompts of a fixed learner.
  public init(_ learner: ZeroShotPrompts, model: ModelIdentity) {
    description = PromptDescription(
      method: .zeroShot, classNames: learner.classNames, templates: learner.templates.map(\.text), model: model)
    parameters = [:]
    training = nil
  }

  /// The prompts that a trainer has learned so far.
  ///
  /// - Parameter resumable: whether the file shall hold what the training needs to go on.
  public init<Learner: TrainablePromptLearner>(_ trainer: Trainer<Learner>, model: ModelIdentity, resumable: Bool) {
    let learner = trainer.classifier.learner
    description = PromptDescription(
      method: Learner.method, classNames: learner.classNames, position: (learner as? ContextPrompts)?.position,
      model: model)
    parameters = Dictionary(uniqueKeysWithValues: zip(Learner.parameterNames, learner.parameters))
    training =
      resumable ? Training(configuration: trainer.configuration, seed: trainer.seed, state: trainer.state) : nil
  }

  /// Prompts from elsewhere, whose training cannot go on here.
  init(_ description: PromptDescription, parameters: [String: Tensor]) {
    self.description = description
    self.parameters = parameters
    training = nil
  }

  // MARK: Files

  /// Writes the file whole or not at all.
  public func write(to url: URL) throws {
    var tensors = parameters
    if let velocities = training?.state.optimizer.velocities {
      for (name, velocity) in zip(parameterNames, velocities) { tensors[Self.velocityPrefix + name] = velocity }
    }
    let header = Header(
      version: Self.version, description: description,
      training: training.map {
        Header.Training(
          configuration: $0.configuration, seed: $0.seed, completedEpochs: $0.state.completedEpochs,
          position: $0.state.position, generator: $0.state.generator)
      })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let json = String(decoding: try encoder.encode(header), as: UTF8.self)
    var metadata = [Self.metadataKey: json]
    if training != nil { metadata[Self.checksumKey] = try Self.checksum(of: json, tensors) }
    try SafetensorsFile.write(tensors, metadata: metadata, to: url)
  }

  /// Reads a file, strictly: the version, every tensor and every shape that the description calls for, and no other.
  public init(contentsOf url: URL) throws {
    let file = try SafetensorsFile(contentsOf: url)
    guard let json = file.metadata[Self.metadataKey] else {
      throw LearningError.notPrompts(path: url.path, reason: "its metadata has no entry '\(Self.metadataKey)'")
    }
    let header = try Header(json: json, path: url.path)
    let names = header.description.method.parameterNames
    let parameters = try file.tensors(names, path: url.path)
    self.parameters = parameters
    description = header.description
    var expected = Set(names)
    training = try header.training.map { record in
      let velocityNames = names.map { Self.velocityPrefix + $0 }
      let position = record.position ?? .start
      let hasVelocities = record.completedEpochs > 0 || position.steps > 0
      if hasVelocities { expected.formUnion(velocityNames) }
      let velocities = hasVelocities ? try file.tensors(velocityNames, path: url.path) : [:]
      for name in names where hasVelocities {
        let (velocity, expected) = (Self.velocityPrefix + name, parameters[name]?.shape ?? [])
        guard let found = velocities[velocity]?.shape, found == expected else {
          throw LearningError.parameterShape(
            path: url.path, name: velocity, expected: expected, found: velocities[velocity]?.shape)
        }
      }
      if let checksum = file.metadata[Self.checksumKey] {
        guard try checksum == Self.checksum(of: json, parameters.merging(velocities) { $1 }) else {
          throw LearningError.notPrompts(path: url.path, reason: "it is damaged: its checksum is another")
        }
      }
      return Training(
        configuration: record.configuration, seed: record.seed,
        state: TrainingState(
          completedEpochs: record.completedEpochs, position: position,
          optimizer: record.configuration.optimizer(velocities: velocityNames.compactMap { velocities[$0] }),
          generator: record.generator))
    }
    let unexpected = file.names.filter { !expected.contains($0) }
    guard unexpected.isEmpty else { throw LearningError.unexpectedTensors(path: url.path, names: unexpected) }
  }

  static let metadataKey = "cocoop"
  private static let checksumKey = "sha256"
  private static let velocityPrefix = "velocity."

  /// Of the description and of the tensors' bytes, by name.
  private static func checksum(of json: String, _ tensors: [String: Tensor]) throws -> String {
    let bytes = try tensors.sorted { $0.key < $1.key }.map { try $0.value.bytes() }
    return FileHash.sha256(of: [Array(json.utf8)] + bytes)
  }

  var parameterNames: [String] { description.method.parameterNames }

  // MARK: Learners

  /// The learner that the file describes, on the model it was learned on.
  ///
  /// - Parameters:
  ///   - identity: of `clip`; it must be the one that the prompts were learned on.
  ///   - classNames: other classes than the prompts were learned on; `nil` keeps those.
  ///   - path: what errors call the file.
  public func learner(
    on clip: CLIPModel, identity: ModelIdentity, classNames: [String]? = nil, path: String
  ) throws -> any PromptLearner {
    try description.checkModel(is: identity, path: path)
    let names = classNames ?? description.classNames
    switch description.method {
    case .zeroShot, .zeroShotEnsemble:
      return try ZeroShotPrompts(
        for: names, templates: (description.templates ?? []).map(PromptTemplate.init), clip: clip)
    case .coop: return try contextPrompts(on: clip, path: path, classNames: names)
    case .cocoop: return try conditionalPrompts(on: clip, path: path, classNames: names)
    case .linearProbe: throw LearningError.notPrompts(path: path, reason: "a linear probe has none")
    }
  }

  /// The CoOp learner of this file.
  public func contextPrompts(on clip: CLIPModel, path: String, classNames: [String]) throws -> ContextPrompts {
    let context = try checkedContext(on: clip, path: path)
    // An import may not know the classes; then it is taken at the caller's word.
    let own = isClassSpecific && !description.classNames.isEmpty ? description.classNames : classNames
    return try ContextPrompts(
      for: own, contextVectors: context, position: description.position ?? .end, clip: clip
    ).naming(classNames, on: clip)
  }

  /// Whether each class has contexts of its own.
  public var isClassSpecific: Bool { parameters["ctx"]?.shape.count == 3 }

  /// The CoCoOp learner of this file.
  public func conditionalPrompts(on clip: CLIPModel, path: String, classNames: [String]) throws -> ConditionalPrompts {
    let network = try checkedMetaNetwork(on: clip, path: path)
    let context = try checkedContext(on: clip, path: path)
    return try ConditionalPrompts(for: classNames, parameters: [context] + network, clip: clip)
  }

  /// The tensors of CoCoOp's meta-network, in its order.
  func checkedMetaNetwork(on clip: CLIPModel, path: String) throws -> [Tensor] {
    let shapes = MetaNetwork.parameterShapes(from: clip.embeddingWidth, to: clip.textEncoder.width)
    for (name, shape) in zip(MetaNetwork.parameterNames, shapes) where parameters[name]?.shape != shape {
      throw LearningError.parameterShape(path: path, name: name, expected: shape, found: parameters[name]?.shape)
    }
    return MetaNetwork.parameterNames.compactMap { parameters[$0] }
  }

  /// The context vectors, `[M, D]`, or `[C, M, D]` where each class of CoOp has its own.
  func checkedContext(on clip: CLIPModel, path: String) throws -> Tensor {
    let width = clip.textEncoder.width
    let ranks = description.method == .coop ? 2...3 : 2...2
    guard let context = parameters["ctx"], ranks.contains(context.shape.count), context.shape.last == width else {
      throw LearningError.parameterShape(
        path: path, name: "ctx", expected: [4, width], found: parameters["ctx"]?.shape)
    }
    return context
  }
}

extension SafetensorsFile {
  fileprivate func tensors(_ names: [String], path: String) throws -> [String: Tensor] {
    try names.reduce(into: [:]) { tensors, name in
      guard self.names.contains(name) else {
        throw LearningError.parameterShape(path: path, name: name, expected: [], found: nil)
      }
      let tensor = try tensor(name)
      guard tensor.kind == .float32 else {
        throw LearningError.notPrompts(path: path, reason: "tensor '\(name)' is not of 32-bit floats")
      }
      guard try tensor.floats().allSatisfy(\.isFinite) else {
        throw LearningError.notPrompts(path: path, reason: "tensor '\(name)' holds a number that is not finite")
      }
      tensors[name] = tensor
    }
  }
}

extension Method {
  fileprivate var parameterNames: [String] {
    switch self {
    case .zeroShot, .zeroShotEnsemble, .linearProbe: []
    case .coop: ContextPrompts.parameterNames
    case .cocoop: ConditionalPrompts.parameterNames
    }
  }
}
