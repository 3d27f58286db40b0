import Foundation

/// The progress of a task, in one line that fits the terminal.
package struct ProgressText: Sendable {
  private let label: String
  private let unit: String
  /// The number of units that were done at the start of the time: a resumed task does not start at 0.
  private let start: Int

  /// - Parameters:
  ///   - label: the name of the task.
  ///   - unit: the name of the counted units, such as images.
  package init(_ label: String, unit: String, from start: Int = 0) {
    self.label = label
    self.unit = unit
    self.start = start
  }

  /// - Parameters:
  ///   - done: the number of finished units, of `total`.
  ///   - seconds: the time since the first of them.
  ///   - note: a changing text, such as the loss.
  ///   - columns: the width of a terminal, whose line begins with a bar where there is room for one; parts without room
  ///     are left out, the least important first. `nil` for a line of any length.
  package func line(_ done: Int, of total: Int, after seconds: Double, note: String = "", columns: Int? = nil) -> String
  {
    let rate = Double(done - start) / max(seconds, 1e-9)
    let time =
      done >= total
      ? Self.time(seconds) : rate > 0 ? "\(Self.time(Double(total - done) / rate)) left" : "time left unknown"
    let speed = rate > 0 ? "\(String(format: rate < 10 ? "%.1f" : "%.0f", rate)) \(unit)/s" : ""
    let parts = ["\(label): \(done)/\(total) \(unit)", time, note, speed].filter { !$0.isEmpty }
    guard let columns else { return parts.joined(separator: ", ") }
    var text = String("\(label): \(done)/\(total) \(unit)".prefix(max(0, columns)))
    for part in parts.dropFirst() where text.count + 2 + part.count <= columns { text += ", \(part)" }
    let room = min(Self.barWidth, columns - text.count - 1)
    return room < Self.shortestBar ? text : "\(Self.bar(done, of: total, width: room)) \(text)"
  }

  private static let barWidth = 20
  private static let shortestBar = 5

  private static func bar(_ done: Int, of total: Int, width: Int) -> String {
    let filled = total <= 0 ? width : min(width, max(0, width * done / total))
    return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
  }

  /// A time such as "12 s", "3:05" or "26:03:05".
  package static func time(_ seconds: Double) -> String {
    guard seconds < 1e9 else { return "years" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return String(format: "%d:%02d", whole / 60, whole % 60) }
    return String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
  }
}
