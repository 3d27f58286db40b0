import CLIP
import Foundation
import Pickle
import Support
import Tokenization
import Torch

/// What an original's program has learned: prompts in a file of `torch.save` with `state_dict` and `epoch`, as the
/// authors of CoOp and CoCoOp write it (`D/dassl/utils/torchtools.py`, `C/trainers/coop.py`, `cocoop.py`), or a cache.
public struct ReferencePrompts: Sendable {
  /// The file that was read.
  public let url: URL
  public let method: Method
  /// The tensors by the learner's parameter names, as 32-bit floats.
  public let parameters: [String: Tensor]
  /// The element type of the first tensor that is learned.
  public let precision: Tensor.Kind
  /// The number of classes that the prompts were learned on, where the file has it.
  public let classCount: Int?
  /// The number of epochs that they were trained for.
  public let epoch: Int?
  /// The accuracy on validation images, in percent.
  public let validationResult: Double?

  /// - Parameters:
  ///   - url: a file, the output folder of a training, its folder of prompts, or a folder of Tip-Adapter's cache.
  ///   - method: that it is a file of, where the files of two methods look alike; `nil` tells by the tensors' names.
  /// - Throws: ``LearningError``, `TorchError`, `PickleError`.
  public init(at url: URL, of method: Method? = nil) throws {
    for method in method.map({ [$0] }) ?? Method.all {
      guard let format = method.reference?.cache, let file = CacheFiles.file(at: url, format) else { continue }
      self = try ReferencePrompts(CacheFiles(keys: file, format), at: file, of: method)
      return
    }
    try self.init(contentsOf: Self.file(at: url), of: method)
  }

  private init(_ cache: CacheFiles, at url: URL, of method: Method) throws {
    (self.url, self.method) = (url, method)
    (parameters, precision, classCount) = (try cache.parameters, cache.precision, cache.classCount)
    (epoch, validationResult) = (nil, nil)
  }

  private init(contentsOf url: URL, of given: Method?) throws {
    self.url = url
    let archive = try TorchArchive(contentsOf: url)
    if let other = OtherPrompts(Dictionary(uniqueKeysWithValues: archive.names.map { ($0, archive.shape(of: $0)) })) {
      throw LearningError.otherPrompts(path: url.path, method: other.method)
    }
    let tensors = Self.stateTensors(of: archive)
    let names = Set(tensors.keys)
    var shapes = tensors.compactMapValues { archive.shape(of: $0) }
    shapes["VPT"] = tensors["image_encoder.VPT"].flatMap(archive.shape)
    guard
      let method = ([given].compactMap { $0 } + Method.recognised).first(where: {
        $0.reference?.recognises?(shapes) == true
      })
    else {
      let nearest = "it has tensors such as '\(archive.names.first ?? "none")', but no 'ctx'"
      throw LearningError.notReferencePrompts(path: url.path, reason: nearest)
    }
    self.method = method
    classCount = (tensors["token_prefix"] ?? tensors[ReferenceFormat.promptBuffer]).flatMap(archive.shape)?.first
    epoch = archive.root["epoch"]?.integer
    validationResult = archive.root["val_result"]?.double
    if let wholeModel = method.reference?.wholeModel {
      let read = try wholeModel.parameters(in: archive, path: url.path)
      (parameters, precision) = (read.parameters, read.precision)
      return
    }
    let known = method.parameterNames + (method.reference?.buffers ?? [])
    let unexpected = names.subtracting(known).sorted()
    guard unexpected.isEmpty else { throw LearningError.unexpectedTensors(path: url.path, names: unexpected) }
    parameters = try method.parameterNames.reduce(into: [:]) { parameters, name in
      guard let stored = tensors[name] else {
        throw LearningError.parameterShape(path: url.path, name: name, expected: [], found: nil)
      }
      let tensor = try archive.tensor(stored).converted(to: .float32)
      guard try tensor.floats().allSatisfy(\.isFinite) else {
        throw LearningError.notReferencePrompts(
          path: url.path, reason: "tensor '\(name)' holds a number that is not finite")
      }
      parameters[name] = tensor
    }
    precision = tensors["ctx"].flatMap(archive.kind) ?? .float32
    try checkShapes()
  }

