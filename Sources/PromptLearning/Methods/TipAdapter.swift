import CLIP
import Datasets
import Images
import Support
import Torch

extension Method {
  /// Tip-Adapter: few-shot features vote beside zero-shot CLIP, and nothing is trained (Zhang, Zhang, Fang, Gao, Li, Dai,
  /// Qiao, Li: *Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification*, ECCV 2022, arXiv 2207.09519).
  public static let tipAdapter = Method(
    "tip-adapter", title: "Tip-Adapter", traits: [.learns], series: 6, artifactName: "cache.safetensors",
    artifactNoun: "cache", parameters: CacheModel.specs, constants: CacheModel.constantSpecs,
    learning: .direct(
      DirectLearning(
        fit: { setup, images, progress in
          let cache = try CacheModel(setup, images, progress)
          let rule = CacheRule(for: images.dataset)
          try progress(.choice(rule.sentence(cache.strengths)))
          let (chosen, search) = try rule.choose(for: cache, setup, images)
          return Fitted(
            classifier: chosen.classifier(on: setup.clip),
            parameters: ["keys": chosen.keys].merging(chosen.constants) { $1 }, search: search)
        },
        restore: { artifact, setup, path in
          try CacheModel(artifact, setup, path: path).classifier(on: setup.clip)
        },
        fitSeconds: { setup, sample in
          let cache = try CacheModel(
            for: setup.classNames, keys: sample.embeddings, labels: sample.labels,
            strengths: CacheGrid(for: setup.dataset).initial, templates: CacheGrid.templates(setup.dataset),
            clip: setup.clip)
          let start = ContinuousClock.now
          let features = try Features(
            images: sample.embeddings.on(cache.device), classes: cache.classFeatures(for: sample.embeddings),
            scale: setup.clip.logitScale)
          _ = try cache.logits(of: features).floats()
          return Double(CacheGrid.betas) * (ContinuousClock.now - start).seconds
        }, viewsOfTraining: CacheModel.views)),
    templates: { CacheGrid.templates($0.dataset) },
    reference: ReferenceFormat(trainer: "Tip-Adapter", cache: .init(prefix: "keys_", isTransposed: true)))

  /// Tip-Adapter-F: Tip-Adapter whose keys are trained (the same paper, §3.2).
  public static let tipAdapterF = Method(
    "tip-adapter-f", title: "Tip-Adapter-F", traits: [.learns], series: 7, artifactName: "cache.safetensors",
    artifactNoun: "cache", parameters: CacheModel.specs, constants: CacheModel.constantSpecs,
    training: { .tipAdapterF(epochs: PublishedDataset(named: $0) == .euroSAT ? 100 : 20) },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          // Without photos, the class features stand for them: time does not depend on what keys are.
          let templates = CacheGrid.templates(setup.dataset)
          let prompts = try ZeroShotPrompts(for: setup.classNames, templates: templates, clip: setup.clip)
          return try CacheModel(
            for: setup.classNames, keys: prompts.features.reshaped([setup.classNames.count, -1]),
            labels: Array(setup.classNames.indices), strengths: CacheGrid(for: setup.dataset).initial,
            templates: templates, classFeatures: prompts.features)
        },
        restore: CacheModel.init(_:_:path:),
        startFromImages: CacheModel.init(_:_:_:), viewsToStart: CacheModel.views,
        finish: { learner, setup, images, progress in
          guard let cache = learner as? CacheModel else { return (learner, [:]) }
          let rule = CacheRule(for: images.dataset, keysAreTrained: true)
          try progress(.choice(rule.sentence(cache.strengths)))
          return try rule.choose(for: cache, setup, images)
        })),
    templates: { CacheGrid.templates($0.dataset) },
    reference: ReferenceFormat(trainer: "Tip-Adapter-F", cache: .init(prefix: "best_F_", isTransposed: false)))
}

extension CacheModel {
  /// Augmented views of each photo that a key is the mean of.
  static let views = 10
  /// The smallest area of such a view, as a share of the photo's.
  static let smallestCrop = 0.5

