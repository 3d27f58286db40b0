import CLIP
import Torch

// Gradients where prompts stand in the image tower: both towers are then functions of what is learned.

extension MicrobatchPlan {
  /// How many images go through the image tower at a time, and whether all that they keep for a gradient fits at once.
  ///
  /// Images are divided over threads, each of which takes its own through the whole tower. Where a batch keeps more
  /// than the budget allows, its groups go through one after the other, and twice: without a history first.
  ///
  /// - Parameters:
  ///   - learner: with prompts in the image tower.
  ///   - count: the images of a batch.
  func imageParts(of learner: Learner, count: Int) -> (ranges: [Range<Int>], isAtOnce: Bool) {
    let bytes = max(1, learner.imageBytes(isTraining: true))
    let texts = (shares.isEmpty ? parts : shares).map { $0.microbatchBytes(isTraining: true) }.reduce(0, +)
    let processes = team.communicator.size
    let each = (count + processes - 1) / processes  // images of the process that has most
    let isAtOnce = parts.count == 1 && isAtOnce && bytes * each + texts / processes <= budget.bytes
    let parallel = device.isAccelerator ? 1 : team.parts
    let size = isAtOnce ? (count + parallel - 1) / parallel : max(1, min(each, budget.bytes / bytes))
    return (stride(from: 0, to: count, by: max(1, size)).map { $0..<min($0 + size, count) }, isAtOnce)
  }
}

extension MicrobatchPlan {
  /// `transform` of each part: on the CPU each on a thread of its own, elsewhere one after the other.
  fileprivate func map<Element: Sendable, Result: Sendable>(
    _ parts: [Element], _ transform: @Sendable (Element) throws -> Result
  ) throws -> [Result] {
    try device.isAccelerator ? parts.map(transform) : Threads.map(parts, transform)
  }
}

extension PromptLearner {
  /// The memory that one image takes in a tower with prompts; 0 for a learner without.
  ///
  /// - Parameter isTraining: whether hidden states are kept for a gradient: 108 MB at ViT-B/16's size.
  public func imageBytes(isTraining: Bool) -> Int {
    imagePrompts?.imageBytes(isTraining: isTraining) ?? 0
  }
}

/// A part of a batch whose features are a function of the parameters.
private enum Part<Learner: TrainablePromptLearner>: Sendable {
  case images(Learner, Tensor)  // pixels, [b, 3, H, W]
  case classes(Learner)

  /// `[b, E]` or `[1, c, E]`, unit rows.
  func features(at parameters: [Tensor]) throws -> Tensor {
    switch self {
    case .images(let learner, let pixels):
      guard let tower = try learner.replacing(parameters).imagePrompts else {
        throw LearningError.setting(
          name: "The batch", expected: "image features, as there are no prompts in the image tower", found: "pixels")
      }
      return try tower(pixels).unitRows()
    case .classes(let learner):
      return try learner.replacing(parameters).classFeatures(for: .zeros([1, 0]))
    }
  }
}

extension Classifier where Learner: TrainablePromptLearner {
  /// The gradient is cut at both features: the parts of images and of classes go forward, the loss is differentiated
  /// with respect to f and g, and each part's slice of that is pulled back through its tower. Sums are made in the order
  /// of the parts.
  func inTowers(
    _ pixels: Tensor, _ batch: Batch, _ recipe: TrainingRecipe, _ plan: MicrobatchPlan<Learner>
  ) throws -> UnreadGradient {
    let (parameters, team) = (learner.parameters, plan.team)
    let (ranges, isAtOnce) = plan.imageParts(of: learner, count: pixels.shape[0])
    let texts = !learner.learnsClassFeatures ? [] : plan.shares.isEmpty ? plan.parts : plan.shares
    let ownImages = try ranges[team.share(of: ranges.count)].map {
      Part.images(learner, try pixels.sliced($0, axis: 0))
    }
    let ownClasses = texts[team.share(of: texts.count)].map { Part.classes($0) }
    let own = ownImages + ownClasses
    // Each thread computes one part from its first block to its last.
    let forward: [Linearization]? =
      try isAtOnce
      ? plan.map(own) { part in try Linearization(at: parameters) { try part.features(at: $0) } } : nil
    let computed = try forward?.map(\.value) ?? own.map { try $0.features(at: parameters) }
    let images = try team.gathered(Array(computed[..<ownImages.count]), leading: ranges.map { [$0.count] })
    let classes = try team.gathered(
      Array(computed[ownImages.count...]), leading: texts.map { [1, $0.classNames.count] })
    let values = images + classes
    let f = try Tensor.concatenated(images, axis: 0)  // [B, E]
    let g = try classes.isEmpty ? learner.classFeatures(for: .zeros([1, 0])) : Tensor.concatenated(classes, axis: 1)

    var loss: Loss?
    let (scalars, slopes) = try valuesWithGradients(at: [f, g]) { variables in
      let computed = try Loss(of: variables[1], variables[0], learner, on: batch, by: recipe, clip)
      loss = computed
      return try computed.separated(recipe)
    }
    var starts = [0, 0]
    let cotangents = try values.indices.map { index in
      let axis = index < images.count ? 0 : 1
      let range = starts[axis]..<starts[axis] + values[index].shape[axis]
      starts[axis] = range.upperBound
      return try slopes.map { try $0[axis].sliced(range, axis: axis) }
    }
    let ownCotangents =
      Array(cotangents[..<images.count][team.share(of: images.count)])
      + Array(cotangents[images.count...].dropFirst(team.share(of: classes.count).lowerBound).prefix(ownClasses.count))
    let pulled =
      try forward.map { try plan.map(Array(zip($0, ownCotangents))) { try $0.pulledBack(along: $1) } }
      ?? zip(own, ownCotangents).map { part, cotangents in
        try pullback(at: parameters, along: cotangents) { try part.features(at: $0) }
      }
    func all(_ gradients: ArraySlice<[[Tensor]]>, of count: Int) throws -> [[[Tensor]]] {
      try team.gathered(Array(gradients), shapes: parameters.map(\.shape), terms: slopes.count, of: count)
    }
    let gradients =
      try all(pulled[..<ownImages.count], of: images.count) + all(pulled[ownImages.count...], of: classes.count)
    return try UnreadGradient(
      of: loss, scalars, gradients.dropFirst().reduce(gradients[0], added), on: batch, by: recipe)
  }
}