  /// The archive's names of the tensors of the state dict, by their own names.
  private static func stateTensors(of archive: TorchArchive) -> [String: String] {
    let hasState = archive.root["state_dict"] != nil
    let prefixes = ["state_dict.", "module.", "prompt_learner."]
    return archive.names.reduce(into: [:]) { tensors, name in
      guard !hasState || name.hasPrefix("state_dict.") else { return }
      let own = prefixes.reduce(name) { $0.hasPrefix($1) ? String($0.dropFirst($1.count)) : $0 }
      tensors[own] = name
    }
  }

  /// Checks that all tensors fit each other; whether they fit a model is checked when one is given.
  private func checkShapes() throws {
    let context = parameters["ctx"]?.shape ?? []
    guard let spec = method.parameters.first(where: { $0.name == "ctx" }), spec.hasRank(context.count),
      !context.contains(0)
    else { throw LearningError.parameterShape(path: url.path, name: "ctx", expected: [4, 512], found: context) }
    if context.count == 3, let classCount, classCount != context[0] {
      throw LearningError.notReferencePrompts(
        path: url.path, reason: "it has contexts for \(context[0]) classes, but token prefixes for \(classCount)")
    }
  }

  // MARK: On a model

  /// The prompts in this package's format.
  ///
  /// - Parameters:
  ///   - classNames: those that the prompts were learned on, in their order; empty where nobody knows them.
  ///   - position: where CoOp's class name stands, which the file does not say.
  ///   - dataset: the title of what the prompts were learned on, which decides the sentences of some methods.
  /// - Throws: ``LearningError/otherBackbone(path:tensor:axis:found:model:expected:)``,
  ///   ``LearningError/classCount(path:learnedFor:named:)``.
  public func checkpoint(
    on clip: CLIPModel, identity: ModelIdentity, classNames: [String], position: ContextPosition = .end,
    dataset: String = "", context: ContextSettings = ContextSettings()
  ) throws -> Artifact {
    if method.promptsImages { _ = try clip.visionTransformer }
    var parameters = parameters
    if method.reference?.cache != nil {
      guard !classNames.isEmpty else { throw LearningError.unnamedCache(path: url.path, classes: classCount ?? 0) }
      parameters["strengths"] = try CacheFiles.initialStrengths(dataset)
    }
    for spec in method.parameters {
      let found = parameters[spec.name]?.shape ?? []
      try spec.checkDepth(found, on: clip)
      if let other = spec.otherWidth(found, on: clip) {
        throw LearningError.otherBackbone(
          path: url.path, tensor: spec.name, axis: other.meaning, found: other.found, model: identity.name,
          expected: other.expected)
      }
      if let expected = spec.mismatch(found, on: clip, classes: classCount ?? 0) {
        throw LearningError.parameterShape(path: url.path, name: spec.name, expected: expected, found: found)
      }
    }
    let learnedFor = isClassSpecific ? parameters["ctx"]?.shape[0] : classCount
    if !classNames.isEmpty, let learnedFor, learnedFor != classNames.count {
      throw LearningError.classCount(path: url.path, learnedFor: learnedFor, named: classNames.count)
    }
    var context = context
    if context == ContextSettings(), method.reference?.wholeModel != nil, let length = parameters["ctx"]?.shape.first {
      // Up to four contexts begin as words, of which the others stay in the prompt.
      context = ContextSettings(words: length <= 4 ? "a photo of a" : nil, length: length)
    }
    context.position = position
    let setup = MethodSetup(clip: clip, classNames: classNames, dataset: dataset, context: context)
    let description = try ArtifactDescription(method, setup, model: identity)
    let artifact = Artifact(description, parameters: parameters)
    if method.reference?.wholeModel != nil {
      // Whether the pieces fit each other shows when they are put together.
      _ = try artifact.classifier(
        on: clip, identity: identity, classNames: classNames.isEmpty ? ["photo"] : classNames, path: url.path)
    }
    return artifact
  }

