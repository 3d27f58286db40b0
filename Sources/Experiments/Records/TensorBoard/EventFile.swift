import Explanations
import Foundation

/// A file that TensorBoard reads while it grows: `events.out.tfevents.TIME.NAME`.
package final class EventFile {
  private let file: AppendedFile

  /// Begins a new file, beside whatever files are there.
  ///
  /// TensorBoard reads the files of a folder in the order of their names, so that a new one must have a later time
  /// than all others, even where the clock was set back.
  ///
  /// - Parameters:
  ///   - step: from which what earlier files say no longer counts; `nil` where all of it does.
  ///   - name: a file that has it already is replaced.
  /// - Throws: `WritingError`.
  package init(in folder: URL, restartingAt step: Int? = nil, name: String = "training") throws {
    let earlier = try Self.files(in: folder)
    let latest = earlier.compactMap { Int($0.time) }.max() ?? 0
    let time = max(Int(Date.now.timeIntervalSince1970), latest + 1)
    file = try AppendedFile(folder.appending(path: "\(Self.prefix)\(Self.padded(time)).\(name)"))
    try append(.fileVersion, step: 0)
    if let step { try append(.start, step: step) }
    if name != "training" {
      for old in earlier where old.name == name { unlink(folder.appending(path: old.path).path) }
    }
  }

  /// - Throws: `WritingError`.
  func append(_ message: EventMessage, step: Int) throws {
    try file.append(message.record(time: Date.now.timeIntervalSince1970, step: step))
  }

  static let prefix = "events.out.tfevents."

  private static func padded(_ time: Int) -> String {
    let digits = String(time)
    return String(repeating: "0", count: max(0, 10 - digits.count)) + digits
  }

  private static func files(in folder: URL) throws -> [(path: String, time: String, name: String)] {
    let paths = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return paths.filter { $0.hasPrefix(prefix) }.map { path in
      let parts = path.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
      return (path, String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : "")
    }
  }
}
