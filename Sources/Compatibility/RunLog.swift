import Explanations
import Foundation

/// What the reference prints: lines that go to standard output and to `log.txt` in the output folder.
///
/// Nothing is written before ``open(in:)``, so that a run which cannot begin leaves no folder: the reference's scripts
/// take a folder that is there for a finished run and skip it.
final class RunLog {
  private let echo: (String) -> Void
  private var waiting: [String] = []
  private var file: FileHandle?

  init(echo: @escaping (String) -> Void) { self.echo = echo }

  func write(_ line: String) {
    echo(line)
    if let file { file.write(Data((line + "\n").utf8)) } else { waiting.append(line) }
  }

  /// Makes the folder and the file: `log.txt`, or `log.txt-DATE` beside the log of a run before.
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
