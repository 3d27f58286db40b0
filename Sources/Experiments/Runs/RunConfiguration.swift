import CLIP
import Datasets
import Foundation
import PromptLearning
import Torch

/// Everything that decides what a run learns. Two runs with equal configurations on one machine end with equal bits.
public struct RunConfiguration: Sendable, Codable, Equatable {
  /// As the command line names them.
  public var model: String
  public var data: String
  /// The folder of benchmarks, where ``data`` names one.
  public var root: String?
  /// Whether photos in sub-folders of a class folder count too; `nil` is no.
  public var isRecursive: Bool?
  /// A few-shot sample made elsewhere, which stands for the one that ``shots`` and ``seed`` draw.
  public var fewShotList: String?
  public var method: Method
  public var classes: ClassSubset
  /// Photos of each class; `nil` takes all.
  public var shots: Int?
  public var seed: Int
  public var context: Context
  /// The method's own settings where they are not the standard ones; `nil` where all are.
  public var options: MethodOptions?
  /// Of the products of frozen layers; `nil` is float32, which is exact.
  public var precision: Precision?
  /// `nil` for methods that no optimiser steps through images for: zero-shot and the linear probe.
  public var training: TrainingConfiguration?

  public typealias Context = ContextSettings

  public init(
    model: String, data: String, root: String? = nil, isRecursive: Bool = false, fewShotList: String? = nil,
    method: Method,
    classes: ClassSubset = .base, shots: Int? = 16, seed: Int = 1,
    context: Context = Context(), options: MethodOptions = MethodOptions(), precision: Precision = .float32,
    training: TrainingConfiguration? = nil
  ) {
    self.model = model
    self.data = data
    self.root = root
    self.isRecursive = isRecursive ? true : nil
    self.fewShotList = fewShotList
    self.method = method
    self.classes = classes
    self.shots = shots
    self.seed = seed
    self.context = context
    self.options = options.isStandard ? nil : options
    self.precision = precision == .float32 ? nil : precision
    self.training = method.defaultTraining.map { training ?? $0 }
  }

  /// The images that the run learns from and is tested on: sampled first, then divided (protocol of the reference, §1).
  ///
  /// - Throws: `DatasetError`, such as `testOnly` for a dataset without training images, which zero-shot alone can do without.
  public func examples(from dataset: Dataset) throws -> Dataset {
    guard !method.isZeroShot || !dataset.isTestOnly else { return try dataset.subset(classes) }
    guard !dataset.isTestOnly else { throw DatasetError.testOnly(name: dataset.name) }
    if let fewShotList {
      return try dataset.fewShot(FewShotList(contentsOf: URL(filePath: fewShotList))).subset(classes)
    }
    let sampled = try shots.map { try dataset.fewShot($0, seed: seed) } ?? dataset
    return try sampled.subset(classes)
  }
}

extension RunConfiguration {
  /// What the method's classifier is made for.
  func setup(for dataset: Dataset, on clip: CLIPModel) -> MethodSetup {
    MethodSetup(
      clip: clip, classNames: dataset.classNames, dataset: dataset.name, seed: UInt64(bitPattern: Int64(seed)),
      context: context, options: options ?? MethodOptions())
  }

  /// Whether what is learned can be asked about other classes.
  package var namesOtherClasses: Bool {
    method.namesOtherClasses && !(method.contextSettings.contains(.classSpecific) && context.isClassSpecific)
  }
}

// MARK: Comparing

extension RunConfiguration {
  /// A setting by name, as text; the one list of what makes two runs the same.
  struct Setting {
    let name: String
    let text: String
  }

  /// Every setting that decides what is learned. The places of model and data are none: a run is the same wherever its
  /// model lies, and which model it is, its checkpoint's hash says.
  var settings: [Setting] {
    func setting<Value>(_ name: String, _ value: Value?) -> Setting {
      Setting(name: name, text: value.map { "\($0)" } ?? "none")
    }
    return [
      setting("the method", method.id), setting("the seed", seed), setting("the shots", shots),
      setting("the classes", classes.rawValue), setting("the data", data),
      setting("the few-shot list", fewShotList), setting("the photos in sub-folders", isRecursive ?? false),
      setting("the context words", context.words),
      setting("the context length", context.length), setting("the position", context.position.rawValue),
      setting("class-specific contexts", context.isClassSpecific), setting("the options", options?.text),
      setting("the precision", (precision ?? .float32).rawValue), setting("the epochs", training?.epochs),
      setting("the batch size", training?.batchSize), setting("the learning rate", training?.learningRate),
      setting("the image views", training?.views.rawValue), setting("the warm-up", training?.warmUp),
      setting("the momentum", training?.momentum), setting("the weight decay", training?.weightDecay),
    ]
  }

  /// Makes sure that a run that was begun with `recorded` is the one that this configuration describes.
  ///
  /// - Parameter places: where that run was made.
  /// - Throws: ``ExperimentError/otherSetting(path:setting:found:requested:)`` for the first setting that differs.
  func check(isThatOf recorded: RunConfiguration, places: RunPlaces?, path: String) throws {
    var recorded = recorded
    // The same place, from another folder.
    let here = RunPlaces(of: URL(filePath: path))
    func isSame(_ place: String?, _ other: String?) -> Bool {
      place.map { places?.absolute($0) ?? $0 } == other.map(here.absolute)
    }
    if isSame(recorded.data, data) { recorded.data = data }
    if isSame(recorded.fewShotList, fewShotList) { recorded.fewShotList = fewShotList }
    for (found, requested) in zip(recorded.settings, settings) where found.text != requested.text {
      throw ExperimentError.otherSetting(
        path: path, setting: requested.name, found: found.text, requested: requested.text)
    }
  }
}

extension MethodOptions {
  /// Such as "weight 4.0".
  fileprivate var text: String {
    values.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}