  /// Whether each class has contexts of its own.
  public var isClassSpecific: Bool { parameters["ctx"]?.shape.count == 3 }
}

// MARK: Folders

extension ReferencePrompts {
  static let folderName = "prompt_learner"
  static let newestName = "checkpoint"
  static let bestName = "model-best.pth.tar"
  static let epochPrefix = "model.pth.tar-"

  /// Whether `url` may be prompts of the reference: a file, or a folder that its training creates.
  public static func mayStand(at url: URL) -> Bool {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else { return false }
    if !isFolder.boolValue { return true }
    return (try? contents(of: folder(at: url)))?.contains(where: isPrompts) == true
  }

  private static func isPrompts(_ name: String) -> Bool { name == bestName || name.hasPrefix(epochPrefix) }

  /// The folder with the files: `prompt_learner` in the output folder, that of another method, or the folder itself.
  private static func folder(at url: URL) -> URL {
    let own = Method.all.compactMap { $0.reference?.folderName }
    let inner = ([folderName] + own + OtherPrompts.folderNames).map { url.appending(path: $0) }
    return inner.first { FileManager.default.fileExists(atPath: $0.path) } ?? url
  }

  private static func contents(of folder: URL) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      throw LearningError.notReferencePrompts(path: folder.path, reason: "the folder cannot be read")
    }
  }

  /// The newest file of a folder, according to its text `checkpoint`; without one, the best, or that of the latest
  /// epoch.
  private static func file(at url: URL) throws -> URL {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      throw LearningError.notReferencePrompts(path: url.path, reason: "there is nothing at this path")
    }
    guard isFolder.boolValue else { return url }
    let folder = folder(at: url)
    let names = try contents(of: folder)
    if names.contains(newestName) {
      let text = try? String(contentsOf: folder.appending(path: newestName), encoding: .utf8)
      let name = text?.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
      guard names.contains(name) else {
        throw LearningError.notReferencePrompts(
          path: folder.path, reason: "its text 'checkpoint' names '\(name.prefix(100))', which is not there")
      }
      return folder.appending(path: name)
    }
    let latest = names.filter { $0.hasPrefix(epochPrefix) }
      .max { (Int($0.dropFirst(epochPrefix.count)) ?? -1) < (Int($1.dropFirst(epochPrefix.count)) ?? -1) }
    guard let name = names.contains(bestName) ? bestName : latest else {
      throw LearningError.notReferencePrompts(
        path: folder.path, reason: "it has neither \(bestName) nor \(epochPrefix)N")
    }
    return folder.appending(path: name)
  }
}

extension ReferencePrompts {
  /// The values that the reference's loader finds next to the tensors.
  public struct Training: Sendable {
    /// The epoch, which is also in the file's name.
    public let epoch: Int
    public let learningRate: Double
    public let validationResult: Double?

    public init(epoch: Int, learningRate: Double, validationResult: Double? = nil) {
      self.epoch = epoch
      self.learningRate = learningRate
      self.validationResult = validationResult
    }
  }

  /// The location of the file of an epoch in an output folder.
  public static func file(ofEpoch epoch: Int, of method: Method = .coop, in output: URL) -> URL {
    output.appending(path: "\(method.reference?.folderName ?? folderName)/\(epochPrefix)\(epoch)")
  }

