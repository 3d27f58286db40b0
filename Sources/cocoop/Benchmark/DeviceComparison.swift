import CLIP
import Datasets
import Embedded
import PromptLearning
import Support
import Torch

/// The stages of a computation that are compared between devices.
package enum DeviceStage: String, Sendable, CaseIterable, Encodable {
  /// f of one photo of each class.
  case imageFeatures = "image features"
  /// g of the classes for the first photo.
  case classFeatures = "class features"
  /// The logits of all photos over all classes.
  case logits
  /// The gradients of one batch with respect to each parameter.
  case gradients
  /// The losses of the training steps.
  case losses = "losses of the steps"
  /// The logits after the last step.
  case trainedLogits = "logits after the steps"
}

/// What a model computes where it is: both towers on the drawings that come with the package, then CoCoOp's logits,
/// gradients and training steps.
package struct DeviceCourse: Sendable {
  /// The number of training steps, one photo each.
  package static let steps = 50

  /// The features of the photos, `[C, E]`, unit rows, on the CPU.
  let imageFeatures: Tensor
  /// The values of each stage, in groups of one scale: a group for each parameter's gradient, else one.
  let values: [DeviceStage: [[Float]]]
  /// Whether the device recorded a training step and played it back.
  package let isRecorded: Bool
  /// Why it did not, where that was tried and failed.
  package let recordingFailure: String?

  package init(
    imageFeatures: Tensor, values: [DeviceStage: [[Float]]], isRecorded: Bool = false, recordingFailure: String? = nil
  ) {
    (self.imageFeatures, self.values) = (imageFeatures, values)
    (self.isRecorded, self.recordingFailure) = (isRecorded, recordingFailure)
  }

  /// - Parameters:
  ///   - other: a course whose image features CoCoOp is given, so that each stage is compared for itself; `nil` for its
  ///     own.
  ///   - budget: the memory of a pass. Equal bits need an equal one, which divides images alike.
  ///   - recordsSteps: whether a device that can records a training step.
  /// - Throws: what computing throws.
  package init(
    of clip: CLIPModel, after other: DeviceCourse? = nil, within budget: MemoryBudget, recordsSteps: Bool = true
  ) throws {
    let dataset = try Dataset(at: Embedded.openclipart)
    var seen: Set<Int> = []
    let photos = dataset.training.filter { seen.insert($0.label).inserted }
    let features = try FeatureExtractor(clip).features(of: photos.map(dataset.url(of:)))
    imageFeatures = features
    let given = try (other?.imageFeatures ?? features).on(clip.device)
    let learner = try ConditionalPrompts(for: dataset.classNames, clip: clip)
    let classifier = Classifier(clip, learner)
    let plan = try MicrobatchPlan(for: learner, within: budget, isTraining: true, on: clip.device)
    func batch(_ rows: Range<Int>) throws -> Batch {
      try Batch(imageFeatures: given.sliced(rows, axis: 0), labels: rows.map { photos[$0].label })
    }
    // As a training does, since small gradients are lost in float16 otherwise.
    let recipe = TrainingRecipe.crossEntropy
      .scalingLosses(by: clip.precision == .float16 ? LossScaler().scale : nil)
    var trainer = Trainer(
      classifier, configuration: .cocoop, seed: 1, within: budget, recordsSteps: recordsSteps)
    let losses = try (0..<Self.steps).map { step in
      let row = step % photos.count
      return try trainer.step(on: batch(row..<row + 1), learningRate: 0.002)
    }
    values = [
      .imageFeatures: [try features.floats()],
      .classFeatures: [try learner.classFeatures(for: given.sliced(0..<1, axis: 0)).floats()],
      .logits: [try classifier.logits(for: given, within: budget).floats()],
      .gradients: try classifier.gradient(on: batch(0..<4), by: recipe, plan).gradients[0].map { try $0.floats() },
      .losses: [losses],
      .trainedLogits: [try trainer.classifier.logits(for: given, within: budget).floats()],
    ]
    (isRecorded, recordingFailure) = (trainer.isRecorded, trainer.recordingFailure)
  }

  /// The largest difference of a stage's values from another course's, as a share of the other's largest value of the
  /// same group; `nil` where a value is no number or there is another number of them.
  package func difference(from other: DeviceCourse, in stage: DeviceStage) -> Float? {
    let (groups, otherGroups) = (values[stage] ?? [], other.values[stage] ?? [])
    guard groups.map(\.count) == otherGroups.map(\.count) else { return nil }
    let shares = zip(groups, otherGroups).map { own, others in
      let largest = max(others.map(abs).max() ?? 0, .leastNormalMagnitude)
      return zip(own, others).map { abs($0 - $1) / largest }
    }
    return shares.joined().allSatisfy(\.isFinite) ? shares.joined().max() ?? 0 : nil
  }

  /// Whether a stage's values have the bits of another course's.
  package func isEqual(to other: DeviceCourse, in stage: DeviceStage) -> Bool {
    values[stage]?.map { $0.map(\.bitPattern) } == other.values[stage]?.map { $0.map(\.bitPattern) }
  }
}

