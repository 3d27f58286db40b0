import ClassificationMetrics
import CLIP
import Support
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
  ///
  /// Where several processes train, all their shares; this process computes the team's share of them.
  package let shares: [Learner]
  /// Whether this process's shares go through the encoder at once, or one after the other.
  let isAtOnce: Bool
  /// The processes that compute the shares.
  let team: TrainingTeam
  public let imagesPerMicrobatch: Int
  /// The number of groups of images that go through at once, each on a thread of its own: where nothing is trained, as
  /// many as there are threads, if the budget holds them.
  private let groupsAtOnce: Int
  let budget: MemoryBudget

  /// Where the learner computes.
  let device: Device

  /// - Parameters:
  ///   - isTraining: whether hidden states are kept for a gradient.
  ///   - device: where the learner computes. An accelerator divides each operation itself, so nothing is divided over
  ///     threads, and takes as many images at a time as the budget holds.
  ///   - team: the processes of the training.
  /// - Throws: ``LearningError`` where the classes cannot be divided over several processes.
  public init(
    for learner: Learner, within budget: MemoryBudget, isTraining: Bool, on device: Device = .cpu,
    by team: TrainingTeam = .alone
  ) throws {
    guard team.isAlone else {
      guard !device.isAccelerator else {
        throw LearningError.undividable(
          "Processes exchange values of the CPU alone, and this one computes on \(device)")
      }
      self = try Self(for: learner, within: team.memory ?? budget, dividedBy: team)
      return
    }
    let budget = budget.resolved(on: device)
    (self.budget, self.device) = (budget, device)
    self.team = team
    isAtOnce = true
    let bytes = learner.microbatchBytes(isTraining: isTraining)
    // Even one class may exceed a budget; the parts are then as small as possible.
    let isDivisible = learner.actsThroughClassFeatures
    let count = isDivisible ? min(learner.classNames.count, max(1, (bytes - 1) / budget.bytes + 1)) : 1
    parts =
      try count == 1
      ? [learner] : (0..<count).map { try learner.restricted(to: learner.classNames.count.part($0, of: count)) }
    let shares =
      isTraining && isDivisible && count == 1 && !device.isAccelerator
      ? try Self.shares(of: learner, threads: team.threads, within: budget) : []
    self.shares = shares
    // The parts go through the encoder one after the other, the shares at once.
    let largest =
      shares.isEmpty
      ? parts.map { $0.microbatchBytes(isTraining: isTraining) }.max() ?? 0 : Self.trainingBytes(of: shares)
    groupsAtOnce =
      !isTraining && !device.isAccelerator && largest <= budget.bytes / Threads.count ? Threads.count : 1
    let fastest = learner.imagesPerMicrobatch
    let fitting = budget.bytes / max(1, largest) / groupsAtOnce
    imagesPerMicrobatch =
      fastest == .max ? .max : max(1, min(fitting, isTraining || device.isAccelerator ? .max : fastest))
  }

  /// The plan of a training on several processes, which is the same for each of them.
  private init(for learner: Learner, within budget: MemoryBudget, dividedBy team: TrainingTeam) throws {
    self.team = team
    (self.budget, device) = (budget, .cpu)
    let classes = learner.classNames.count
    guard learner.actsThroughClassFeatures || learner.imagePrompts != nil else {
      throw LearningError.undividable("What this method learns acts on images and not through the classes' features")
    }
    guard !learner.learnsClassFeatures || classes >= team.parts else {
      throw LearningError.undividable("\(classes) classes are fewer than the \(team.parts) threads of all processes")
    }
    parts = [learner]
    let shares = learner.learnsClassFeatures ? try Self.divided(learner, into: team.parts) : []
    self.shares = shares
    let largest =
      (0..<team.communicator.size).map { rank in
        Self.trainingBytes(of: Array(shares[team.share(of: shares.count, rank: rank)]))
      }.max() ?? 0
    isAtOnce = largest <= budget.bytes
    groupsAtOnce = 1
    // As many as in one process that computes all shares, where its memory holds them.
    let bytes = Self.trainingBytes(of: shares)
    let images = budget.bytes / max(1, bytes <= budget.bytes ? bytes : largest)
    imagesPerMicrobatch = learner.imagesPerMicrobatch == .max || bytes == 0 ? .max : max(1, images)
  }

  /// - Returns: one share of the classes for each thread; none where that does not pay, or where the shares, which all
  ///   repeat the beginning of the prompts, exceed a budget that holds the undivided learner.
  private static func shares(
    of learner: Learner, threads: Int, within budget: MemoryBudget
  ) throws -> [Learner] {
    let classes = learner.classNames.count
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

  /// `transform` of each of many groups: each with one thread, so that how many there are makes no difference to one;
  /// with all threads where the budget holds one group alone.
  fileprivate func mapAlike(_ groups: [Tensor], _ transform: @Sendable (Tensor) throws -> Tensor) throws -> [Tensor] {
    try groupsAtOnce > 1 ? Threads.map(groups, transform) : groups.map(transform)
  }
}

