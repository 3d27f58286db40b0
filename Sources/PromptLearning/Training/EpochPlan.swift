import Images
import Support

/// The plan of an epoch: the order of the images and a view of each, drawn before anything is decoded.
///
/// Decoding and encoding draw nothing. They may run in parallel with the steps, and an epoch that resumes in its middle
/// may skip the groups that are done.
struct EpochPlan: Sendable {
  /// Steps whose views are encoded together: the encoder is frozen, so no step changes the next one's features. A
  /// view's feature can depend, in its last bit, on the others in its batch; hence a group is always encoded whole.
  struct Group: Sendable {
    /// The first step's number, from 0.
    let firstStep: Int
    /// The views of each step.
    let steps: [[ViewDraw]]
    /// Which of the alternative teachers each step has.
    let teachers: [Int]

    var draws: [ViewDraw] { steps.flatMap { $0 } }
  }

  let groups: [Group]
  let stepCount: Int
  let imageCount: Int

  /// - Parameters:
  ///   - teachers: how many teachers each step may draw one of.
  ///   - generator: in its state at the beginning of the epoch; left in the state for the next epoch.
  init(
    images: Int, batchSize: Int, keepsLastBatch: Bool = false, groupSize: Int = FeatureExtractor.batchSize,
    of views: TrainingViews, teachers: Int = 1, using generator: inout SeededGenerator
  ) {
    var steps = Array(0..<images).shuffled(using: &generator).chunks(ofCount: batchSize)
    // Batches of equal size; a smaller last one is dropped, unless it is the only one.
    if !keepsLastBatch, steps.count > 1, let last = steps.last, last.count < batchSize { steps.removeLast() }
    let draws = steps.map { $0.map { views.draw(of: $0, using: &generator) } }
    let drawn = draws.map { _ in teachers > 1 ? Int.random(in: 0..<teachers, using: &generator) : 0 }
    let stride = max(1, groupSize / batchSize)
    groups = draws.chunks(ofCount: stride).enumerated().map { index, steps in
      let first = index * stride
      return Group(firstStep: first, steps: steps, teachers: Array(drawn[first..<first + steps.count]))
    }
    stepCount = steps.count
    imageCount = steps.reduce(0) { $0 + $1.count }
  }

  /// The groups with steps that are left.
  ///
  /// - Parameter steps: the number of steps that are done.
  func groups(after steps: Int) -> [Group] {
    groups.filter { $0.firstStep + $0.steps.count > steps }
  }
}

/// One use of a training image.
struct ViewDraw: Sendable, Equatable {
  /// The index among the training images.
  let image: Int
  /// The view: the seed of a fresh one, the index of a stored one.
  let view: UInt64
  /// A second view, for frozen CLIP; `nil` where it sees the first.
  var other: UInt64?
}
