import Explanations
import Foundation
import Logging

/// Writes each message as one line to standard error: time, level, message, `key=value`.
///
/// A line that cannot be written, because the disk is full or the reader has gone, is lost and nothing else: a service goes on.
struct LineLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
      .map { " \($0.key == "hb.request.id" ? "request" : $0.key)=\("\($0.value)".onOneLine)" }.joined()
    let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    Self.write("\(time) \(event.level.rawValue) \("\(event.message)".onOneLine)\(fields)\n")
  }

  static func write(_ line: String) {
    // One call for the whole line, so that lines of several threads do not mix.
    let bytes = Array(line.utf8)
    _ = bytes.withUnsafeBytes { Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
