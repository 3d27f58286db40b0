import ClassificationMetrics
import CLIP
import Torch

/// The microbatches in which many images and classes go through the text encoder within a budget.
///
/// Dividing images is cheaper, since they share nothing. Classes are divided where a single image's prompts are too
/// many, and over the threads of a training step: each part repeats the beginning that all prompts share. The results
/// are those of one pass, up to the rounding of sums.
public struct MicrobatchPlan<Learner: PromptLearner>: Sendable {
  /// The learner over consecutive ranges of its classes; usually one part, itself.
  public let parts: [Learner]
  /// The learner over as many ranges of its classes as there are threads, where it trains in one part: each thread takes
  /// one through the text encoder, from its first layer to its last. Empty where there is one thread, where classes are
  /// too few, and where the budget holds one part and not all shares at once.
  package let shares: [Learner]
  public let imagesPerMicrobatch: Int
  /// The number of groups of images that go through at once, each on a thread of its own: where nothing is trained, as
  /// many as there are threads, if the budget holds them.
  private let groupsAtOnce: Int
  let budget: MemoryBudget

  /// - Parameter isTraining: whether hidden states are kept for a gradient.
  public init(for learner: Learner, within budget: MemoryBudget, isTraining: Bool) throws {
    self.budget = budget
    let bytes = learner.microbatchBytes(isTraining: isTraining)
    // Even one class may exceed a budget; the parts are then as small as possible.
    let isDivisible = learner.actsThroughClassFeatures
    let count = isDivisible ? min(learner.classNames.count, max(1, (bytes - 1) / budget.bytes + 1)) : 1
    parts = try count == 1 ? [learner] : Self.ranges(of: learner.classNames.count, count).map(learner.restricted(to:))
    let shares =
      isTraining && isDivisible && count == 1 ? try Self.shares(of: learner, within: budget) : []
    self.shares = shares
    // The parts go through the encoder one after the other, the shares at once.
    let largest =
      shares.isEmpty
      ? parts.map { $0.microbatchBytes(isTraining: isTraining) }.max() ?? 0 : Self.trainingBytes(of: shares)
    groupsAtOnce = !isTraining && largest <= budget.bytes / Threads.count ? Threads.count : 1
    let fastest = learner.imagesPerMicrobatch
    let fitting = budget.bytes / max(1, largest) / groupsAtOnce
    imagesPerMicrobatch = fastest == .max ? .max : max(1, min(fitting, isTraining ? .max : fastest))
  }

  /// - Returns: one share of the classes for each thread; none where that does not pay, or where the shares, which all
  ///   repeat the beginning of the prompts, exceed a budget that holds the undivided learner.
  private static func shares(of learner: Learner, within budget: MemoryBudget) throws -> [Learner] {
    let (threads, classes) = (Threads.count, learner.classNames.count)
    guard threads > 1, classes >= fewestClasses * threads else { return [] }
    let shares = try divided(learner, into: threads)
    return trainingBytes(of: shares) <= budget.bytes ? shares : []
  }

  /// The learner over `count` consecutive ranges of its classes that take about equally long: long names count for more,
  /// and each range has the beginning that all prompts share.
  private static func divided(_ learner: Learner, into count: Int) throws -> [Learner] {
    guard count > 1 else { return [learner] }
    let classes = learner.classNames.count
    let (first, second) = (count / 2, count - count / 2)
    func halves(at boundary: Int) throws -> (Learner, Learner) {
      try (learner.restricted(to: 0..<boundary), learner.restricted(to: boundary..<classes))
    }
    // The last boundary before which there is no more than the first half's due.
    var boundaries = first...(classes - second)
    while boundaries.count > 1 {
      let middle = (boundaries.lowerBound + boundaries.upperBound + 1) / 2
      let (before, after) = try halves(at: middle)
      let isWithin = trainingBytes(of: [before]) * second <= trainingBytes(of: [after]) * first
      boundaries = isWithin ? middle...boundaries.upperBound : boundaries.lowerBound...(middle - 1)
    }
    let (before, after) = try halves(at: boundaries.lowerBound)
    return try divided(before, into: first) + divided(after, into: second)
  }

  private static func trainingBytes(of shares: [Learner]) -> Int {
    shares.map { $0.microbatchBytes(isTraining: true) }.reduce(0, +)
  }

  /// The fewest classes of a thread for which dividing them pays: each thread also computes the beginning that all
  /// prompts share.
  private static var fewestClasses: Int { 4 }

  /// Divides `total` elements into `count` consecutive ranges whose lengths differ by at most one.
  private static func ranges(of total: Int, _ count: Int) -> [Range<Int>] {
    (0..<count).map { total * $0 / count..<total * ($0 + 1) / count }
  }

  /// Consecutive images that go through the text encoder together; one empty group where there are none.
  fileprivate func imageGroups(of count: Int) -> [Range<Int>] {
    guard count > imagesPerMicrobatch else { return [0..<count] }
    return stride(from: 0, to: count, by: imagesPerMicrobatch).map { $0..<min($0 + imagesPerMicrobatch, count) }
  }

