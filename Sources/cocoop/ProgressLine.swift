import Foundation

/// Progress on standard error: one line that is drawn over on a terminal, a plain line now and then elsewhere.
final class ProgressLine {
  private let label: String
  private let isQuiet: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  /// When the first unit was done, and how many were by then: a continued run does not begin at 0.
  private var begun: (time: ContinuousClock.Instant, done: Int)?
  private var lastDrawn: ContinuousClock.Instant?

  init(_ label: String, isQuiet: Bool) {
    self.label = label
    self.isQuiet = isQuiet
  }

  /// - Parameters:
  ///   - done: of `total` units, such as images.
  ///   - note: something that changes, such as the loss.
  func update(_ done: Int, of total: Int, unit: String, note: String = "") {
    guard !isQuiet else { return }
    let now = ContinuousClock.now
    guard let begun else {
      begun = (now, done)
      return
    }
    let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
    guard done == total || now - (lastDrawn ?? begun.time) >= pause else { return }
    lastDrawn = now
    let seconds = (now - begun.time) / .seconds(1)
    let rate = Double(done - begun.done) / max(seconds, 1e-9)
    let left = Double(total - done) / max(rate, 1e-9)
    let text =
      "\(label): \(done)/\(total) \(unit), \(String(format: rate < 10 ? "%.1f" : "%.0f", rate))/s"
      + (done < total ? ", \(Self.time(left)) left" : ", \(Self.time(seconds))") + (note.isEmpty ? "" : ", \(note)")
    write(isTerminal ? "\r\u{1B}[K\(bar(done, of: total)) \(text)" + (done == total ? "\n" : "") : text + "\n")
  }

  private func bar(_ done: Int, of total: Int) -> String {
    let filled = total == 0 ? 20 : 20 * done / total
    return String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// Such as "12 s" or "3:05".
  private static func time(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    return whole < 60 ? "\(whole) s" : String(format: "%d:%02d", whole / 60, whole % 60)
  }
}