  /// The cache of the training photos, with the strengths that the dataset begins with.
  init(_ setup: MethodSetup, _ images: LabelledImages, _ progress: DirectLearning.FitProgress) throws {
    let dataset = images.dataset
    guard !dataset.training.isEmpty else { throw LearningError.noTrainingImages }
    var views = try TrainingViews(
      of: dataset, mode: .stored(Self.views), smallestCrop: Self.smallestCrop, clip: setup.clip, cache: images.cache,
      photos: PhotoMemory(limit: 0, reading: images.reading))
    var generator = SeededGenerator(seed: setup.seed ^ 0x6361_6368_6500)
    try views.prepare(using: &generator) { try progress(.views(encoded: $0, of: $1)) }
    guard let means = try views.meanOfStored() else { throw LearningError.noTrainingImages }
    try self.init(
      for: setup.classNames, keys: means.unitRows(), labels: dataset.training.map(\.label),
      strengths: CacheGrid(for: setup.dataset).initial, templates: CacheGrid.templates(setup.dataset), clip: setup.clip)
  }
}

/// The values of α and β that are tried, and those that come before any choice (`configs/` of the authors' program).
package struct CacheGrid: Sendable {
  static let betas = 200
  static let alphas = 20

  package let initial: CacheModel.Strengths
  /// What β and α stay below.
  let scales: (beta: Double, alpha: Double)

  package init(initial: CacheModel.Strengths, scales: (beta: Double, alpha: Double)) {
    (self.initial, self.scales) = (initial, scales)
  }

  /// A dataset that has no configuration takes ImageNet's.
  init(for dataset: String) {
    let (alpha, scales): (Float, (Double, Double)) =
      switch PublishedDataset(named: dataset) {
      case .caltech101: (3, (12, 5))
      case .oxfordPets: (1.17, (7, 3))
      case .stanfordCars: (3, (20, 10))
      case .flowers102: (10, (50, 50))
      case .food101: (1.17, (10, 10))
      case .fgvcAircraft: (5, (30, 30))
      case .sun397: (1.17, (12, 10))
      case .dtd: (2, (13, 13))
      case .euroSAT: (2, (12, 10))
      case .ucf101: (3, (7, 3))
      default: (1.17, (7, 3))
      }
    self.init(initial: CacheModel.Strengths(alpha: alpha, beta: 1), scales: (scales.0, scales.1))
  }

  /// The sentences of W: seven for ImageNet, elsewhere the dataset's own.
  @Sendable static func templates(_ dataset: String) -> [PromptTemplate] {
    PublishedDataset(named: dataset) == .imageNet ? PromptTemplate.imageNetSeven : [.zeroShot(for: dataset)]
  }

  /// The α and β that name the most photos rightly: the first of equals, β outside.
  ///
  /// - Parameters:
  ///   - features: f `[B, E]`, unit rows.
  ///   - isOwn: whether photo i has made key i, which does not vote for it then.
  /// - Returns: the strengths, and the share of photos that they name rightly.
  package func best(
    for cache: CacheModel, on features: Tensor, labels: [Int], isOwn: Bool, scale: Float
  ) throws -> (strengths: CacheModel.Strengths, accuracy: Double) {
    let features = try features.on(cache.device)
    let classes = cache.classFeatures(for: features)
    let plain = try Features(images: features, classes: classes, scale: scale)
    let zeroShot = try plain.logits.floats()
    let count = cache.classNames.count
    var best = (strengths: initial, right: -1)
    for step in 0..<Self.betas {
      let beta = Float(0.1 + Double(step) * (scales.beta - 0.1) / Double(Self.betas))
      let votes = try cache.with(.init(alpha: 1, beta: beta)).votes(for: features, withoutOwn: isOwn).floats()
      for other in 0..<Self.alphas {
        let alpha = Float(0.1 + Double(other) * (scales.alpha - 0.1) / Double(Self.alphas))
        var right = 0
        for (row, label) in labels.enumerated() {
          var (answer, highest) = (0, -Float.infinity)
          for column in row * count..<(row + 1) * count {
            let logit = zeroShot[column] + votes[column] * alpha
            if logit > highest { (answer, highest) = (column - row * count, logit) }
          }
          if answer == label { right += 1 }
        }
        if right > best.right { best = (.init(alpha: alpha, beta: beta), right) }
      }
    }
    return (best.strengths, Double(best.right) / Double(max(1, labels.count)))
  }
}

