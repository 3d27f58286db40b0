import CLIP
import Datasets
import Foundation
import PromptLearning
import Runs
import Support
import Torch

/// A classifier as files for other runtimes: a graph in ONNX's format, the names of its classes, and how its pixels are
/// made.
public struct ModelExport {
  /// The precision of weights and of what the towers compute.
  public enum Precision: String, Sendable, CaseIterable {
    case float32
    /// 16 bits, with inputs, outputs, normalisations, softmax and cosines of 32.
    case float16

    package var element: ElementType { self == .float32 ? .float32 : .float16 }
  }

  /// What has been written.
  public struct Summary: Sendable, Encodable {
    public let folder, method, model, precision: String
    public let classes: Int
    /// The version of ONNX's operators.
    public let operatorSet: Int
    /// The operators of the graph, and how often each occurs.
    public let operators: [String: Int]
    /// The sizes of the files, in bytes.
    public let files: [String: Int]
  }

  private static let modelName = "model.onnx"
  private static let weightsName = "model.onnx.data"
  private static let labelsName = "labels.txt"
  private static let preprocessingName = "preprocessing.json"

  private let method: Method
  private let classifier: any ImageClassifier
  private let head: ClassifierHead
  private let source: ModelSource
  private let identity: ModelIdentity

  /// The classifier of a run, over its own classes or over others.
  ///
  /// - Throws: ``ExportError``, and what the run throws where it cannot name the classes.
  public init(run: LoadedRun, classNames: [String]?) throws {
    try self.init(
      run.classifier(for: classNames), of: run.method, source: run.source, identity: run.record.model)
  }

  /// Zero-shot CLIP.
  ///
  /// - Parameter templates: one sentence with {} for the class name, or several whose features are averaged.
  public init(zeroShot source: ModelSource, _ clip: CLIPModel, classNames: [String], templates: [String]) throws {
    let prompts = try ZeroShotPrompts(
      for: classNames, templates: templates.map(PromptTemplate.init), clip: clip)
    try self.init(
      prompts.classifier(on: clip), of: templates.count == 1 ? .zeroShot : .zeroShotEnsemble, source: source,
      identity: source.identity())
  }

  package init(
    _ classifier: any ImageClassifier, of method: Method, source: ModelSource, identity: ModelIdentity
  ) throws {
    guard let stating = classifier as? any HeadStating else { throw ExportError.noForm(method: method.title) }
    self.method = method
    self.classifier = classifier
    head = try stating.head()
    self.source = source
    self.identity = identity
  }

  /// The graph, whose weights are read from the checkpoint when it is written.
  private func graph(precision: Precision) throws -> Graph {
    let checkpoint = try Checkpoint(at: source.location)
    return try Graph(
      of: head, on: classifier.clip.configuration, logitScale: classifier.clip.logitScale,
      classCount: classifier.classNames.count, weights: Weights(CheckpointSource(checkpoint.tensors)),
      precision: precision.element)
  }

  // MARK: Writing

  /// Checks that `folder` may be written: it is new or empty, or an earlier export that may be replaced.
  ///
  /// - Throws: ``ExportError``.
  public static func check(_ folder: URL, replacing: Bool) throws {
    guard (try? FileManager.default.attributesOfItem(atPath: folder.path)) != nil else { return }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [""])
      .filter { !FileSystem.isRemnant($0) }
    guard !names.isEmpty else { return }
    guard replacing else { throw ExportError.folderExists(path: folder.path) }
    guard Set([modelName, weightsName, labelsName, preprocessingName]).isSuperset(of: names) else {
      throw ExportError.foreignFolder(path: folder.path)
    }
  }

  /// Writes the folder, which appears whole or not at all.
  ///
  /// - Parameters:
  ///   - externalData: whether weights stand in a file of their own although the model's could hold them.
  ///   - replacing: whether an earlier export may be replaced.
  ///   - version: of this program.
  /// - Throws: ``ExportError``; `WritingError` with the system's reason.
  public func write(
    to folder: URL, precision: Precision = .float32, externalData: Bool = false, replacing: Bool = false,
    version: String
  ) throws -> Summary {
    try Self.check(folder, replacing: replacing)
    let (graph, names) = (try graph(precision: precision), classifier.classNames)
    let preprocessing = PreprocessingFile(classifier.clip.configuration.preprocessing)
    let model = ModelFile(
      graph: graph, name: "\(method.id) on \(identity.name)", producerVersion: version,
      metadata: [
        "classes": try Self.line(names), "method": method.id, "model": identity.name,
        "model_sha256": identity.sha256, "preprocessing": try Self.line(preprocessing),
      ])
    let hasWeightsApart = externalData || model.needsExternalData
    let folders = try CreatedDirectories(upTo: folder.deletingLastPathComponent())
    do {
      try AtomicFolder.write(to: folder) { temporary in
        try model.write(
          to: temporary.appending(path: Self.modelName), externalData: hasWeightsApart ? Self.weightsName : nil)
        let labels = names.map { $0.onOneLine + "\n" }.joined()
        try AtomicFile.write(Data(labels.utf8), to: temporary.appending(path: Self.labelsName))
        try AtomicFile.write(
          JSONEncoder.readable.encode(preprocessing) + Data("\n".utf8),
          to: temporary.appending(path: Self.preprocessingName))
      }
    } catch {
      folders.removeEmpty()
      throw error
    }
    return Summary(
      folder: folder.path, method: method.id, model: identity.name, precision: precision.rawValue,
      classes: names.count, operatorSet: ModelFile.operatorSet, operators: graph.operators,
      files: try Self.sizes(in: folder))
  }

  private static func line(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  private static func sizes(in folder: URL) throws -> [String: Int] {
    try [modelName, weightsName, labelsName, preprocessingName].reduce(into: [:]) { sizes, name in
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else { return }
      sizes[name] = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize
    }
  }
}
