import ClassificationMetrics
import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// A finished run with its model, ready to predict images.
public struct LoadedRun: Sendable {
  public let record: RunFolder.Record
  public let clip: CLIPModel
  /// Where the model has been loaded from.
  package let source: ModelSource
  /// The run's folder; `nil` for prompts of the reference.
  private let folder: RunFolder?
  /// The result of the run's learning.
  private(set) var artifact: Artifact
  private let identity: ModelIdentity
  let path: String

  /// - Parameters:
  ///   - url: a folder that `train` or `prompts import` has written, or prompts of the reference: a file or a folder.
  ///   - model: the current path of the run's checkpoint; `nil` takes the path in the run. The reference's files have
  ///     none.
  ///   - precision: the precision of the products in frozen layers, whatever the run was trained in.
  ///   - device: where the model computes, wherever the run was trained.
  /// - Throws: ``RunError``, and `LearningError` where the checkpoint is not the one that the run was learned on.
  public init(
    folder url: URL, model: String? = nil, precision: Precision = .float32, on device: Device = .cpu
  ) throws {
    if !RunFolder.isRun(url), ReferencePrompts.mayStand(at: url) {
      try self.init(reference: url, model: model, precision, device)
    } else {
      try self.init(run: url, model: model, precision, device)
    }
  }

  private init(run url: URL, model: String?, _ precision: Precision, _ device: Device) throws {
    let folder = try RunFolder(existing: url)
    self.folder = folder
    record = try folder.record()
    artifact = try folder.artifact()
    guard let named = model ?? record.modelPath else { throw RunError.modelNotNamed(path: url.path) }
    do {
      source = try ModelSource(model ?? record.current(named, of: url))
    } catch let error as RunError where error.kind == .unknownModel && model == nil {
      throw record.lost(.model, named)
    }
    identity = try source.identity()
    clip = try source.load(precision: precision, on: device)
    path = folder.artifactURL.path
  }

  /// Loads prompts of the reference directly. Their class names are unknown, and CoOp's are at the end.
  private init(reference url: URL, model: String?, _ precision: Precision, _ device: Device) throws {
    let reference = try ReferencePrompts(at: url)
    guard let model else { throw RunError.modelNotNamed(path: reference.url.path) }
    source = try ModelSource(model)
    identity = try source.identity()
    clip = try source.load(precision: precision, on: device)
    artifact = try reference.checkpoint(on: clip, identity: identity, classNames: [])
    record = RunFolder.Record(
      nil, imported: ImportedPrompts(reference, model: model), model: identity, classNames: [])
    path = reference.url.path
    folder = nil
  }

  /// The other classes of the run's data, as far as the run knows them.
  public var leftOut: LeftOutClasses? { LeftOutClasses(record.otherClasses ?? []) }

  /// The run's method.
  public var method: Method { record.configuration?.method ?? artifact.description.method }

  /// The run's classifier, over its own classes or over others.
  ///
  /// - Throws: `LearningError`, for example where it supports only its own classes.
  public func classifier(for classNames: [String]? = nil) throws -> any ImageClassifier {
    guard classNames != nil || !record.classNames.isEmpty else { throw RunError.classesNotNamed(path: path) }
    return try artifact.classifier(on: clip, identity: identity, classNames: classNames, path: path)
  }

  /// The same run with other values of options that decide about its answers, and not about what it has learned.
  ///
  /// - Parameter values: by the names of the method's options, such as MMRL's `heads`.
  /// - Throws: `LearningError` for other options.
  public func answering(with values: [String: Double]) throws -> LoadedRun {
    guard !values.isEmpty else { return self }
    var run = self
    run.artifact = try artifact.answering(with: values)
    return run
  }

  /// The model as the run sees images: with the run's prompts in its image tower, where it has learned some.
  package func imageModel() throws -> CLIPModel {
    guard method.promptsImages else { return clip }
    // Which classes are asked for makes no difference to the tower.
    return try classifier(for: record.classNames.isEmpty ? ["photo"] : record.classNames).clip
  }

