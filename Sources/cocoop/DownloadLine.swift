import Acquisition
import Foundation
import Support
import Synchronization

/// Shows the progress of downloads on standard error, and of what is done with the files: a line that is redrawn on a
/// terminal; elsewhere a line at each tenth or each minute, and one at the end.
final class DownloadLine: Sendable {
  private let isQuiet: Bool
  private let isDrawn: Bool
  private let state = Mutex(State())

  private struct State {
    var label = ""
    var tenth = 0
    var lastLine = ContinuousClock.now
    var lastDrawn: ContinuousClock.Instant?
    var isOnLine = false
  }

  private static let clearing = "\r\u{1B}[K"

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
    let unwanted = ProcessInfo.processInfo.environment["HF_HUB_DISABLE_PROGRESS_BARS"]?.uppercased() ?? ""
    isDrawn = isatty(STDERR_FILENO) == 1 && !["1", "ON", "YES", "TRUE"].contains(unwanted)
  }

  func remark(_ text: String) {
    guard !isQuiet else { return }
    state.withLock { state in
      Self.clear(&state)
      StandardError.write(text.onOneLine + "\n")
    }
  }

  /// Takes the drawn line away, for what others print.
  func clear() { state.withLock { Self.clear(&$0) } }

  private static func clear(_ state: inout State) {
    if state.isOnLine { StandardError.write(clearing) }
    state.isOnLine = false
  }

  func update(_ progress: DownloadProgress) {
    let part = progress.total.map { (progress.bytes, $0) }
    show(Self.text(progress), label: progress.name, part: part, isFinished: progress.isFinished)
  }

  func update(_ progress: DatasetProgress) {
    let label = "\(progress.stage.rawValue) \(progress.file)"
    if !isQuiet, !isDrawn, state.withLock({ $0.label != label }) { remark(label) }
    let part = progress.total.map { (progress.done, $0) }
    show(Self.text(progress), label: label, part: part, isFinished: false)
  }

  /// - Parameters:
  ///   - label: what the line is about: tenths are counted for each.
  ///   - part: what is done, and the total where it is known.
  private func show(_ text: String, label: String, part: (done: Int, total: Int)?, isFinished: Bool) {
    guard !isQuiet else { return }
    state.withLock { state in
      if state.label != label { state = State(label: label, isOnLine: state.isOnLine) }
      let now = ContinuousClock.now
      if isDrawn {
        guard isFinished || state.lastDrawn.map({ now - $0 >= .milliseconds(100) }) ?? true else { return }
        StandardError.write(Self.clearing + text + (isFinished ? "\n" : ""))
        (state.lastDrawn, state.isOnLine) = (now, !isFinished)
        return
      }
      let tenth = part.map { $0.total > 0 ? 10 * $0.done / $0.total : 10 } ?? 0
      guard isFinished || tenth > state.tenth || now - state.lastLine >= .seconds(60) else { return }
      (state.tenth, state.lastLine) = (tenth, now)
      StandardError.write(text + "\n")
    }
  }

  /// A line such as "ViT-B-16.pt: 120.3 MB of 350.8 MB, 35.2 MB/s, 7 s left".
  static func text(_ progress: DownloadProgress) -> String {
    let name = progress.name.count > 40 ? "…" + progress.name.suffix(39) : progress.name
    if progress.isFinished { return "\(name): \(ByteCount(progress.bytes)), whole".onOneLine }
    let total = progress.total.map { " of \(ByteCount($0))" } ?? ""
    let rate = progress.bytesPerSecond.map { ", \(ByteCount(Int($0)))/s" } ?? ""
    let left = progress.secondsLeft.map { ", \(ProgressText.time($0)) left" } ?? ""
    return "\(name): \(ByteCount(progress.bytes))\(total)\(rate)\(left)".onOneLine
  }

  /// A line such as "verifying SUN397.tar.gz: 12.1 GB of 39.0 GB" or "unpacking SUN397.tar.gz: 4096 files".
  static func text(_ progress: DatasetProgress) -> String {
    let total = progress.total.map { " of \(ByteCount($0))" } ?? ""
    let done = progress.stage == .unpacking ? "\(progress.done) files" : "\(ByteCount(progress.done))\(total)"
    return "\(progress.stage.rawValue) \(progress.file): \(done)".onOneLine
  }
}
