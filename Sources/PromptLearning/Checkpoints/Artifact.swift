import CLIP
import Datasets
import Foundation
import Images
import Support
import Torch

/// The result of a run's learning: tensors by name, their description, and the model that they belong to.
///
/// The file is a safetensors file whose tensors have the original's names and whose metadata describes them. A file
/// that was written during training also holds what the training needs to resume: the optimiser's velocities, the state
/// of the generator, the position in the epoch and the configuration; and a checksum, since damaged numbers in a
/// resumed training would never be noticed. docs/run-folder.md has the details.
public struct Artifact: Sendable {
  /// The format version that this program writes, and the only one that it reads.
  public static let version = 1

  public let description: ArtifactDescription
  /// The learned tensors, by the method's parameter names.
  public let parameters: [String: Tensor]
  /// The state of a training that may resume; `nil` in the file of a finished one.
  public let training: Training?
  /// Results of a direct fit, by name; `nil` for other methods.
  public let search: [String: Double]?

  /// The state of a training when the file was written.
  public struct Training: Sendable {
    public let configuration: TrainingConfiguration
    public let seed: UInt64
    public let state: TrainingState

    package init(configuration: TrainingConfiguration, seed: UInt64, state: TrainingState) {
      self.configuration = configuration
      self.seed = seed
      self.state = state
    }
  }

  package init(
    _ description: ArtifactDescription, parameters: [String: Tensor], training: Training? = nil,
    search: [String: Double]? = nil
  ) {
    self.description = description
    self.parameters = parameters
    self.training = training
    self.search = search
  }

  /// The current result of a trainer.
  ///
  /// - Parameter resumable: whether the file includes what the training needs to resume.
  package init<Learner: TrainablePromptLearner>(
    _ description: ArtifactDescription, _ trainer: Trainer<Learner>, resumable: Bool
  ) {
    let learner = trainer.classifier.learner
    self.init(
      description,
      parameters: Dictionary(uniqueKeysWithValues: zip(Learner.parameterNames, learner.parameters)).merging(
        learner.constants
      ) { $1 },
      training: resumable
        ? Training(configuration: trainer.configuration, seed: trainer.seed, state: trainer.state) : nil)
  }

  /// What a training has come to.
  package init(_ description: ArtifactDescription, _ finished: StepwiseLearning.Finished) {
    let learner = finished.learner
    self.init(
      description,
      parameters: Dictionary(uniqueKeysWithValues: zip(type(of: learner).parameterNames, learner.parameters)).merging(
        learner.constants
      ) { $1 },
      search: finished.search)
  }

  /// What a trainer has learned so far, by a method whose learner it trains.
  ///
  /// - Parameters:
  ///   - context: the initial values and positions of the contexts.
  ///   - resumable: whether the file includes what the training needs to resume.
  public init<Learner: TrainablePromptLearner>(
    _ trainer: Trainer<Learner>, of method: Method, context: ContextSettings = ContextSettings(),
    model: ModelIdentity, resumable: Bool
  ) throws {
    let classifier = trainer.classifier
    let setup = MethodSetup(clip: classifier.clip, classNames: classifier.classNames, context: context)
    self.init(try ArtifactDescription(method, setup, model: model), trainer, resumable: resumable)
  }

  /// The templates of a zero-shot classifier.
  public init(_ prompts: ZeroShotPrompts, model: ModelIdentity) {
    self.init(
      ArtifactDescription(
        method: prompts.templates.count == 1 ? .zeroShot : .zeroShotEnsemble, classNames: prompts.classNames,
        templates: prompts.templates.map(\.text), model: model),
      parameters: [:])
  }

  // MARK: Files

  /// Writes the file whole or not at all.
  public func write(to url: URL) throws {
    var tensors = parameters
    for (kind, memory) in training?.state.optimizer.memory ?? [] {
      for (name, tensor) in zip(description.method.learnedNames, memory) { tensors["\(kind).\(name)"] = tensor }
    }
    for (name, tensor) in zip(description.method.learnedNames, training?.state.average ?? []) {
      tensors["average.\(name)"] = tensor
    }
    let header = Header(
      version: Self.version, description: description,
      training: training.map {
        Header.Training(
          configuration: $0.configuration, seed: $0.seed, completedEpochs: $0.state.completedEpochs,
          position: $0.state.position, generator: $0.state.generator, optimizerSteps: $0.state.optimizer.steps,
          lossScaler: $0.state.lossScaler)
      }, search: search)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let json = String(decoding: try encoder.encode(header), as: UTF8.self)
    var metadata = [Self.metadataKey: json]
    if training != nil { metadata[Self.checksumKey] = try Self.checksum(of: json, tensors) }
    try SafetensorsFile.write(tensors, metadata: metadata, to: url)
  }