  /// Writes an output folder that the reference's loader accepts: `prompt_learner/model.pth.tar-N`, and the text
  /// `checkpoint` with that name.
  ///
  /// - Parameter precision: the element type of all tensors.
  /// - Throws: ``LearningError``, `TorchError`, `WritingError`.
  public static func write(
    _ prompts: Artifact, on clip: CLIPModel, _ training: Training, precision: Tensor.Kind, toFolder output: URL
  ) throws {
    let file = file(ofEpoch: training.epoch, of: prompts.description.method, in: output)
    let folder = file.deletingLastPathComponent()
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: folder.path, reason: "the folder cannot be made")
    }
    try write(prompts, on: clip, training, precision: precision, to: file)
    let text = Data("\(file.lastPathComponent)\n".utf8)
    try AtomicFile.write(text, to: folder.appending(path: newestName))
  }

  /// Writes the file alone.
  public static func write(
    _ prompts: Artifact, on clip: CLIPModel, _ training: Training, precision: Tensor.Kind, to url: URL
  ) throws {
    let names = prompts.description.method.parameterNames
    if let wholeModel = prompts.description.method.reference?.wholeModel {
      return try wholeModel.write(prompts, training, precision: precision, to: url)
    }
    guard !names.isEmpty, let context = prompts.parameters["ctx"] else {
      throw LearningError.nothingLearned(path: url.path)
    }
    let contextLength = context.shape[context.shape.count - 2]
    let buffers = try tokenBuffers(
      for: prompts.description, contextLength: contextLength, clip: clip, path: url.path)
    // The reference's order: the parameter, the buffers, then the modules inside.
    let ordered =
      [("ctx", context)] + buffers
      + names.dropFirst().compactMap { name in
        prompts.parameters[name].map { (name, $0) }
      }
    let state = try ordered.map { name, tensor in
      (key: name, value: SavedValue.tensor(try tensor.converted(to: precision)))
    }
    let value = SavedValue.dictionary([
      ("state_dict", .dictionary(state)), ("epoch", .integer(training.epoch)),
      ("optimizer", optimizer(of: names.count, training, prompts.description.method.defaultTraining)),
      ("scheduler", .dictionary([("last_epoch", .integer(training.epoch))])),
      ("val_result", training.validationResult.map(SavedValue.double) ?? .none),
    ])
    try TorchArchive.write(value, to: url)
  }

  /// The state of `torch.optim.SGD`, or of `Adam` where the method has it, after it was made: nothing is remembered.
  private static func optimizer(
    of parameters: Int, _ training: Training, _ configuration: TrainingConfiguration?
  ) -> SavedValue {
    let rule: [(key: String, value: SavedValue)] =
      configuration?.optimizer == .adam
      ? [
        ("betas", .list([.double(Adam.decays.mean), .double(Adam.decays.square)])),
        ("eps", .double(configuration?.epsilon ?? 1e-8)), ("weight_decay", .double(5e-4)), ("amsgrad", .bool(false)),
      ]
      : [
        ("momentum", .double(0.9)), ("dampening", .integer(0)), ("weight_decay", .double(5e-4)),
        ("nesterov", .bool(false)),
      ]
    let group: [(key: String, value: SavedValue)] =
      [("lr", .double(training.learningRate))] + rule + [
        ("initial_lr", .double(training.learningRate)), ("params", .list((0..<parameters).map(SavedValue.integer))),
      ]
    return .dictionary([("state", .dictionary([])), ("param_groups", .list([.dictionary(group)]))])
  }

  /// The embeddings of the tokens before and after the contexts: `[C, 1, D]` and `[C, L - 1 - M, D]`.
  private static func tokenBuffers(
    for description: ArtifactDescription, contextLength: Int, clip: CLIPModel, path: String
  ) throws -> [(String, Tensor)] {
    let classNames = description.classNames
    let wording = PromptWording(clip)
    let (limit, width) = (clip.textEncoder.tokenLimit, clip.textEncoder.width)
    let start = try clip.textEncoder.embeddings(of: classNames.map { _ in clip.tokenizer.startOfText })
    let sentence = try description.sentence(path: path)
    let suffixes = try classNames.map { name in
      let symbols = try wording.symbols(of: name, contexts: 0..<contextLength, before: sentence)
      let tokens = symbols.dropFirst(1 + contextLength).map { symbol -> Int in
        if case .token(let id) = symbol { id } else { 0 }
      }
      return try clip.textEncoder.embeddings(
        of: tokens + [Int](repeating: 0, count: limit - 1 - contextLength - tokens.count))
    }
    return [
      ("token_prefix", try start.reshaped([classNames.count, 1, width])),
      ("token_suffix", try Tensor.stacked(suffixes)),
    ]
  }
}