  /// The run's approximate classifier near the cost of zero-shot CLIP, for CoCoOp.
  ///
  /// - Throws: ``RunError/noFastMode(path:reason:)``.
  public func fastClassifier(
    for classNames: [String]? = nil, within budget: MemoryBudget = .automatic
  ) throws -> FastClassifier {
    let mode = try fastMode()
    guard let exact = try classifier(for: classNames) as? any FastAnswering else {
      throw RunError.noFastMode(path: path, reason: Self.onlyForCoCoOp)
    }
    return try exact.fastClassifier(
      around: mode.codes, exactClasses: mode.agreement.exactClasses, within: budget)
  }

  private static let onlyForCoCoOp = "it is no run of CoCoOp's"

  /// The run's data for ``fastClassifier(for:within:)``, and its agreement with the exact answers.
  ///
  /// - Throws: ``RunError/noFastMode(path:reason:)`` where the run cannot answer fast, or not accurately enough.
  public func fastMode() throws -> FastMode {
    guard let folder, method.answersFast else {
      throw RunError.noFastMode(path: path, reason: Self.onlyForCoCoOp)
    }
    let mode = try folder.fastMode()
    do {
      try mode.codes.check(for: clip)
    } catch let error as LearningError where error.kind == .codeWidth {
      throw RunError.noFastMode(path: folder.url.path, reason: "its fast.json belongs to other prompts")
    }
    return mode
  }

  /// The classifier without the image's effect on its prompts; `nil` for a method without such an effect.
  package func classifierWithoutImage(for classNames: [String]) throws -> (any ImageClassifier)? {
    try artifact.classifierWithoutImage(on: clip, identity: identity, classNames: classNames, path: path)
  }

  /// The learned context vectors of the run.
  ///
  /// - Throws: ``RunError/noContexts(path:method:)`` for a method that learns none.
  package func learnedContexts() throws -> (contexts: LearnedContexts, method: Method) {
    guard let contexts = try artifact.contexts(on: clip, identity: identity, path: path) else {
      throw RunError.noContexts(path: path, method: method.title)
    }
    return (contexts, method)
  }

  /// The images for evaluating the run, all found: its own dataset with the splits of the training, or another.
  ///
  /// - Parameters:
  ///   - data: another dataset than the run's.
  ///   - root: the current folder of benchmarks; `nil` takes the one in the run.
  ///   - classes: the classes to evaluate; `nil` takes the run's.
  ///   - isRecursive: whether photos in sub-folders of another dataset's class folders count too; for its own, the run
  ///     knows.
  /// - Throws: ``RunError/otherClasses(path:data:difference:)`` where the run's own dataset has changed its classes.
  public func dataset(
    named data: String? = nil, root: String? = nil, classes: ClassChoice? = nil, isRecursive: Bool = false
  ) throws -> Dataset {
    let source =
      try data.map { try DataSource($0, root: root, isRecursive: isRecursive) } ?? ownSource(root: root)
    let choice = classes ?? record.choice
    guard data == nil, let folder, let configuration = record.configuration else {
      let division = record.configuration?.divisionToTest ?? .reference(seed: record.seed ?? 1)
      return try choice(source.load(divided: division))
    }
    let whole = try folder.divided(source.dataset(divided: configuration.division)).located()
    try check(configuration.choice(whole).classNames, in: folder, of: configuration.data)
    return try choice(whole)
  }

  /// The run's own dataset, at its current location.
  private func ownSource(root: String?) throws -> DataSource {
    guard let name = record.data else { throw RunError.dataNotNamed(path: path) }
    let run = folder?.url ?? URL(filePath: path)
    let ownRoot = root ?? record.root.map { record.current($0, of: run) }
    if root == nil, let ownRoot, !FileSystem.folderExists(ownRoot) { throw record.lost(.root, ownRoot) }
    do {
      return try DataSource(
        ownRoot == nil ? record.current(name, of: run) : name, root: ownRoot,
        isRecursive: record.configuration?.isRecursive ?? record.imported?.isRecursive ?? false)
    } catch let error as RunError where error.kind == .unknownData {
      throw record.lost(.data, name)
    }
  }

