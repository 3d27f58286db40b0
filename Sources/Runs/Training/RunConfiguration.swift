import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Torch

/// Everything that determines what a run learns. Two runs with equal configurations on one machine end with equal bits.
public struct RunConfiguration: Sendable, Codable, Equatable {
  /// The model, as named on the command line.
  public var model: String
  public var data: String
  /// The folder of benchmarks, where ``data`` is the name of one.
  public var root: String?
  /// Whether photos in sub-folders of a class folder count too; `nil` is no.
  public var isRecursive: Bool?
  /// A few-shot sample from elsewhere, which replaces the one that ``shots`` and ``seed`` draw.
  public var fewShotList: String?
  public var method: Method
  public var classes: ClassSubset
  /// The names of the classes to learn, as the data spells them, where the user has chosen them; ``classes`` is then
  /// all.
  public var chosenClasses: [String]?
  /// The seed of the division of images without a split, in which the ``shots`` come first; `nil` divides as the
  /// reference does, with ``seed``.
  public var divisionSeed: Int?
  /// Whether such images are all for training; `nil` is no.
  public var testsNothing: Bool?
  /// The number of training photos of each class; `nil` takes all.
  public var shots: Int?
  public var seed: Int
  public var context: Context
  /// The method's own settings where they differ from the defaults; `nil` where none does.
  public var options: MethodOptions?
  /// The file of sentences about each class that the method learns from; `nil` where it takes sentences of its own.
  public var sentences: SentenceFile?
  /// The precision of the products in frozen layers; `nil` is float32, which is exact.
  public var precision: Precision?
  /// The training; `nil` for methods without an optimiser that steps through images: zero-shot and the linear probe.
  public var training: TrainingConfiguration?
  /// Whether photos are turned according to EXIF; `nil`, as in older runs, is ``Orientation/ignored``.
  public var orientation: Orientation?
  /// How much of a photo is decoded; `nil`, as in runs of before the choice, is ``PhotoDecoding/exact``.
  public var photoDecoding: PhotoDecoding?

  public typealias Context = ContextSettings

  /// A file of sentences, which is the same wherever it lies.
  public struct SentenceFile: Sendable, Codable, Equatable {
    public let path: String
    public let sha256: String

    public init(_ sentences: ClassSentences) { (path, sha256) = (sentences.path, sentences.sha256) }
    init(path: String, sha256: String) { (self.path, self.sha256) = (path, sha256) }
  }

  public init(
    model: String, data: String, root: String? = nil, isRecursive: Bool = false, fewShotList: String? = nil,
    method: Method,
    classes: ClassSubset = .all, chosenClasses: [String]? = nil, shots: Int? = 16, seed: Int = 1,
    divisionSeed: Int? = nil, testsNothing: Bool = false,
    context: Context = Context(), options: MethodOptions = MethodOptions(),
    sentences: SentenceFile? = nil, precision: Precision = .float32,
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
    // It tells nothing of a method that begins as these words anyway.
    if !method.beginsItsOwnWay { self.context.isAsked = nil }
    self.options = options.isStandard ? nil : options
    self.sentences = sentences
    self.precision = precision == .float32 ? nil : precision
    self.orientation = orientation == .ignored ? nil : orientation
    self.photoDecoding = photoDecoding == .exact ? nil : photoDecoding
    self.training = method.defaultTraining.map { training ?? $0 }
  }

  /// The run's training and test images: sampled first, then divided (protocol of the reference, §1).
  ///
  /// - Throws: `DatasetError`, for example `testOnly` for a dataset without training images, which only zero-shot can
  ///   use.
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

  /// The division of images without a split for this run.
  public var division: Division {
    guard let divisionSeed else { return .reference(seed: seed) }
    return testsNothing == true ? .noTest : .shotsFirst(shots ?? 16, seed: divisionSeed)
  }

  /// The division of other data on which this run is evaluated.
  var divisionToTest: Division {
    guard let divisionSeed else { return .reference(seed: seed) }
    return .shotsFirst(shots ?? 16, seed: divisionSeed)
  }
}

