import CLIP
import Datasets
import Foundation
import PromptLearning
import Torch

/// The origin of prompts that were not trained here, as far as it is known.
public struct ImportedPrompts: Sendable, Codable, Equatable {
  /// The file that they were read from.
  public let file: String
  /// The model, as named on the command line.
  public let model: String
  public var data: String?
  public var root: String?
  /// Whether photos in sub-folders of a class folder count too; `nil` is no.
  public var isRecursive: Bool?
  public var classes: ClassSubset?
  /// The seed of the random division of images without a split.
  public var seed: Int?
  /// The epoch of the reference's training.
  public let epoch: Int?
  /// The accuracy on validation images, in percent.
  public let validationResult: Double?
  /// The element type in the file, by safetensors' name.
  public let precision: String

  init(_ prompts: ReferencePrompts, model: String) {
    file = prompts.url.path
    self.model = model
    epoch = prompts.epoch
    validationResult = prompts.validationResult
    precision = prompts.precision.rawValue
  }
}

/// The classes of imported prompts, as far as they are known.
public struct ImportClasses: Sendable {
  let names: [String]
  var data: String?
  var root: String?
  var isRecursive: Bool?
  var subset: ClassSubset?
  var seed: Int?
  /// The dataset's title; empty where nobody knows it.
  var title = ""

  /// Unknown classes.
  public static let unknown = ImportClasses(names: [])

  private init(names: [String]) { self.names = names }

  /// The classes of a list, in its order.
  public init(_ list: ClassNames) { self.init(names: list.names) }

  /// Those of a dataset, or of a half of it.
  public init(data: String, root: String?, isRecursive: Bool = false, subset: ClassSubset, seed: Int) throws {
    let source = try DataSource(data, root: root, isRecursive: isRecursive)
    let dataset = try source.load(seed: seed)
    self.init(names: try dataset.subset(subset).classNames)
    title = dataset.name
    (self.data, self.root, self.subset, self.seed) = (data, root, subset, seed)
    self.isRecursive = isRecursive ? true : nil
  }
}

extension RunFolder {
  /// Puts prompts of the reference into this folder, in the form of a finished training.
  ///
  /// - Parameters:
  ///   - model: the model, as named on the command line.
  ///   - position: the position of CoOp's class name, which the reference's file does not contain.
  /// - Throws: ``RunError``, `LearningError`. Nothing is written then.
  public func adopt(
    _ reference: ReferencePrompts, model: String, classes: ImportClasses, position: ContextPosition
  ) throws -> Record {
    let source = try ModelSource(model)
    let identity = try source.identity()
    let prompts = try reference.checkpoint(
      on: source.load(), identity: identity, classNames: classes.names, position: position, dataset: classes.title)
    var imported = ImportedPrompts(reference, model: model)
    (imported.data, imported.root, imported.isRecursive) = (classes.data, classes.root, classes.isRecursive)
    (imported.classes, imported.seed) = (classes.subset, classes.seed)
    let record = Record(nil, imported: imported, model: identity, classNames: classes.names)
    let lock = try claim()
    defer { lock.release() }
    try begin(record) { try prompts.write(to: $0.artifactURL(of: prompts.description.method)) }
    return record
  }
}

extension LoadedRun {
  /// Writes the prompts in the reference's format.
  ///
  /// - Parameters:
  ///   - url: a file where its name contains ".pth", an output folder otherwise; a folder for a cache.
  ///   - precision: the element type; `nil` takes that of the file that the prompts were imported from, or 32 bits.
  ///   - isReplacing: whether an existing file may be replaced.
  /// - Returns: the file that was written.
  /// - Throws: ``RunError``, `LearningError`, `TorchError`, `WritingError`.
  public func export(to url: URL, precision: Tensor.Kind? = nil, isReplacing: Bool = false) throws -> URL {
    guard !record.classNames.isEmpty else { throw RunError.classesNotNamed(path: path) }
    let training = ReferencePrompts.Training(
      epoch: record.imported?.epoch ?? record.configuration?.training?.epochs ?? 0,
      learningRate: record.configuration?.training?.learningRate ?? 0.002,
      validationResult: record.imported?.validationResult)
    let precision = precision ?? record.imported.flatMap { Tensor.Kind(rawValue: $0.precision) } ?? .float32
    if let cache = try CacheFiles.files(of: artifact, in: url) {
      for file in [cache.keys, cache.values] where !isReplacing && FileManager.default.fileExists(atPath: file.path) {
        throw RunError.exportExists(path: file.path)
      }
      try CacheFiles.write(artifact, precision: precision, toFolder: url)
      return cache.keys
    }
    let isFile = url.lastPathComponent.contains(".pth")
    let file = isFile ? url : ReferencePrompts.file(ofEpoch: training.epoch, of: method, in: url)
    guard isReplacing || !FileManager.default.fileExists(atPath: file.path) else {
      throw RunError.exportExists(path: file.path)
    }
    if isFile {
      try ReferencePrompts.write(artifact, on: clip, training, precision: precision, to: file)
    } else {
      try ReferencePrompts.write(artifact, on: clip, training, precision: precision, toFolder: url)
    }
    return file
  }
}