  /// Reads a file, strictly: the version, every tensor that the description requires, and no other.
  ///
  /// - Parameter noun: the expected content of the file, for errors.
  public init(contentsOf url: URL, noun: String = "prompts") throws {
    let (file, path) = (try SafetensorsFile(contentsOf: url), url.path)
    guard let json = file.metadata[Self.metadataKey] else {
      throw LearningError.notAnArtifact(
        path: path, noun: noun, reason: "its metadata has no entry '\(Self.metadataKey)'")
    }
    let header = try Header(json: json, path: path, noun: noun)
    let names = header.description.method.parameterNames
    let parameters = try file.floats(names, path: path, noun: noun)
    self.parameters = parameters
    description = header.description
    search = header.search
    var expected = Set(names)
    training = try header.training.map { record in
      let position = record.position ?? .start
      let hasBegun = record.completedEpochs > 0 || position.steps > 0
      let learned = header.description.method.learnedNames
      // Where losses are scaled, the first steps may all have been skipped.
      let memoryKinds = record.configuration.newOptimizer().memory.map(\.name)
      let remembers =
        record.lossScaler == nil || file.names.contains { name in memoryKinds.contains { name.hasPrefix("\($0).") } }
      let kinds = hasBegun && remembers ? memoryKinds : []
      let averages = header.description.method.traits.contains(.averagesEpochs) && record.completedEpochs > 0
      let memoryNames =
        kinds.map { kind in learned.map { "\(kind).\($0)" } } + (averages ? [learned.map { "average.\($0)" }] : [])
      expected.formUnion(memoryNames.joined())
      let memory = try file.floats(Array(memoryNames.joined()), path: path, noun: noun)
      for (name, remembered) in memoryNames.flatMap({ zip(learned, $0) }) {
        let (expected, found) = (parameters[name]?.shape ?? [], memory[remembered]?.shape)
        guard found == expected else {
          throw LearningError.parameterShape(path: path, name: remembered, expected: expected, found: found)
        }
      }
      if let checksum = file.metadata[Self.checksumKey] {
        guard try checksum == Self.checksum(of: json, parameters.merging(memory) { $1 }) else {
          throw LearningError.notAnArtifact(
            path: path, noun: noun, reason: "it is damaged: its checksum is another")
        }
      }
      return Training(
        configuration: record.configuration, seed: record.seed,
        state: TrainingState(
          completedEpochs: record.completedEpochs, position: position,
          optimizer: record.configuration.newOptimizer(
            memory: memoryNames.prefix(kinds.count).map { $0.compactMap { memory[$0] } },
            steps: record.optimizerSteps ?? 0),
          generator: record.generator,
          average: averages ? (memoryNames.last ?? []).compactMap { memory[$0] } : [], lossScaler: record.lossScaler))
    }
    let unexpected = file.names.filter { !expected.contains($0) }
    guard unexpected.isEmpty else { throw LearningError.unexpectedTensors(path: path, names: unexpected) }
  }

  static let metadataKey = "cocoop"
  private static let checksumKey = "sha256"

  /// SHA-256 of the description and of the tensors' bytes, by name.
  private static func checksum(of json: String, _ tensors: [String: Tensor]) throws -> String {
    let bytes = try tensors.sorted { $0.key < $1.key }.map { try $0.value.bytes() }
    return FileHash.sha256(of: [Array(json.utf8)] + bytes)
  }
}

// MARK: On a model

extension Artifact {
  /// The classifier that the file describes, on the model that it was learned on.
  ///
  /// - Parameters:
  ///   - identity: the identity of `clip`; it must be the model that this was learned on.
  ///   - classNames: other classes than the learned ones; `nil` keeps those.
  ///   - path: the file's path in errors.
  public func classifier(
    on clip: CLIPModel, identity: ModelIdentity, classNames: [String]? = nil, path: String
  ) throws -> any ImageClassifier {
    let setup = try setup(on: clip, identity: identity, classNames: classNames, path: path)
    switch description.method.learning {
    case .direct(let direct): return try direct.restore(self, setup, path)
    case .stepwise(let stepwise): return try stepwise.restore(self, setup, path).classifier(on: clip)
    }
  }

  /// The context vectors; `nil` for a method that has none.
  public func contexts(on clip: CLIPModel, identity: ModelIdentity, path: String) throws -> LearnedContexts? {
    guard let contexts = description.method.contexts else { return nil }
    _ = try setup(on: clip, identity: identity, classNames: nil, path: path)
    return try contexts(self, clip, path)
  }

  /// The classifier without the image's effect on its prompts; `nil` for a method without such an effect.
  package func classifierWithoutImage(
    on clip: CLIPModel, identity: ModelIdentity, classNames: [String], path: String
  ) throws -> (any ImageClassifier)? {
    guard let withoutImage = description.method.withoutImage else { return nil }
    let setup = try setup(on: clip, identity: identity, classNames: classNames, path: path)
    return try withoutImage(self, setup, path).classifier(on: clip)
  }