extension RunConfiguration {
  /// The setup of the method's classifier.
  ///
  /// - Parameter sentences: those of the file ``sentences``.
  package func setup(for dataset: Dataset, on clip: CLIPModel, sentences: ClassSentences? = nil) -> MethodSetup {
    MethodSetup(
      clip: clip, classNames: dataset.classNames, dataset: dataset.name, seed: UInt64(bitPattern: Int64(seed)),
      context: context, options: options ?? MethodOptions(), sentences: sentences)
  }

  /// Whether the result supports other classes.
  package var namesOtherClasses: Bool {
    method.namesOtherClasses && !(method.contextSettings.contains(.classSpecific) && context.isClassSpecific)
  }
}

// MARK: Comparing

extension RunConfiguration {
  /// A setting by name, as text; the one list of what makes two runs the same.
  package struct Setting: Equatable, Sendable {
    package let name: String
    package let text: String
    /// Whether the text is a path, which another folder may be needed to understand.
    package var isPlace = false
  }

  /// Every setting that decides what is learned. The places of model and data are none: a run is the same wherever its
  /// model lies, and which model it is, its checkpoint's hash says.
  package var settings: [Setting] {
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
      setting("class-specific contexts", context.isClassSpecific), setting("words of one's own", context.isAsked),
      setting("the options", options?.text),
      setting("the sentences", sentences.map { "a file with the hash \($0.sha256.prefix(12))" }),
      setting("the precision", (precision ?? .float32).rawValue),
      setting("the orientation", (orientation ?? .ignored).rawValue),
      setting("the decoding of photos", (photoDecoding ?? .exact).rawValue), setting("the epochs", training?.epochs),
      setting("the batch size", training?.batchSize), setting("the learning rate", training?.learningRate),
      setting("the image views", training?.views.rawValue), setting("the warm-up", training?.warmUp),
      setting("the momentum", training?.momentum), setting("the weight decay", training?.weightDecay),
      setting("the optimiser", training?.optimizer.rawValue), setting("Adam's epsilon", training?.epsilon),
      setting("the decay of the rate", training?.decay.rawValue),
      setting("the smallest crop", training?.smallestCrop),
      setting("smaller last batches", training?.keepsLastBatch),
    ]
  }

  /// The configuration of a run as it is resumed in a precision. TF32 is what some GPUs make of products of float32, so a
  /// training moves between the two with its device. Others are kept.
  package func resumed(in precision: Precision?) -> RunConfiguration {
    var configuration = self
    if (self.precision ?? .float32).isOfFloat32, (precision ?? .float32).isOfFloat32 {
      configuration.precision = precision
    }
    return configuration
  }

  /// Checks that a run that was started with `recorded` is the one that this configuration describes. A path from
  /// another folder is the same where it leads to the same file.
  ///
  /// - Parameter places: the folders in which the run was started; `nil`, for older runs, is the current one.
  /// - Throws: ``RunError/otherSetting(path:setting:found:requested:)`` for the first setting that differs.
  package func check(isThatOf recorded: RunConfiguration, madeAt places: RunPlaces?, path: String) throws {
    let here = RunPlaces(of: URL(filePath: path))
    var recorded = recorded
    // Runs from before there was a seed of the division have saved their division.
    if recorded.divisionSeed == nil { recorded.divisionSeed = divisionSeed }
    for (found, requested) in zip(recorded.settings, settings) where found.text != requested.text {
      if found.isPlace, (places ?? here).absolute(found.text) == here.absolute(requested.text) { continue }
      throw RunError.otherSetting(
        path: path, setting: requested.name, found: found.text, requested: requested.text)
    }
  }
}

extension Precision {
  /// Whether numbers are those of float32, and products are rounded at most on devices that round them.
  var isOfFloat32: Bool { self == .float32 || self == .tf32 }
}

extension MethodOptions {
  /// The value as text, such as "weight 4.0".
  fileprivate var text: String {
    values.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}