extension Classifier {
  /// The logits of any number of images over any number of classes.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows, on any device.
  /// - Returns: `[B, C]`, on the model's device.
  public func logits(for imageFeatures: Tensor, within budget: MemoryBudget) throws -> Tensor {
    let imageFeatures = try imageFeatures.on(clip.device)
    let plan = try MicrobatchPlan(for: learner, within: budget, isTraining: false, on: clip.device)
    let groups = plan.imageGroups(of: imageFeatures.shape[0])
    let columns = try plan.parts.map { part in
      let classifier = Classifier(clip, part)
      let rows = try plan.map(groups) { try classifier.logits(for: imageFeatures.sliced($0, axis: 0)) }
      return try rows.count == 1 ? rows[0] : Tensor.concatenated(rows, axis: 0)
    }
    return try columns.count == 1 ? columns[0] : Tensor.concatenated(columns, axis: 1)
  }
}

extension Classifier {
  /// The logits of blocks of images. Each block's are the same, to the bit, whichever other blocks are given.
  ///
  /// - Parameter blocks: image features `[b, E]`, unit rows, on the model's device.
  /// - Returns: `[b, C]` of each block.
  func logits(for blocks: [Tensor], within budget: MemoryBudget) throws -> [Tensor] {
    let plan = try MicrobatchPlan(for: learner, within: budget, isTraining: false, on: clip.device)
    let divided = try blocks.map { block in
      try plan.imageGroups(of: block.shape[0]).map { try block.sliced($0, axis: 0) }
    }
    let groups = divided.flatMap(\.self)
    let columns = try plan.parts.map { part in
      let classifier = Classifier(clip, part)
      return try plan.mapAlike(groups) { try classifier.logits(for: $0) }
    }
    var start = 0
    return try divided.map { groups in
      let range = start..<start + groups.count
      start = range.upperBound
      return try Tensor.concatenated(columns.map { try Tensor.concatenated(Array($0[range]), axis: 0) }, axis: 1)
    }
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
  /// Whether every gradient is finite, where the recipe scales losses; else nobody asks.
  let isFinite: Bool

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
    try unreadGradient(on: batch, by: recipe, plan).read()
  }

  /// The same without reading a value, so that an accelerator need not be waited for.
  func unreadGradient(
    on batch: Batch, by recipe: TrainingRecipe, _ plan: MicrobatchPlan<Learner>
  ) throws -> UnreadGradient {
    let gradient = try scaledGradient(on: batch, by: recipe, plan)
    guard let factor = recipe.lossScale else { return gradient }
    return try gradient.unscaled(from: factor)
  }

  /// The gradient of the loss times the recipe's factor.
  private func scaledGradient(
    on batch: Batch, by recipe: TrainingRecipe, _ plan: MicrobatchPlan<Learner>
  ) throws -> UnreadGradient {
    if let pixels = batch.pixels { return try inTowers(pixels, batch, recipe, plan) }
    let count = batch.imageFeatures.shape[0]
    let groups = try plan.imageGroups(of: count).map { images in
      let group = try images.count == count ? batch : batch.sliced(images)
      let gradient =
        try !plan.shares.isEmpty
        ? inShares(group, recipe, plan)
        : plan.parts.count == 1 ? inOnePass(group, recipe) : inParts(group, recipe, plan.parts)
      return try gradient.scaled(by: Float(images.count) / Float(count))
    }
    return try groups.dropFirst().reduce(groups[0]) { try $0 + $1 }
  }

