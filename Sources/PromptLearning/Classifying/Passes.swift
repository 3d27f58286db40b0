import CLIP
import ClassificationMetrics
import Torch

// The same numbers as in one pass, up to the rounding of sums, in memory that a budget allows.

extension Classifier {
  /// The logits of any number of images over any number of classes.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: `[B, C]`.
  public func logits(for imageFeatures: Tensor, within budget: MemoryBudget) throws -> Tensor {
    try logits(for: imageFeatures, by: PassPlan(for: learner, within: budget, isTraining: false))
  }

  private func logits(for imageFeatures: Tensor, by plan: PassPlan<Learner>) throws -> Tensor {
    let groups = imageGroups(of: imageFeatures.shape[0], plan)
    let columns = try plan.parts.map { part in
      let classifier = Classifier(clip, part)
      let rows = try groups.map { try classifier.logits(for: imageFeatures.sliced($0, axis: 0)) }
      return try rows.count == 1 ? rows[0] : Tensor.concatenated(rows, axis: 0)
    }
    return try columns.count == 1 ? columns[0] : Tensor.concatenated(columns, axis: 1)
  }

  /// Consecutive images that go through the text encoder together; one empty group where there are none.
  private func imageGroups(of count: Int, _ plan: PassPlan<Learner>) -> [Range<Int>] {
    guard count > plan.imagesPerPass else { return [0..<count] }
    return stride(from: 0, to: count, by: plan.imagesPerPass).map { $0..<min($0 + plan.imagesPerPass, count) }
  }
}

extension Classifier where Learner: TrainablePromptLearner {
  /// The mean cross-entropy of a batch, in nats, and its gradient with respect to the learner's parameters.
  ///
  /// Images are independent, so their gradients add up. Where even one image's prompts are too many, classes are divided
  /// too, and every part goes through twice: the softmax needs all logits before any part has a gradient. With
  /// p = softmax(z), the gradient of the loss is Σ_c (p_c − [c is the label]) ∂z_c, which the parts sum up.
  ///
  /// - Parameter plan: of ``learner``, for training; its parts may hold older parameters.
  /// - Returns: also how many images of the batch are named rightly.
  public func lossWithGradient(
    on batch: Batch, by plan: PassPlan<Learner>
  ) throws -> (loss: Float, gradients: [Tensor], right: Int) {
    let count = batch.imageFeatures.shape[0]
    let parts = try imageGroups(of: count, plan).map { images in
      let group = try images.count == count ? batch : batch.sliced(images)
      let (loss, gradients, right) = try plan.parts.count == 1 ? inOnePass(group) : inParts(group, plan.parts)
      let share = Float(images.count) / Float(count)
      return try (
        loss: loss * share, gradients: share == 1 ? gradients : gradients.map { try $0 * share }, right: right
      )
    }
    return (
      parts.map(\.loss).reduce(0, +), try sum(parts.map(\.gradients)), parts.map(\.right).reduce(0, +)
    )
  }

  private func inOnePass(_ batch: Batch) throws -> (loss: Float, gradients: [Tensor], right: Int) {
    var right = 0
    let (loss, gradients) = try valueWithGradient(at: learner.parameters) { parameters in
      let logits = try Classifier(clip, learner.replacing(parameters)).logits(for: batch.imageFeatures)
      right = try batch.rightAnswers(by: logits)
      return try logits.crossEntropy(batch.labels)
    }
    return (try loss.scalar(), gradients, right)
  }

  private func inParts(
    _ batch: Batch, _ parts: [Learner]
  ) throws -> (loss: Float, gradients: [Tensor], right: Int) {
    let current = try parts.map { try $0.replacing(learner.parameters) }
    let columns = try current.map { try Classifier(clip, $0).logits(for: batch.imageFeatures) }
    let logits = try Tensor.concatenated(columns, axis: 1)  // [B, C]
    let (loss, slopes) = try valueWithGradient(at: [logits]) { try $0[0].crossEntropy(batch.labels) }
    var start = 0
    let gradients = try current.map { part in
      let slope = try slopes[0].sliced(start..<start + part.classNames.count, axis: 1)  // [B, classes of the part]
      start += part.classNames.count
      let elements = Float(slope.shape.reduce(1, *))
      return try valueWithGradient(at: part.parameters) { parameters in
        let logits = try Classifier(clip, part.replacing(parameters)).logits(for: batch.imageFeatures)
        return try (logits * slope).mean(over: [0, 1]) * elements
      }.gradients
    }
    return (try loss.scalar(), try sum(gradients), try batch.rightAnswers(by: logits))
  }

  private func sum(_ gradients: [[Tensor]]) throws -> [Tensor] {
    try gradients.dropFirst().reduce(gradients[0]) { sum, next in try zip(sum, next).map { try $0 + $1 } }
  }
}

extension Batch {
  /// The number of images whose highest logit is their class's.
  fileprivate func rightAnswers(by logits: Tensor) throws -> Int {
    let answers = Answers(logits: try logits.floats(), labels: try labels.integers(), classes: logits.shape[1])
    return answers.isRight.count { $0 }
  }

  fileprivate func sliced(_ images: Range<Int>) throws -> Batch {
    try Batch(
      imageFeatures: imageFeatures.sliced(images, axis: 0), labels: labels.sliced(images, axis: 0))
  }
}