  /// The same with other values of options that decide about answers.
  ///
  /// - Parameter values: by the names of the method's options.
  /// - Throws: ``LearningError/setting(name:expected:found:)`` for an option that decides about learning,
  ///   ``LearningError/noOption(name:method:known:)``.
  package func answering(with values: [String: Double]) throws -> Artifact {
    let method = description.method
    let changed = try MethodOptions((description.options ?? MethodOptions()).values.merging(values) { $1 }, for: method)
    let allowed = method.options.filter(\.decidesAnswers).map(\.name)
    if let other = values.keys.sorted().first(where: { !allowed.contains($0) }) {
      throw LearningError.setting(
        name: "An option of a finished run of \(method.title)",
        expected: allowed.isEmpty ? "left out" : allowed.joined(separator: " or "), found: other)
    }
    var description = description
    description.options = changed.isStandard ? nil : changed
    return Artifact(description, parameters: parameters, training: training, search: search)
  }

  /// Whether each class has contexts of its own.
  public var isClassSpecific: Bool { parameters["ctx"]?.shape.count == 3 }

  /// The parameter of this name, after validation.
  func parameter(_ name: String, path: String) throws -> Tensor {
    guard let tensor = parameters[name] else {
      throw LearningError.parameterShape(path: path, name: name, expected: [], found: nil)
    }
    return tensor
  }

  /// Checks that the tensors fit the model.
  package func setup(
    on clip: CLIPModel, identity: ModelIdentity, classNames: [String]?, path: String
  ) throws -> MethodSetup {
    try description.checkModel(is: identity, path: path)
    let method = description.method
    for spec in method.parameters {
      let found = parameters[spec.name]?.shape
      guard let expected = spec.mismatch(found, on: clip, classes: description.classNames.count) else { continue }
      throw LearningError.parameterShape(path: path, name: spec.name, expected: expected, found: found)
    }
    return MethodSetup(
      clip: clip, classNames: classNames ?? description.classNames,
      context: ContextSettings(position: description.position ?? .end),
      options: description.options ?? MethodOptions())
  }
}

extension SafetensorsFile {
  fileprivate func floats(_ names: [String], path: String, noun: String) throws -> [String: Tensor] {
    func refused(_ reason: String) -> LearningError { .notAnArtifact(path: path, noun: noun, reason: reason) }
    return try names.reduce(into: [:]) { tensors, name in
      guard self.names.contains(name) else {
        throw LearningError.parameterShape(path: path, name: name, expected: [], found: nil)
      }
      let tensor = try tensor(name)
      guard tensor.kind == .float32 else { throw refused("tensor '\(name)' is not of 32-bit floats") }
      guard try tensor.floats().allSatisfy(\.isFinite) else {
        throw refused("tensor '\(name)' holds a number that is not finite")
      }
      tensors[name] = tensor
    }
  }
}

extension Artifact {
  /// The metadata, as JSON.
  struct Header: Codable {
    let version: Int
    let description: ArtifactDescription
    let training: Training?
    let search: [String: Double]?

    struct Training: Codable {
      let configuration: TrainingConfiguration
      let seed: UInt64
      let completedEpochs: Int
      /// The position in the epoch; absent at the end of an epoch in files from before steps were counted.
      let position: EpochPosition?
      let generator: SeededGenerator
      /// Of an optimiser that counts them.
      let optimizerSteps: Int?
      /// Of a training with products of float16.
      let lossScaler: LossScaler?
    }

    init(version: Int, description: ArtifactDescription, training: Training?, search: [String: Double]?) {
      self.version = version
      self.description = description
      self.training = training
      self.search = search
    }

    /// The version is read first: another version's header may have any other structure.
    init(json: String, path: String, noun: String) throws {
      struct Version: Decodable { let version: Int }
      let (decoder, data) = (JSONDecoder(), Data(json.utf8))
      let unreadable = LearningError.notAnArtifact(path: path, noun: noun, reason: "its metadata cannot be read")
      guard let found = try? decoder.decode(Version.self, from: data).version else { throw unreadable }
      guard found == Artifact.version else {
        throw LearningError.version(path: path, found: found, readable: Artifact.version)
      }
      guard let header = try? decoder.decode(Header.self, from: data) else { throw unreadable }
      let method = header.description.method
      guard Method.all.contains(method) else { throw LearningError.unknownMethod(id: method.id) }
      guard method.artifactNoun == noun, method.namesOtherClasses || !header.description.classNames.isEmpty
      else { throw unreadable }
      if let training = header.training {
        let steps = training.position?.steps ?? 0
        guard (0...training.configuration.epochs).contains(training.completedEpochs), (0...1 << 40).contains(steps),
          (0...1 << 40).contains(training.optimizerSteps ?? 0), training.lossScaler?.isUsable != false
        else { throw unreadable }
      }
      self = header
    }
  }
}
