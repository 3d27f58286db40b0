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
  /// Of the products of frozen layers; `nil` is float32, which is exact.
  public var precision: Precision?
  /// `nil` for methods that no optimiser steps through images for: zero-shot and the linear probe.
  public var training: TrainingConfiguration?

  /// How the learned contexts begin and where they stand.
  public struct Context: Sendable, Codable, Equatable {
    /// Words to begin as; `nil` begins at random.
    public var words: String?
    /// The number of random vectors; `nil` where words decide it.
    public var length: Int?
    public var position: ContextPosition
    public var isClassSpecific: Bool

    public init(
      words: String? = "a photo of a", length: Int? = nil, position: ContextPosition = .end,
      isClassSpecific: Bool = false
    ) {
      self.words = words
      self.length = length
      self.position = position
      self.isClassSpecific = isClassSpecific
    }

    /// What the contexts of a learner begin as.
    public var initial: InitialContext { words.map(InitialContext.words) ?? .random(count: length ?? 4) }
  }

  public init(
    model: String, data: String, root: String? = nil, isRecursive: Bool = false, fewShotList: String? = nil,
    method: Method,
    classes: ClassSubset = .base, shots: Int? = 16, seed: Int = 1,
    context: Context = Context(), precision: Precision = .float32, training: TrainingConfiguration? = nil
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

extension Method {
  /// The reference's, for methods that are trained epoch by epoch.
  public var defaultTraining: TrainingConfiguration? {
    switch self {
    case .zeroShot, .zeroShotEnsemble, .linearProbe: nil
    case .coop: .coop
    case .cocoop: .cocoop
    }
  }

  /// The sentences of a zero-shot classifier of `dataset`; none for methods that learn.
  func templates(for dataset: String) -> [PromptTemplate] {
    switch self {
    case .zeroShot: [.zeroShot(for: dataset)]
    case .zeroShotEnsemble: PromptTemplate.ensemble(for: dataset)
    case .coop, .cocoop, .linearProbe: []
    }
  }
}