/// A model on a device beside the same model on the CPU in float32, and beside itself.
package struct DeviceComparison: Sendable, Encodable {
  let model: String
  let precision: Precision
  package let stages: [Row]
  /// Whether steps that the device recorded give the bits of those that it did not; `nil` where it records none.
  package let isAsUnrecorded: Bool?
  /// Why a device that records could not record them.
  package let recordingFailure: String?

  /// One stage.
  package struct Row: Sendable, Encodable {
    package let stage: DeviceStage
    /// The largest difference from the CPU, as a share of the largest value; `nil` where a value is no number.
    package let difference: Float?
    /// The largest difference that is allowed.
    package let bound: Float
    /// Whether a second run on the device gave the same bits.
    package let isRepeatable: Bool

    package init(stage: DeviceStage, difference: Float?, bound: Float, isRepeatable: Bool) {
      (self.stage, self.difference, self.bound, self.isRepeatable) = (stage, difference, bound, isRepeatable)
    }

    package var isWithin: Bool { difference.map { $0 <= bound } ?? false }
  }

  package init(
    model: String, precision: Precision, stages: [Row], isAsUnrecorded: Bool? = nil, recordingFailure: String? = nil
  ) {
    (self.model, self.precision, self.stages) = (model, precision, stages)
    (self.isAsUnrecorded, self.recordingFailure) = (isAsUnrecorded, recordingFailure)
  }

  /// - Parameters:
  ///   - clip: the model where it is to be checked.
  ///   - expected: what the same weights give on the CPU in float32.
  ///   - budget: the memory of a pass.
  /// - Throws: what computing throws.
  package init(of clip: CLIPModel, with expected: DeviceCourse, within budget: MemoryBudget) throws {
    func course(recordsSteps: Bool = true) throws -> DeviceCourse {
      try DeviceCourse(of: clip, after: expected, within: budget, recordsSteps: recordsSteps)
    }
    let (first, second) = (try course(), try course())
    recordingFailure = first.recordingFailure ?? second.recordingFailure
    let unrecorded = first.isRecorded ? try course(recordsSteps: false) : nil
    isAsUnrecorded = unrecorded.map { plain in
      [.losses, .trainedLogits].allSatisfy { plain.isEqual(to: first, in: $0) }
    }
    (model, precision) = (clip.name, clip.precision)
    stages = DeviceStage.allCases.map { stage in
      Row(
        stage: stage, difference: first.difference(from: expected, in: stage),
        bound: Self.bound(of: stage, in: clip.precision), isRepeatable: second.isEqual(to: first, in: stage))
    }
  }

  /// The difference from float32 on the CPU that is allowed: in float32 the rounding of sums that are made in another
  /// order; in bfloat16, whose factors have 8 bits, and in float16, with 11, ten times what the CPU's own show with
  /// tiny-clip (docs/devices.md).
  package static func bound(of stage: DeviceStage, in precision: Precision) -> Float {
    switch precision {
    case .float32: 1e-4
    case .tf32, .float16: Self.bound(of: stage, in: .bfloat16) / 10
    case .bfloat16:
      switch stage {
      case .imageFeatures, .classFeatures, .logits: 2e-2
      case .gradients, .losses, .trainedLogits: 1e-1
      }
    }
  }

  /// The first thing that is wrong; `nil` where nothing is.
  package func fault(on device: Device) -> DeviceFault? {
    for row in stages {
      let what = "\(row.stage.rawValue) of \(model) in \(precision.rawValue)"
      guard let difference = row.difference else {
        return DeviceFault(problem: "\(device) gives values that are no numbers: the \(what)")
      }
      if !row.isWithin {
        return DeviceFault(
          problem:
            "\(device) differs from the CPU: the \(what) by \(difference) of the largest, at most \(row.bound) was"
            + " expected")
      }
      if !row.isRepeatable {
        return DeviceFault(problem: "\(device) does not repeat itself: two runs give other bits of the \(what)")
      }
    }
    if let recordingFailure {
      return DeviceFault(
        problem:
          "\(device) cannot record the training steps of \(model) in \(precision.rawValue): \(recordingFailure)")
    }
    if isAsUnrecorded == false {
      return DeviceFault(
        problem: "\(device) gives other bits where it records training steps, of \(model) in \(precision.rawValue)")
    }
    return nil
  }
}

/// A device that computes something else than the CPU, or something else each time.
package struct DeviceFault: UserFacingError {
  package let problem: String
  package var remedy: String? {
    "Compute with --device cpu, and report this with the output of 'cocoop doctor'"
  }
}
