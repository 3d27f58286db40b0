import Explanations
import Foundation
import Logging

/// A log handler that writes each message as one line to standard error: time, level, message, `key=value`.
///
/// A line that cannot be written, because the disk is full or the reader has gone, is lost; the service continues.
package struct StderrLogHandler: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var logLevel = Logger.Level.info

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
      .map { " \($0.key == "hb.request.id" ? "request" : $0.key)=\("\($0.value)".onOneLine)" }.joined()
    let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    Self.write("\(time) \(event.level.rawValue) \("\(event.message)".onOneLine)\(fields)\n")
  }

  /// Writes all of the line, also where a signal interrupts the call or a pipe takes a part of it at a time.
  package static func write(_ line: String, to descriptor: Int32 = STDERR_FILENO) {
    // One call for the whole line where the system takes it, so that lines of several threads do not mix.
    var bytes = Array(line.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      bytes = bytes.dropFirst(written)
    }
  }
}
