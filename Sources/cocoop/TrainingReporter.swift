import Foundation
import PromptLearning
import Runs

/// Shows the progress of a training.
final class TrainingReporter {
  private let label: String
  private let epochs: Int
  private let views: ProgressLine
  private let steps: ProgressLine
  private let fits: ProgressLine
  private let printing: OutputOptions
  /// The epoch and the step of the last completed step.
  private var last: (epoch: Int, step: Int)?
  /// The losses of the epoch's steps in this process.
  private var losses: (epoch: Int, sum: Double, count: Int) = (0, 0, 0)

  init(_ label: String, epochs: Int, _ printing: OutputOptions) {
    self.label = label
    self.epochs = epochs
    self.printing = printing
    views = printing.progress("\(label), encoding views")
    steps = printing.progress(label)
    fits = printing.progress("\(label), choosing the penalty")
  }

  /// A sentence about the last saved step after an early end, and a space; empty before the first step.
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
    case .otherDevice(let begun, let now):
      printing.remark(
        "note: \(label) began on \(begun) and continues on \(now): what it learns may differ in its last bits from a run"
          + " without a break.")
    case .lessMemory(let budget):
      printing.remark(
        "note: the device has no memory left: \(label) goes on with passes of \(budget.bytes >> 20) MiB, as"
          + " --memory-budget \(budget.bytes >> 20)MiB would set from the start.")
    case .unrecorded(let reason):
      printing.remark("note: \(label) begins operations one by one, since its steps could not be recorded: \(reason).")
    case .skipped(let steps, let epoch):
      printing.remark(
        "note: \(label) skipped \(steps) \(steps == 1 ? "step" : "steps") of epoch \(epoch), whose gradients were not"
          + " finite in float16, and multiplied losses by less.")
    case .views(let encoded, let total): views.update(encoded, of: total, unit: "views")
    case .choice(let sentence): printing.remark("note: \(sentence).")
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

/// Shows progress on standard error: one line that is redrawn on a terminal, a line a minute elsewhere.
final class ProgressLine {
  private let label: String
  private let isQuiet: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var begun: (time: ContinuousClock.Instant, text: ProgressText)?
  private var lastDrawn: ContinuousClock.Instant?

  init(_ label: String, isQuiet: Bool) {
    self.label = label
    self.isQuiet = isQuiet
  }

  /// - Parameters:
  ///   - done: the number of finished units, such as images, of `total`.
  ///   - note: a changing text, such as the loss.
  func update(_ done: Int, of total: Int, unit: String, note: String = "") {
    guard !isQuiet else { return }
    let now = ContinuousClock.now
    guard let (start, text) = begun else {
      // The time of the first unit is unknown, so its rate is too.
      begun = (now, ProgressText(label, unit: unit, from: done))
      return
    }
    let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(60)
    guard done == total || now - (lastDrawn ?? start) >= pause else { return }
    lastDrawn = now
    let seconds = (now - start) / .seconds(1)
    let line = text.line(done, of: total, after: seconds, note: note, columns: isTerminal ? columns : nil)
    write(isTerminal ? "\r\u{1B}[K\(line)" + (done == total ? "\n" : "") : line + "\n")
  }

  /// The present width of the terminal, minus one column: a terminal breaks a line that fills it. 79 where it is
  /// unknown.
  private var columns: Int {
    var size = winsize()
    let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return (isKnown ? Int(size.ws_col) : 80) - 1
  }

  private func write(_ text: String) { StandardError.write(text) }
}