  /// `transform` of each group, in their order: whole rounds with a thread for each group, so that threads meet once a
  /// round and not in every operation, and what is left with all threads for each.
  fileprivate func map(
    _ groups: [Range<Int>], _ transform: @Sendable (Range<Int>) throws -> Tensor
  ) throws -> [Tensor] {
    let even = groupsAtOnce > 1 ? groups.count / groupsAtOnce * groupsAtOnce : 0
    return try Threads.map(Array(groups[..<even]), transform) + groups[even...].map(transform)
  }
}

extension Classifier {
  /// The logits of any number of images over any number of classes.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: `[B, C]`.
  public func logits(for imageFeatures: Tensor, within budget: MemoryBudget) throws -> Tensor {
    let plan = try MicrobatchPlan(for: learner, within: budget, isTraining: false)
    let groups = plan.imageGroups(of: imageFeatures.shape[0])
    let columns = try plan.parts.map { part in
      let classifier = Classifier(clip, part)
      let rows = try plan.map(groups) { try classifier.logits(for: imageFeatures.sliced($0, axis: 0)) }
      return try rows.count == 1 ? rows[0] : Tensor.concatenated(rows, axis: 0)
    }
    return try columns.count == 1 ? columns[0] : Tensor.concatenated(columns, axis: 1)
  }
}

/// The results of a batch for the gradient of a learner's parameters.
public struct BatchGradient: Sendable {
  /// The names of the objective's terms and their values.
  public let terms: [(name: String, value: Float)]
  /// The names of those that are no part of the loss.
  let guides: Set<String>
  /// One gradient of each parameter's shape, for each term that has its own; else one list, that of the whole loss.
  public let gradients: [[Tensor]]
  /// The number of images in the batch that are predicted correctly.
  public let right: Int

  /// The sum of the terms, guides apart.
  public var loss: Float { terms.filter { !guides.contains($0.name) }.map(\.value).reduce(0, +) }
}

extension Classifier where Learner: TrainablePromptLearner {
  /// The loss of a batch and its gradient with respect to the learner's parameters.
  ///
  /// Images are independent, so the gradients of their groups add up. Where even one image's prompts are too many,
  /// classes are divided too, and the gradient is cut at the class features g: all parts go forward without a graph,
  /// the loss is differentiated with respect to g, and each part's slice of that is pulled back through the part.
  ///
  /// - Parameters:
  ///   - recipe: the loss; where it has a gradient rule, each term gets its own gradient.
  ///   - plan: the plan of ``learner``, for training; its parts may hold older parameters.
  public func gradient(
    on batch: Batch, by recipe: TrainingRecipe = .crossEntropy, _ plan: MicrobatchPlan<Learner>
  ) throws -> BatchGradient {
    if let pixels = batch.pixels { return try inTowers(pixels, batch, recipe, plan) }
    let count = batch.imageFeatures.shape[0]
    let groups = try plan.imageGroups(of: count).map { images in
      let group = try images.count == count ? batch : batch.sliced(images)
      let gradient =
        try !plan.shares.isEmpty
        ? inShares(group, recipe, plan.shares)
        : plan.parts.count == 1 ? inOnePass(group, recipe) : inParts(group, recipe, plan.parts)
      return try gradient.scaled(by: Float(images.count) / Float(count))
    }
    return try groups.dropFirst().reduce(groups[0]) { try $0 + $1 }
  }

  private func inOnePass(_ batch: Batch, _ recipe: TrainingRecipe) throws -> BatchGradient {
    var loss: Loss?
    let (values, gradients) = try valuesWithGradients(at: learner.parameters) { parameters in
      let current = try learner.replacing(parameters)
      let images = batch.imageFeatures
      let classes = try current.classFeatures(for: images)
      let computed = try Loss(of: classes, images, current, on: batch, by: recipe, clip)
      loss = computed
      return try computed.separated(recipe)
    }
    return try BatchGradient(of: loss, values, gradients, on: batch)
  }

  /// The parts one after the other: each goes forward twice, so that no more than one has its history in memory.
  private func inParts(_ batch: Batch, _ recipe: TrainingRecipe, _ parts: [Learner]) throws -> BatchGradient {
    let current = try parts.map { try $0.replacing(learner.parameters) }
    let classes = try current.map { try $0.classFeatures(for: batch.imageFeatures) }
    return try cut(at: classes, batch, recipe) { cotangents in
      try zip(current, cotangents).map { part, cotangents in
        try pullback(at: part.parameters, along: cotangents) {
          try part.replacing($0).classFeatures(for: batch.imageFeatures)
        }
      }
    }
  }