  private func check(_ found: [String], in folder: RunFolder, of data: String) throws {
    let learned = record.classNames
    guard found != learned else { return }
    let difference =
      zip(learned, found).enumerated().first { $1.0 != $1.1 }
      .map { "class \($0) was '\($1.0)' and is '\($1.1)' now" }
      ?? "there were \(learned.count) classes and are \(found.count) now"
    throw RunError.otherClasses(path: folder.url.path, data: data, difference: difference)
  }

  /// The figures and answers of the run on the images of one split of `dataset`, over that dataset's classes.
  ///
  /// - Parameters:
  ///   - cacheFolder: where image features are found and kept; `nil` computes them.
  ///   - reading: how the images are read; `nil` reads them as the run has learned its own.
  /// - Throws: ``RunError/nothingToMeasure(path:split:)``, and what reading images throws.
  public func measurement(
    on dataset: Dataset, split: Split, within budget: MemoryBudget = .automatic, cacheFolder: URL? = nil,
    reading: PhotoReading? = nil, progress: (Int) throws -> Void
  ) throws -> (evaluation: Evaluation, answers: Answers) {
    try classifier(toName: split, of: dataset).measurement(
      on: dataset, split: split, within: budget, cache: cache(in: cacheFolder), reading: reading ?? self.reading,
      progress: progress)
  }

  /// The same on the images that can be read, with the others.
  public func measurementOfReadable(
    on dataset: Dataset, split: Split, within budget: MemoryBudget = .automatic, cacheFolder: URL? = nil,
    reading: PhotoReading? = nil, progress: (Int) throws -> Void
  ) throws -> (measurement: (evaluation: Evaluation, answers: Answers), unreadable: [UnreadablePhoto]) {
    try classifier(toName: split, of: dataset).measurementOfReadable(
      on: dataset, split: split, within: budget, cache: cache(in: cacheFolder), reading: reading ?? self.reading,
      progress: progress)
  }

  func classifier(toName split: Split, of dataset: Dataset) throws -> any ImageClassifier {
    guard !dataset.examples(in: split).isEmpty else {
      throw RunError.nothingToMeasure(path: path, split: split.rawValue)
    }
    return try classifier(for: dataset.classNames)
  }

  func cache(in folder: URL?) -> FeatureCache? {
    folder.map { FeatureCache(folder: $0, model: identity.sha256) }
  }

  /// How the run has read its own photos, but for limits.
  public var reading: PhotoReading { record.configuration?.reading() ?? PhotoReading() }

  /// How much of a photo is decoded: as the run has learned.
  public var photoDecoding: PhotoDecoding { record.configuration?.photoDecoding ?? .exact }

  /// Whether the photos of a dataset are turned as their EXIF says: the run's own as it has learned them, others as
  /// ``DataSource/defaultOrientation`` has it.
  ///
  /// - Parameter data: another dataset than the run's.
  public func orientation(ofData data: String?, root: String?) throws -> Orientation {
    guard let data, data != record.data else { return reading.orientation }
    return try DataSource(data, root: root).defaultOrientation
  }

  /// Keeps an evaluation in the run's folder, log and curves; prompts of the reference have none, and nothing is kept then.
  ///
  /// - Parameters:
  ///   - measurement: the figures and answers on `dataset`, whose classes are `classes`; `nil` for the run's own.
  /// - Throws: `WritingError`, for example where the folder is not writable.
  public func keep(
    _ measurement: (evaluation: Evaluation, answers: Answers), on dataset: Dataset, classes: ClassChoice?, split: Split
  ) throws {
    guard let folder else { return }
    let choice = classes ?? record.choice
    let kept = SavedEvaluation(
      of: measurement, on: dataset, classes: choice.subset, isChosen: choice.isChosen, split: split,
      precision: clip.precision)
    try folder.keep(kept)
    try RunLogger.add(kept, to: folder.url)
  }
}
