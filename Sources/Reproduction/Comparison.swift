import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// A comparison of methods: a protocol over datasets, variants and seeds. It determines the trials.
public struct Comparison: Sendable {
  public let kind: EvaluationProtocol
  /// The model, in the form that a run records.
  public let model: String
  public let variants: [Variant]
  public let seeds: [Int]
  /// The number of training images of each class.
  public let shots: Int
  public private(set) var context: RunConfiguration.Context
  /// Numbers of methods' own settings, for the methods that have them.
  public let options: [String: Double]
  public let adjustment: TrainingAdjustment
  /// The precision of the products in frozen layers.
  public let precision: Precision
  /// The orientation of every photo.
  public let orientation: Orientation
  /// How much of every photo is decoded.
  public let photoDecoding: PhotoDecoding
  /// Whether photos in sub-folders of a class folder count too.
  public let isRecursive: Bool
  /// What is learned from: the source of a transfer alone, or every dataset.
  let sources: [ComparisonDataset]
  /// The datasets in the table: every dataset, or the targets of a transfer.
  let datasets: [ComparisonDataset]

  /// Reads the lists of all datasets; one that cannot be used is recorded with the reason.
  ///
  /// - Parameters:
  ///   - datasets: names or paths as the command line takes them; `nil` stands for the paper's.
  ///   - source: of a transfer; `nil` stands for ImageNet. It is not tested on a second time as a target.
  ///   - root: of benchmarks.
  ///   - isRecursive: whether photos in sub-folders of a class folder count too.
  /// - Throws: ``RunError`` for a name that is no dataset, or for one that stands there twice.
  public init(
    _ kind: EvaluationProtocol, model: String, datasets: [String]? = nil, source: String? = nil, root: String? = nil,
    variants: [Variant], seeds: [Int], shots: Int = 16, context: RunConfiguration.Context = .init(),
    options: [String: Double] = [:],
    adjustment: TrainingAdjustment = TrainingAdjustment(), precision: Precision = .float32,
    orientation: Orientation = .ignored, photoDecoding: PhotoDecoding = .exact, isRecursive: Bool = false
  ) throws {
    self.kind = kind
    self.model = model
    self.variants = variants
    self.seeds = seeds
    self.shots = shots
    self.context = context
    if !variants.contains(where: \.method.beginsItsOwnWay) { self.context.isAsked = nil }
    self.options = options
    self.adjustment = adjustment
    self.precision = precision
    self.orientation = orientation
    self.photoDecoding = photoDecoding
    self.isRecursive = isRecursive
    let named = datasets ?? kind.paperDatasets.map(\.spelling)
    let shelved = try named.map { try ComparisonDataset($0, root: root, isRecursive: isRecursive) }
    if kind.transfers {
      let source = try ComparisonDataset(
        source ?? PublishedDataset.imageNet.spelling, root: root, isRecursive: isRecursive)
      sources = [source]
      self.datasets = shelved.filter { $0.title != source.title }
    } else {
      sources = shelved
      self.datasets = shelved
    }
    var seen: Set<String> = []
    if let twice = self.datasets.first(where: { !seen.insert($0.title).inserted }) {
      throw ReproductionError.datasetTwice(title: twice.title)
    }
    // Settings are checked before any work.
    for variant in variants {
      _ = try training(of: variant, on: "")
      _ = try methodOptions(of: variant)
    }
    if let name = options.keys.sorted().first(where: { name in
      !variants.contains { $0.method.options.contains { $0.name == name } }
    }), let method = variants.last?.method {
      throw LearningError.noOption(name: name, method: method.title, known: method.options.map(\.name))
    }
  }

  /// The trials, dataset by dataset and seed by seed, so that the table fills from the top.
  public var units: [Trial] {
    let learned = sources.flatMap { source in
      variants.filter { !kind.transfers || !$0.method.isZeroShot }.flatMap { variant in
        seeds(of: variant).map { unit(of: variant, seed: $0, on: source) }
      }
    }
    guard kind.transfers else { return learned }
    // Zero-shot CLIP uses each dataset's own template: nothing of it comes from the source.
    let fixed = variants.filter(\.method.isZeroShot).flatMap { variant in
      (sources + datasets).map { unit(of: variant, seed: 1, on: $0) }
    }
    return fixed + learned
  }

  /// The notices about the datasets, one line each without its full stop.
  public var notices: [String] {
    (kind.transfers ? sources + datasets : datasets).flatMap { shelved in
      ((try? shelved.dataset.get().notices) ?? []).map { "\(shelved.title): \($0)" }
    }
  }

  /// The titles of the table's rows: the source of a transfer first.
  var titles: [String] { (kind.transfers ? sources : []).map(\.title) + datasets.map(\.title) }

