/// How the prompts of many images and classes go through the text encoder: in passes that a budget can hold.
///
/// Images are the cheaper to divide, since they have nothing in common. Classes are divided only where a single image's
/// prompts are too many: each part repeats the start that all prompts share.
public struct PassPlan<Learner: PromptLearner>: Sendable {
  /// The learner over consecutive ranges of its classes; usually one part, itself.
  public let parts: [Learner]
  public let imagesPerPass: Int

  /// - Parameter isTraining: whether hidden states are kept for a gradient.
  public init(for learner: Learner, within budget: MemoryBudget, isTraining: Bool) throws {
    let bytes = learner.passBytes(isTraining: isTraining)
    // Even one class may be too much for a budget; it is then as small as it gets.
    let count = min(learner.classNames.count, max(1, (bytes - 1) / budget.bytes + 1))
    parts = try count == 1 ? [learner] : Self.ranges(of: learner.classNames.count, count).map(learner.restricted(to:))
    let largest = parts.map { $0.passBytes(isTraining: isTraining) }.max() ?? 0
    let fastest = learner.imagesPerPass
    imagesPerPass = fastest == .max ? .max : max(1, min(budget.bytes / max(1, largest), isTraining ? .max : fastest))
  }

  /// `count` consecutive ranges whose lengths differ by at most one.
  private static func ranges(of total: Int, _ count: Int) -> [Range<Int>] {
    (0..<count).map { total * $0 / count..<total * ($0 + 1) / count }
  }
}
