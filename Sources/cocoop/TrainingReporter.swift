import Foundation
import PromptLearning

/// Shows where a training stands.
final class TrainingReporter {
  private let label: String
  private let epochs: Int
  private let views: ProgressLine
  private let steps: ProgressLine
  private let fits: ProgressLine
  private let printing: OutputOptions
  /// The epoch and the step of the last one made.
  private var last: (epoch: Int, step: Int)?
  /// The losses of the epoch's steps that were made here.
  private var losses: (epoch: Int, sum: Double, count: Int) = (0, 0, 0)

  init(_ label: String, epochs: Int, _ printing: OutputOptions) {
    self.label = label
    self.epochs = epochs
    self.printing = printing
    views = printing.progress("\(label), encoding views")
    steps = printing.progress(label)
    fits = printing.progress("\(label), choosing the penalty")
  }

  /// A sentence that says how far the training is kept once it has ended early, and a space; empty before the first step.
  var standing: String { last.map { "Step \($0.step) of epoch \($0.epoch) is kept. " } ?? "" }

  func report(_ progress: TrainingProgress) {
    switch progress {
    case .resumed(let epoch, let step, let damaged):
      if step > 0 { last = (epoch, step) }
      if let damaged { printing.remark("note: \(damaged) cannot be read: going on from the checkpoint before it.") }
      printing.remark("\(label): going on with epoch \(epoch)\(step > 0 ? ", after step \(step)" : "").")
    case .otherThreads(let begun, let now):
      printing.remark(
        "note: \(label) began with \(begun) and goes on with \(now) threads: its last bits may differ from those of a run"
          + " without a break. Give --threads \(begun) for the same.")
    case .views(let encoded, let total): views.update(encoded, of: total, unit: "views")
    case .penalty(let rule): if rule != .validation { printing.remark("note: \(rule.description).") }
    case .fit(let number, let count): fits.update(number, of: count, unit: "fits at most")
    case .step(let step):
      last = (step.epoch, step.number)
      if losses.epoch != step.epoch { losses = (step.epoch, 0, 0) }
      losses.sum += Double(step.loss)
      losses.count += 1
      steps.update(
        (step.epoch - 1) * step.count + step.number, of: epochs * step.count, unit: "steps",
        note: "epoch \(step.epoch)/\(epochs), mean loss \(String(format: "%.3f", losses.sum / Double(losses.count)))")
    }
  }
}
