import Foundation
import PromptLearning
import Support

/// The reference's output: lines that go to standard output and to `log.txt` in the output folder.
///
/// Nothing is written before ``open(in:)``, so that a run that cannot start leaves no folder: the reference's scripts
/// take an existing folder for a finished run and skip it.
final class RunLog {
  private let echo: (String) -> Void
  private var waiting: [String] = []
  private var file: FileHandle?

  init(echo: @escaping (String) -> Void) { self.echo = echo }

  func write(_ line: String) {
    echo(line)
    if let file { file.write(Data((line + "\n").utf8)) } else { waiting.append(line) }
  }

  /// Creates the folder and the file: `log.txt`, or `log.txt-DATE` where an earlier run's log exists.
  ///
  /// - Throws: `WritingError`.
  func open(in folder: URL) throws {
    var url = folder.appending(path: "log.txt")
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: folder.path, reason: "the folder cannot be made")
    }
    if FileManager.default.fileExists(atPath: url.path) {
      url = folder.appending(path: "log.txt-\(Self.timestamp)")
    }
    guard FileManager.default.createFile(atPath: url.path, contents: nil),
      let file = try? FileHandle(forWritingTo: url)
    else { throw WritingError.failed(path: url.path, reason: "the file cannot be made") }
    self.file = file
    file.write(Data(waiting.map { $0 + "\n" }.joined().utf8))
    waiting = []
  }

  private static var timestamp: String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "yyyy-MM-dd-HH-mm-ss"
    return format.string(from: .now)
  }
}

/// The lines of the log during the training: the reference's, every few steps, without values that are not measured
/// here.
struct StepLines {
  private let training: TrainingConfiguration
  private let printFrequency: Int
  private var epochSum: (loss: Double, steps: Int) = (0, 0)
  private var timing: (last: ContinuousClock.Instant, sum: Double, steps: Int) = (.now, 0, 0)

  init(_ training: TrainingConfiguration, printFrequency: Int) {
    self.training = training
    self.printFrequency = printFrequency
  }

  /// The line of a step, where it is due.
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

  /// A duration such as "0:01:23", or "2 days, 0:01:23".
  static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds)
    let days = whole / 86_400
    let clock = String(format: "%d:%02d:%02d", whole % 86_400 / 3600, whole % 3600 / 60, whole % 60)
    return days == 0 ? clock : "\(days) day\(days == 1 ? "" : "s"), \(clock)"
  }
}

/// A result in the format of the reference's log, so that its `parse_test_res.py` can parse it: the line `=> result`,
/// and after it `* accuracy: 85.3%`.
package struct ResultLines {
  private let evaluation: Evaluation
  /// Whether each class has a line.
  private let isPerClass: Bool
  private let decimals: Int

  /// - Parameter decimals: how many digits a percentage has behind the point.
  package init(_ evaluation: Evaluation, isPerClass: Bool, decimals: Int = 1) {
    self.evaluation = evaluation
    self.isPerClass = isPerClass
    self.decimals = decimals
  }

  package var lines: [String] {
    let correct = Int((evaluation.accuracy * Double(evaluation.images) / 100).rounded())
    let whole = [
      "=> result", "* total: \(Self.grouped(evaluation.images))", "* correct: \(Self.grouped(correct))",
      "* accuracy: \(percent(evaluation.accuracy))", "* error: \(percent(100 - evaluation.accuracy))",
      "* macro_f1: \(percent(evaluation.macroF1))",
    ]
    return whole + (isPerClass ? classLines : [])
  }

  private var classLines: [String] {
    let classes = evaluation.perClass.enumerated().filter { $0.element.images > 0 }
    let mean = classes.map(\.element.accuracy).reduce(0, +) / Double(max(1, classes.count))
    let lines = classes.map { label, result in
      let correct = Int((result.accuracy * Double(result.images) / 100).rounded())
      return "* class: \(label) (\(result.class))\ttotal: \(Self.grouped(result.images))\t"
        + "correct: \(Self.grouped(correct))\tacc: \(percent(result.accuracy))"
    }
    return ["=> per-class result"] + lines + ["* average: \(percent(mean))"]
  }

  private func percent(_ value: Double) -> String { String(format: "%.\(decimals)f%%", value) }

  /// The number with commas between thousands.
  private static func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.indices.reduce(into: "") { text, index in
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digits[index])
    }
  }
}
