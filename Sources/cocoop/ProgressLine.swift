import Experiments
import Foundation

/// Progress on standard error: one line that is drawn over on a terminal, a line a minute elsewhere.
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
  ///   - done: of `total` units, such as images.
  ///   - note: something that changes, such as the loss.
  func update(_ done: Int, of total: Int, unit: String, note: String = "") {
    guard !isQuiet else { return }
    let now = ContinuousClock.now
    guard let (start, text) = begun else {
      // The time of the first unit is unknown, so that its rate is too.
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

  /// Of the terminal as it is now, less the last one: a terminal breaks a line that fills it. 79 where it does not say.
  private var columns: Int {
    var size = winsize()
    let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return (isKnown ? Int(size.ws_col) : 80) - 1
  }

  private func write(_ text: String) { StandardError.write(text) }
}
