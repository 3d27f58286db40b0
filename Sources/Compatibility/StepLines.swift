import Foundation
import PromptLearning

/// The lines of the log while prompts are trained: as the reference's, every few steps, without what is not measured here.
struct StepLines {
  private let training: TrainingConfiguration
  private let printFrequency: Int
  private var epochSum: (loss: Double, steps: Int) = (0, 0)
  private var timing: (last: ContinuousClock.Instant, sum: Double, steps: Int) = (.now, 0, 0)

  init(_ training: TrainingConfiguration, printFrequency: Int) {
    self.training = training
    self.printFrequency = printFrequency
  }

  /// The line of a step, where it is the turn of one.
  mutating func line(epoch: Int, step: Int, of steps: Int, loss: Float) -> String? {
    if step == 1 { (epochSum, timing.sum, timing.steps) = ((0, 0), 0, 0) }
    let now = ContinuousClock.now
    let seconds = (now - timing.last).seconds
    timing = (now, timing.sum + seconds, timing.steps + 1)
    epochSum = (epochSum.loss + Double(loss), epochSum.steps + 1)
    guard step % printFrequency == 0 || steps < printFrequency else { return nil }
    let mean = timing.sum / Double(timing.steps)
    let left = Double(steps - step + (training.epochs - epoch) * steps) * mean
    let number = { (format: String, value: Double) in String(format: format, value) }
    return [
      "epoch [\(epoch)/\(training.epochs)]", "batch [\(step)/\(steps)]",
      "time \(number("%.3f", seconds)) (\(number("%.3f", mean)))",
      "loss \(number("%.4f", Double(loss))) (\(number("%.4f", epochSum.loss / Double(epochSum.steps))))",
      "lr \(number("%.4e", Double(training.schedule(epoch: epoch))))", "eta \(Self.duration(left))",
    ].joined(separator: " ")
  }

  /// Such as "0:01:23", or "2 days, 0:01:23".
  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds)
    let days = whole / 86_400
    let clock = String(format: "%d:%02d:%02d", whole % 86_400 / 3600, whole % 3600 / 60, whole % 60)
    return days == 0 ? clock : "\(days) day\(days == 1 ? "" : "s"), \(clock)"
  }
}