  /// The parts at once, each on a thread of its own. Threads meet twice a step and not in every operation, so that a
  /// core that another process has slows one of them and stops none. Sums are made in the order of the parts, so that
  /// the result depends on the number of threads alone.
  private func inShares(_ batch: Batch, _ recipe: TrainingRecipe, _ shares: [Learner]) throws -> BatchGradient {
    let (parameters, images) = (learner.parameters, batch.imageFeatures)
    let parts = try Threads.map(shares) { share in
      let part = try share.replacing(parameters)
      return try Linearization(at: part.parameters) { try part.replacing($0).classFeatures(for: images) }
    }
    return try cut(at: parts.map(\.value), batch, recipe) { cotangents in
      try Threads.map(Array(zip(parts, cotangents))) { part, cotangents in try part.pulledBack(along: cotangents) }
    }
  }

  /// The loss differentiated with respect to the class features, and each part's slice of that pulled back.
  ///
  /// - Parameters:
  ///   - classes: the class features of consecutive parts, each `[1 or B, C of the part, E]`.
  ///   - pulledBack: makes of each part's cotangents, one for each term that has its own, the gradients of that part, by
  ///     term and parameter.
  private func cut(
    at classes: [Tensor], _ batch: Batch, _ recipe: TrainingRecipe,
    _ pulledBack: ([[Tensor]]) throws -> [[[Tensor]]]
  ) throws -> BatchGradient {
    var loss: Loss?
    let (values, slopes) = try valuesWithGradients(at: [Tensor.concatenated(classes, axis: 1)]) { variables in
      let computed = try Loss(of: variables[0], batch.imageFeatures, learner, on: batch, by: recipe, clip)
      loss = computed
      return try computed.separated(recipe)
    }
    var start = 0
    let cotangents = try classes.map { part in
      let range = start..<start + part.shape[1]
      start = range.upperBound
      return try slopes.map { try $0[0].sliced(range, axis: 1) }
    }
    let gradients = try pulledBack(cotangents)
    let sum = try gradients.dropFirst().reduce(gradients[0], added)
    return try BatchGradient(of: loss, values, sum, on: batch)
  }
}

/// The terms of a batch's loss, and the logits that give the answers.
struct Loss {
  let terms: [LossTerm]
  let logits: Tensor

  init(
    of classes: Tensor, _ images: Tensor, _ learner: some PromptLearner, on batch: Batch, by recipe: TrainingRecipe,
    _ clip: CLIPModel
  ) throws {
    let student = try learner.features(of: images, classes, scale: clip.logitScale)
    let teacher = try recipe.teacherClasses.map { alternatives in
      let classes =
        try alternatives.shape[0] == 1
        ? alternatives : alternatives.sliced(batch.teacher..<batch.teacher + 1, axis: 0)
      return try Features(images: batch.imageFeatures, classes: classes, scale: clip.logitScale)
    }
    terms = try recipe.objective.terms(student, teacher: teacher, labels: batch.labels)
    logits = student.logits
  }

  /// The scalars that get their own gradients: each term where a rule combines them, otherwise their sum.
  func separated(_ recipe: TrainingRecipe) throws -> [Tensor] {
    guard recipe.gradientRule == nil else { return terms.map(\.value) }
    let summands = terms.filter { !$0.isGuide }.map(\.value)
    return [try summands.dropFirst().reduce(summands[0], +)]
  }
}

extension BatchGradient {
  init(of loss: Loss?, _ values: [Tensor], _ gradients: [[Tensor]], on batch: Batch) throws {
    let terms = loss?.terms ?? []
    let scalars = values.count == terms.count ? values : terms.map(\.value)
    self.init(
      terms: try zip(terms, scalars).map { ($0.name, try $1.scalar()) },
      guides: Set(terms.filter(\.isGuide).map(\.name)), gradients: gradients,
      right: try loss.map { try batch.rightAnswers(by: $0.logits) } ?? 0)
  }

  fileprivate func scaled(by share: Float) throws -> BatchGradient {
    guard share != 1 else { return self }
    return BatchGradient(
      terms: terms.map { ($0.name, $0.value * share) }, guides: guides,
      gradients: try gradients.map { try $0.map { try $0 * share } }, right: right)
  }

  fileprivate static func + (left: BatchGradient, right: BatchGradient) throws -> BatchGradient {
    BatchGradient(
      terms: zip(left.terms, right.terms).map { ($0.name, $0.value + $1.value) }, guides: left.guides,
      gradients: try added(left.gradients, right.gradients), right: left.right + right.right)
  }
}

func added(_ left: [[Tensor]], _ right: [[Tensor]]) throws -> [[Tensor]] {
  try zip(left, right).map { try zip($0, $1).map { try $0 + $1 } }
}

extension Batch {
  /// The number of images whose highest logit is their class's.
  fileprivate func rightAnswers(by logits: Tensor) throws -> Int {
    let answers = Answers(logits: try logits.floats(), labels: try labels.integers(), classes: logits.shape[1])
    return answers.isRight.count { $0 }
  }

  fileprivate func sliced(_ images: Range<Int>) throws -> Batch {
    try Batch(
      imageFeatures: imageFeatures.sliced(images, axis: 0), labels: labels.sliced(images, axis: 0), teacher: teacher)
  }
}