  private func inOnePass(_ batch: Batch, _ recipe: TrainingRecipe) throws -> UnreadGradient {
    var loss: Loss?
    let (values, gradients) = try valuesWithGradients(at: learner.parameters) { parameters in
      let current = try learner.replacing(parameters)
      let images = batch.imageFeatures
      let classes = try current.classFeatures(for: images)
      let computed = try Loss(of: classes, images, current, on: batch, by: recipe, clip)
      loss = computed
      return try computed.separated(recipe)
    }
    return UnreadGradient(of: loss, values, gradients, on: batch, by: recipe)
  }

  /// The parts one after the other: each goes forward twice, so that no more than one has its history in memory.
  private func inParts(_ batch: Batch, _ recipe: TrainingRecipe, _ parts: [Learner]) throws -> UnreadGradient {
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

  /// The shares at once, each on a thread of its own, or of another process. Threads meet twice a step and not in every
  /// operation, so that a core that another process has slows one of them and stops none. Sums are made in the order of
  /// the shares, so that the result depends on their number alone.
  private func inShares(
    _ batch: Batch, _ recipe: TrainingRecipe, _ plan: MicrobatchPlan<Learner>
  ) throws -> UnreadGradient {
    let (parameters, images, team) = (learner.parameters, batch.imageFeatures, plan.team)
    let own = try plan.shares[team.share(of: plan.shares.count)].map { try $0.replacing(parameters) }
    let forward =
      try plan.isAtOnce
      ? Threads.map(own) { part in
        try Linearization(at: parameters) { try part.replacing($0).classFeatures(for: images) }
      } : nil
    let values = try forward?.map(\.value) ?? own.map { try $0.classFeatures(for: images) }
    let all = try team.gathered(
      values, leading: plan.shares.map { [values[0].shape[0], $0.classNames.count] })
    return try cut(at: all, batch, recipe) { cotangents in
      let cotangents = Array(cotangents[team.share(of: all.count)])
      let gradients =
        try forward.map { try Threads.map(Array(zip($0, cotangents))) { try $0.pulledBack(along: $1) } }
        ?? zip(own, cotangents).map { part, cotangents in
          try pullback(at: parameters, along: cotangents) { try part.replacing($0).classFeatures(for: images) }
        }
      return try team.gathered(
        gradients, shapes: parameters.map(\.shape), terms: cotangents[0].count, of: all.count)
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
  ) throws -> UnreadGradient {
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
    return UnreadGradient(of: loss, values, sum, on: batch, by: recipe)
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
    let teacher = try (recipe.drawnTeacher(batch.teacher) ?? recipe.teacherClasses).map {
      try Features(images: batch.imageFeatures, classes: $0, scale: clip.logitScale)
    }
    terms = try recipe.objective.terms(student, teacher: teacher, labels: batch.labels)
    logits = student.logits
  }

  /// The scalars that get their own gradients: each term where a rule combines them, otherwise their sum; times the
  /// recipe's factor.
  func separated(_ recipe: TrainingRecipe) throws -> [Tensor] {
    let scalars = try recipe.gradientRule == nil ? [sum] : terms.map(\.value)
    return try recipe.lossScale.map { factor in try scalars.map { try $0 * factor } } ?? scalars
  }

  private var sum: Tensor {
    get throws {
      let summands = terms.filter { !$0.isGuide }.map(\.value)
      return try summands.dropFirst().reduce(summands[0], +)
    }
  }
}

/// A ``BatchGradient`` whose loss nobody has read: reading waits for an accelerator, so a step reads when all is begun.
struct UnreadGradient {
  /// The names of the objective's terms and their values, scalars.
  let terms: [(name: String, value: Tensor)]
  let guides: Set<String>
  let gradients: [[Tensor]]
  /// The logits of each group of images, `[b, C]`, and its labels, `[b]`.
  let answers: [(logits: Tensor, labels: Tensor)]
  /// 1 where every gradient is finite, else 0, where losses were scaled.
  private var finite: Tensor?

  /// - Parameter values: of the terms; where losses were scaled, or the terms were added up, those of `loss` count.
  init(of loss: Loss?, _ values: [Tensor], _ gradients: [[Tensor]], on batch: Batch, by recipe: TrainingRecipe) {
    let terms = loss?.terms ?? []
    let scalars = values.count == terms.count && recipe.lossScale == nil ? values : terms.map(\.value)
    self.init(
      terms: zip(terms, scalars).map { ($0.name, $1) }, guides: Set(terms.filter(\.isGuide).map(\.name)),
      gradients: gradients, answers: loss.map { [($0.logits, batch.labels)] } ?? [])
  }

  private init(
    terms: [(name: String, value: Tensor)], guides: Set<String>, gradients: [[Tensor]],
    answers: [(logits: Tensor, labels: Tensor)]
  ) {
    (self.terms, self.guides, self.gradients, self.answers) = (terms, guides, gradients, answers)
  }

  fileprivate func scaled(by share: Float) throws -> UnreadGradient {
    guard share != 1 else { return self }
    return UnreadGradient(
      terms: try terms.map { ($0.name, try $0.value * share) }, guides: guides,
      gradients: try gradients.map { try $0.map { try $0 * share } }, answers: answers)
  }

  fileprivate static func + (left: UnreadGradient, right: UnreadGradient) throws -> UnreadGradient {
    UnreadGradient(
      terms: try zip(left.terms, right.terms).map { ($0.name, try $0.value + $1.value) }, guides: left.guides,
      gradients: try added(left.gradients, right.gradients), answers: left.answers + right.answers)
  }

  /// The gradients divided by the factor that the losses had.
  fileprivate func unscaled(from factor: Float) throws -> UnreadGradient {
    var unscaled = UnreadGradient(
      terms: terms, guides: guides, gradients: try gradients.map { try $0.map { try $0 * (1 / factor) } },
      answers: answers)
    unscaled.finite = try .allFinite(Array(gradients.joined()))
    return unscaled
  }

  /// Reads the terms and counts the right answers.
  func read() throws -> BatchGradient {
    if terms.first?.value.device.isAccelerator == true { return try begun().read() }
    let right = try answers.map { logits, labels in
      Answers(logits: try logits.floats(), labels: try labels.integers(), classes: logits.shape[1]).isRight.count { $0 }
    }
    return BatchGradient(
      terms: try terms.map { ($0.name, try $0.value.scalar()) }, guides: guides, gradients: gradients,
      right: right.reduce(0, +), isFinite: try finite.map { try $0.scalar() == 1 } ?? true)
  }

  /// The same in one tensor for all that is read, so that an accelerator is waited for once.
  func begun() throws -> BegunGradient {
    let counts = try answers.map { try $0.logits.rightAnswers($0.labels) }
    let numbers = terms.map(\.value) + counts + (finite.map { [$0] } ?? [])
    return BegunGradient(
      layout: BegunGradient.Layout(
        terms: terms.map(\.name), guides: guides, groups: counts.count, isScaled: finite != nil,
        parameters: gradients[0].count),
      tensors: [try .concatenated(numbers.map { try $0.reshaped([1]) }, axis: 0)] + gradients.joined())
  }
}

/// A ``BatchGradient`` as tensors of an accelerator: what its operations leave, whoever begins them.
struct BegunGradient: Sendable {
  /// The meaning of the tensors.
  struct Layout: Sendable {
    let terms: [String]
    let guides: Set<String>
    /// The groups of images whose right answers are counted.
    let groups: Int
    /// Whether losses were scaled, and it is known whether all gradients are finite.
    let isScaled: Bool
    /// How many parameters have a gradient, for each term that has its own.
    let parameters: Int
  }

  let layout: Layout
  /// The values to be read, [terms + groups, and one more where losses were scaled]; then the gradients, term by term.
  let tensors: [Tensor]

  var gradients: [[Tensor]] {
    stride(from: 1, to: tensors.count, by: layout.parameters).map { Array(tensors[$0..<$0 + layout.parameters]) }
  }

  /// Waits for the device.
  func read() throws -> BatchGradient {
    let numbers = try tensors[0].floats()
    let count = layout.terms.count
    return BatchGradient(
      terms: Array(zip(layout.terms, numbers)), guides: layout.guides, gradients: gradients,
      right: numbers[count..<count + layout.groups].map { Int($0) }.reduce(0, +),
      isFinite: !layout.isScaled || numbers.last == 1)
  }
}

func added(_ left: [[Tensor]], _ right: [[Tensor]]) throws -> [[Tensor]] {
  try zip(left, right).map { try zip($0, $1).map { try $0 + $1 } }
}

extension Batch {
  fileprivate func sliced(_ images: Range<Int>) throws -> Batch {
    try Batch(
      imageFeatures: imageFeatures.sliced(images, axis: 0), labels: labels.sliced(images, axis: 0), teacher: teacher)
  }
}
