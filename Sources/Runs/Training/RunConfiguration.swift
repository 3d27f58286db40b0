import CLIP
import Datasets
import Foundation
import Images
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
  /// The names of the classes to learn, as the data spells them, where a person has chosen them; ``classes`` is then all.
  public var chosenClasses: [String]?
  /// Of the division of images that the data doesn't tell apart, in which the ``shots`` come first; `nil` divides as the
  /// reference does, with ``seed``.
  public var divisionSeed: Int?
  /// Whether such images are all learned from; `nil` is no.
  public var testsNothing: Bool?
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
  /// Whether photos are turned as their EXIF says; `nil`, as in runs of before the choice, is ``Orientation/ignored``.
  public var orientation: Orientation?
  /// How much of a photo is decoded; `nil`, as in runs of before the choice, is ``PhotoDecoding/exact``.
  public var photoDecoding: PhotoDecoding?

  public typealias Context = ContextSettings

  public init(
    model: String, data: String, root: String? = nil, isRecursive: Bool = false, fewShotList: String? = nil,
    method: Method,
    classes: ClassSubset = .all, chosenClasses: [String]? = nil, shots: Int? = 16, seed: Int = 1,
    divisionSeed: Int? = nil, testsNothing: Bool = false,
    context: Context = Context(), options: MethodOptions = MethodOptions(), precision: Precision = .float32,
    training: TrainingConfiguration? = nil, orientation: Orientation = .ignored, photoDecoding: PhotoDecoding = .exact
  ) {
    self.model = model
    self.data = data
    self.root = root
    self.isRecursive = isRecursive ? true : nil
    self.fewShotList = fewShotList
    self.method = method
    self.classes = classes
    self.chosenClasses = chosenClasses
    self.divisionSeed = divisionSeed
    self.testsNothing = testsNothing ? true : nil
    self.shots = shots
    self.seed = seed
    self.context = context
    self.options = options.isStandard ? nil : options
    self.precision = precision == .float32 ? nil : precision
    self.orientation = orientation == .ignored ? nil : orientation
    self.photoDecoding = photoDecoding == .exact ? nil : photoDecoding
    self.training = method.defaultTraining.map { training ?? $0 }
  }

  /// The images that the run learns from and is tested on: sampled first, then divided (protocol of the reference, §1).
  ///
  /// - Throws: `DatasetError`, such as `testOnly` for a dataset without training images, which zero-shot alone can do without.
  public func examples(from dataset: Dataset) throws -> Dataset {
    guard !method.isZeroShot || !dataset.isTestOnly else { return try choice(dataset) }
    guard !dataset.isTestOnly else { throw DatasetError.testOnly(name: dataset.name) }
    let sampled: Dataset
    if let fewShotList {
      sampled = try dataset.fewShot(FewShotList(contentsOf: URL(filePath: fewShotList)))
    } else {
      sampled = try shots.map { try dataset.fewShot($0, seed: seed) } ?? dataset
    }
    let part = try choice(sampled)
    // A protocol's validation images are those of its split, or none.
    guard divisionSeed != nil, !method.isZeroShot else { return part }
    return try part.holdingOutUnused(of: choice(dataset), shots: shots ?? 4, seed: seed)
  }

  /// How the run's photos are read.
  public func reading(limits: DecodingLimits = .standard) -> PhotoReading {
    PhotoReading(limits: limits, orientation: orientation ?? .ignored, decoding: photoDecoding ?? .exact)
  }

  /// The classes to learn.
  public var choice: ClassChoice { chosenClasses.map { .chosen($0) } ?? .part(classes) }

  /// How images that the data doesn't tell apart are divided for this run.
  public var division: Division {
    guard let divisionSeed else { return .reference(seed: seed) }
    return testsNothing == true ? .noTest : .shotsFirst(shots ?? 16, seed: divisionSeed)
  }

  /// How those of other data are divided that this run is measured on.
  var divisionToTest: Division {
    guard let divisionSeed else { return .reference(seed: seed) }
    return .shotsFirst(shots ?? 16, seed: divisionSeed)
  }
}

extension RunConfiguration {
  /// What the method's classifier is made for.
  package func setup(for dataset: Dataset, on clip: CLIPModel) -> MethodSetup {
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
    /// Whether the text is a path, which another folder may be needed to understand.
    var isPlace = false
  }

  /// Every setting that decides what is learned. The places of model and data are none: a run is the same wherever its
  /// model lies, and which model it is, its checkpoint's hash says.
  var settings: [Setting] {
    func setting<Value>(_ name: String, _ value: Value?, isPlace: Bool = false) -> Setting {
      Setting(name: name, text: value.map { "\($0)" } ?? "none", isPlace: isPlace)
    }
    return [
      setting("the method", method.id), setting("the seed", seed), setting("the shots", shots),
      setting("the classes", chosenClasses?.joined(separator: ", ") ?? classes.rawValue),
      setting("the division's seed", divisionSeed), setting("the test", testsNothing == true ? "none" : "auto"),
      setting("the data", data, isPlace: true), setting("the few-shot list", fewShotList, isPlace: true),
      setting("photos in sub-folders", isRecursive == true ? "taken" : "left out"),
      setting("the context words", context.words),
      setting("the context length", context.length), setting("the position", context.position.rawValue),
      setting("class-specific contexts", context.isClassSpecific), setting("the options", options?.text),
      setting("the precision", (precision ?? .float32).rawValue),
      setting("the orientation", (orientation ?? .ignored).rawValue),
      setting("the decoding of photos", (photoDecoding ?? .exact).rawValue), setting("the epochs", training?.epochs),
      setting("the batch size", training?.batchSize), setting("the learning rate", training?.learningRate),
      setting("the image views", training?.views.rawValue), setting("the warm-up", training?.warmUp),
      setting("the momentum", training?.momentum), setting("the weight decay", training?.weightDecay),
    ]
  }

  /// Makes sure that a run that was begun with `recorded` is the one that this configuration describes. A path that was
  /// given from another folder is the same where it leads to the same place.
  ///
  /// - Parameter places: where the run was begun; `nil`, of older runs, is here.
  /// - Throws: ``RunError/otherSetting(path:setting:found:requested:)`` for the first setting that differs.
  package func check(isThatOf recorded: RunConfiguration, madeAt places: RunPlaces?, path: String) throws {
    let here = RunPlaces(of: URL(filePath: path))
    var recorded = recorded
    // Runs of before there was a seed of the division have kept their division.
    if recorded.divisionSeed == nil { recorded.divisionSeed = divisionSeed }
    for (found, requested) in zip(recorded.settings, settings) where found.text != requested.text {
      if found.isPlace, (places ?? here).absolute(found.text) == here.absolute(requested.text) { continue }
      throw RunError.otherSetting(
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