extension CacheModel {
  /// What the keys vote, before α: exp(−β (1 − f Qᵀ)) V, `[B, C]`.
  ///
  /// - Parameter withoutOwn: whether key i does not vote for photo i.
  fileprivate func votes(for features: Tensor, withoutOwn: Bool) throws -> Tensor {
    let one = try Tensor([1], shape: [])
    var nearness = try (features.matmul(keys.transposed()) * strengths.beta).adding(one, scaledBy: -strengths.beta)
      .exponential()
    if withoutOwn {
      let count = labels.count
      nearness =
        try nearness
        * Tensor(
          (0..<count * count).map { $0 / count == $0 % count ? 0 : 1 }, shape: [count, count]
        ).on(device)
    }
    return try nearness.matmul(ballots)
  }
}

/// What α and β are chosen on: never photos to test on, which the authors' program takes for -F's epoch.
package enum CacheRule: Sendable, Equatable {
  /// The validation photos.
  case validation(count: Int)
  /// The training photos, each named by the other photos' keys.
  case otherPhotos(count: Int)
  /// Nothing: they stay as the dataset's configuration begins.
  case initial

  /// Validation photos count as they do for a linear probe's penalty; then training photos, where each class has two.
  ///
  /// - Parameter keysAreTrained: training photos tell nothing of keys that were trained on them.
  package init(for dataset: Dataset, keysAreTrained: Bool = false) {
    switch PenaltyRule(for: dataset) {
    case .validation: self = .validation(count: dataset.validation.count)
    case .crossValidation where !keysAreTrained: self = .otherPhotos(count: dataset.training.count)
    case .crossValidation where !dataset.validation.isEmpty: self = .validation(count: dataset.validation.count)
    case .crossValidation, .standard: self = .initial
    }
  }

  /// How they are chosen, without the sentence's full stop.
  package func sentence(_ initial: CacheModel.Strengths) -> String {
    switch self {
    case .validation(let count): "The cache chooses α and β on the \(count) validation photos"
    case .otherPhotos(let count):
      "Not every class has a validation photo: the cache chooses α and β on its \(count) training photos, each named by"
        + " the others"
    case .initial:
      "There are no validation photos to choose the cache's α and β on: they are \(initial.alpha) and \(initial.beta)"
    }
  }

  func choose(
    for cache: CacheModel, _ setup: MethodSetup, _ images: LabelledImages
  ) throws -> (learner: CacheModel, search: [String: Double]) {
    let grid = CacheGrid(for: setup.dataset)
    let split: Split
    switch self {
    case .validation: split = .val
    case .otherPhotos: split = .train
    case .initial: return (cache, ["alpha": Double(cache.strengths.alpha), "beta": Double(cache.strengths.beta)])
    }
    let sample = try LabelledEmbeddings(of: images.dataset, split: split, by: images.extractor)
    let (strengths, accuracy) = try grid.best(
      for: cache, on: sample.embeddings.unitRows(), labels: sample.labels, isOwn: split == .train,
      scale: setup.clip.logitScale)
    return (
      try cache.with(strengths),
      [
        "alpha": Double(strengths.alpha), "beta": Double(strengths.beta),
        (split == .val ? "validationAccuracy" : "leaveOneOutAccuracy"): 100 * accuracy,
      ]
    )
  }
}

extension TrainingConfiguration {
  /// Tip-Adapter-F's: AdamW with a cosine over all steps, 256 images a step (`main.py`, `configs/`).
  package static func tipAdapterF(epochs: Int) -> TrainingConfiguration {
    var configuration = coop.with(epochs: epochs, batchSize: 256)
    configuration.learningRate = 1e-3
    configuration.weightDecay = 0.01
    configuration.warmUp = .none
    configuration.optimizer = .adamW
    configuration.epsilon = 1e-4
    configuration.decay = .byStep
    configuration.smallestCrop = CacheModel.smallestCrop
    configuration.keepsLastBatch = true
    return configuration
  }
}
