import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// Runs the reference's `train.py` with the same arguments: loads, trains, tests, and writes the same files.
public struct CompatibleRun {
  public let plan: RunPlan
  private let model: String?
  private let budget: MemoryBudget
  private let device: Device

  /// - Parameters:
  ///   - model: a checkpoint that replaces the one of `MODEL.BACKBONE.NAME`.
  ///   - budget: the memory of a pass through the text encoder.
  ///   - device: where to compute.
  public init(
    _ plan: RunPlan, model: String? = nil, within budget: MemoryBudget = .automatic, on device: Device = .cpu
  ) {
    self.plan = plan
    self.model = model
    self.budget = budget
    self.device = device
  }

  /// The result of a run.
  public struct Result: Sendable, Encodable {
    public let output: String
    public let trainer: String
    public let dataset: String
    /// The accuracy of the test; `nil` where there was none.
    public let accuracy: Double?
    public let macroF1: Double?
    public let images: Int?
    public let classes: Int
  }

  /// - Parameters:
  ///   - print: called with the lines of the log as they come.
  ///   - remark: called with notices, without their full stops.
  ///   - check: called at every step; it may throw to stop.
  /// - Throws: ``CompatibilityError``, and the errors of loading, training and testing. Where the run cannot start, the
  ///   output folder is unchanged.
  public func callAsFunction(
    print: @escaping (String) -> Void, remark: (String) -> Void = { _ in }, check: @escaping () throws -> Void = {}
  ) throws -> Result {
    let log = RunLog(echo: print)
    let seed = plan.seed ?? Int.random(in: 1...999_999)
    log.write("Configuration")
    for line in plan.lines { log.write("  \(line)") }
    log.write(plan.seed == nil ? "No seed is given: drew \(seed)" : "Setting fixed seed: \(seed)")

    let source = try plan.backbone.source(model: model)
    let dataset = try examples(seed: seed, log: log)
    for notice in dataset.notices { remark("\(notice)") }
    let clip = try loaded(source, remark: remark)
    for notice in clip.notices { remark(notice) }
    let training = ReferenceTraining(
      plan: plan, clip: clip, identity: try source.identity(), dataset: dataset, seed: seed, budget: budget, log: log,
      check: check)
    log.write("Loading trainer: \(plan.trainer.name)")
    log.write("Loading dataset: \(plan.dataset.rawValue)")
    log.write("Loading CLIP (backbone: \(plan.backbone.name.isEmpty ? clip.name : plan.backbone.name))")
    log.write(
      "\(dataset.classNames.count) classes, \(dataset.training.count) images for training, "
        + "\(dataset.validation.count) for validation, \(dataset.test.count) for testing")
    let evaluation = try training.run()
    return Result(
      output: plan.outputFolder.path, trainer: plan.trainer.name, dataset: plan.dataset.rawValue,
      accuracy: evaluation?.accuracy, macroF1: evaluation?.macroF1, images: evaluation?.images,
      classes: dataset.classNames.count)
  }

  /// The requested sample and classes, with every image found.
  private func examples(seed: Int, log: RunLog) throws -> Dataset {
    var dataset = try plan.dataset.load(root: plan.root)
    if let shots = plan.shots, !dataset.isTestOnly {
      if let list = try plan.dataset.sample(shots: shots, seed: seed, root: plan.root) {
        log.write("Loading the few-shot sample \(list.file)")
        dataset = try dataset.fewShot(list)
      } else {
        dataset = try dataset.fewShot(shots, seed: seed)
      }
    }
    dataset = try dataset.subset(plan.classes)
    return try dataset.located()
  }

  /// The model, with the configuration's preprocessing as far as the checkpoint allows.
  private func loaded(_ source: ModelSource, remark: (String) -> Void) throws -> CLIPModel {
    let clip = try source.load(on: device)
    let (pixels, configuration) = (clip.configuration.preprocessing, plan.configuration)
    let size = configuration.value("INPUT.SIZE")
    guard size == [.integer(pixels.size), .integer(pixels.size)] else {
      throw CompatibilityError.inputSize(configured: "\(size)", model: pixels.size)
    }
    for (key, own) in [("INPUT.PIXEL_MEAN", pixels.mean), ("INPUT.PIXEL_STD", pixels.standardDeviation)] {
      guard configuration.value(key).isClose(to: own) else {
        remark("\(key) is \(configuration.value(key)), but the checkpoint was trained with \(own), which is used")
        continue
      }
    }
    let interpolation = configuration.text("INPUT.INTERPOLATION")
    return interpolation == pixels.interpolation.rawValue
      ? clip : clip.interpolating(by: .init(rawValue: interpolation) ?? pixels.interpolation)
  }
}

extension ConfigurationValue {
  /// Whether this is a list of these numbers, up to the precision of 32 bits.
  fileprivate func isClose(to numbers: [Float]) -> Bool {
    guard case .list(let elements) = self, elements.count == numbers.count else { return false }
    return zip(elements, numbers).allSatisfy { element, number in
      switch element {
      case .number(let value): abs(Float(value) - number) < 1e-6
      case .integer(let value): Float(value) == number
      default: false
      }
    }
  }
}