  func seeds(of variant: Variant) -> [Int] { variant.method.isZeroShot ? [1] : seeds }

  private func unit(of variant: Variant, seed: Int, on source: ComparisonDataset) -> Trial {
    let isZeroShot = variant.method.isZeroShot
    let configuration = RunConfiguration(
      model: model, data: source.name, root: source.root, isRecursive: isRecursive, method: variant.method,
      classes: kind.trainingClasses,
      shots: isZeroShot ? nil : shots, seed: seed, context: variant.context(instead: context),
      options: (try? methodOptions(of: variant)) ?? MethodOptions(), precision: precision,
      training: try? training(of: variant, on: source.title), orientation: orientation,
      photoDecoding: photoDecoding)
    return Trial(
      dataset: source.title, variant: variant, configuration: configuration,
      tests: tests(of: configuration, on: source))
  }

  private func tests(of configuration: RunConfiguration, on source: ComparisonDataset) -> [Trial.Test] {
    func test(_ dataset: ComparisonDataset, _ classes: ClassSubset) -> Trial.Test {
      Trial.Test(dataset: dataset.title, classes: classes)
    }
    guard kind.transfers else {
      return [test(source, .base)] + (configuration.namesOtherClasses ? [test(source, .new)] : [])
    }
    guard !configuration.method.isZeroShot else { return [test(source, .all)] }
    let learned = Set((try? source.dataset.get().classNames) ?? [])
    let targets = datasets.filter { target in
      configuration.namesOtherClasses || (try? learned.isSuperset(of: target.dataset.get().classNames)) == true
    }
    return ([source] + targets).map { test($0, .all) }
  }

  private func methodOptions(of variant: Variant) throws -> MethodOptions {
    let method = variant.method
    return try MethodOptions(
      self.options.filter { name, _ in method.options.contains { $0.name == name } }, for: method)
  }

  /// - Throws: `LearningError/setting(name:expected:found:)`.
  private func training(of variant: Variant, on dataset: String) throws -> TrainingConfiguration? {
    try variant.method.defaultTraining(on: dataset).map(adjustment.applied(to:))
  }
}

/// The differences from a method's default training.
public struct TrainingAdjustment: Sendable, Equatable {
  public var epochs, batchSize: Int?
  public var learningRate: Double?
  public var views: ImageViews?

  public init(epochs: Int? = nil, batchSize: Int? = nil, learningRate: Double? = nil, views: ImageViews? = nil) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.learningRate = learningRate
    self.views = views
  }

  /// Whether it changes no method's training: fresh views are every method's default.
  var isNone: Bool { self == TrainingAdjustment() || self == TrainingAdjustment(views: .fresh) }

  /// - Throws: `LearningError/setting(name:expected:found:)`.
  public func applied(to standard: TrainingConfiguration) throws -> TrainingConfiguration {
    var changed = standard
    changed.epochs = epochs ?? standard.epochs
    changed.batchSize = batchSize ?? standard.batchSize
    changed.learningRate = learningRate ?? standard.learningRate
    changed.views = views ?? standard.views
    return try changed.checked()
  }
}

/// The paper's three protocols for comparing methods (CoCoOp, §4.1–4.3).
public enum EvaluationProtocol: String, Sendable, Codable, CaseIterable {
  /// Training on the first half of a dataset's classes, testing on both halves.
  case baseToNew = "base-to-new"
  /// Training on all classes of one dataset, testing on others.
  case crossDataset = "cross-dataset"
  /// Training on one dataset, testing on others with other styles of its classes, or of some of them.
  case domainGeneralization = "domain-generalization"

  /// Whether training uses one dataset and testing uses others.
  public var transfers: Bool { self != .baseToNew }

  /// The names of the accuracies in a row of its table, which are also fields of its JSON.
  public var columns: [String] { transfers ? ["accuracy"] : ["base", "new"] }

  /// The classes for training.
  var trainingClasses: ClassSubset { transfers ? .all : .base }

  /// The paper's datasets in the table, without the source of a transfer.
  public var paperDatasets: [PublishedDataset] {
    let variants: [PublishedDataset] = [.imageNetV2, .imageNetSketch, .imageNetA, .imageNetR]
    return switch self {
    case .baseToNew: PublishedDataset.allCases.filter { !variants.contains($0) }
    case .crossDataset: PublishedDataset.allCases.filter { !variants.contains($0) && $0 != .imageNet }
    case .domainGeneralization: variants
    }
  }

  /// The title, as a heading.
  public var title: String {
    switch self {
    case .baseToNew: "Base-to-new generalisation"
    case .crossDataset: "Cross-dataset transfer"
    case .domainGeneralization: "Domain generalisation"
    }
  }
}
