/// How often a training writes down where it stands. Whatever stops it costs no more than what came after that.
public enum CheckpointInterval: Sendable, Equatable {
  /// As often as a hundredth of the time allows: after a step once ten seconds have passed, after an epoch at once, but never
  /// before a hundred times as long has passed as the last checkpoint took to write.
  case automatic
  /// After every so many steps of an epoch, and after every epoch.
  case steps(Int)

  /// - Parameters:
  ///   - step: the number of the step that was made, from 1; `nil` at the end of an epoch.
  ///   - elapsed: since the last checkpoint.
  ///   - cost: what that took to write.
  package func isDue(after step: Int?, elapsed: Duration, cost: Duration) -> Bool {
    switch self {
    case .automatic: elapsed >= cost * 100 && (step == nil || elapsed >= .seconds(10))
    case .steps(let count): step.map { $0.isMultiple(of: max(1, count)) } ?? true
    }
  }
}
