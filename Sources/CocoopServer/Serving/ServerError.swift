import Foundation
import Logging
import Support

/// The reason why a server does not start, or did not stop as it should.
public struct ServerError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension ServerError {
  public static func publicWithoutToken(host: String) -> Self {
    Self(
      "\(host) can be reached from other machines, and no token guards the server",
      remedy: "Give --token-file, or --allow-public where a proxy or firewall guards it")
  }

  /// An invalid origin among those whose pages may read answers.
  public static func origin(found: String, problem: String) -> Self {
    Self(
      "'\(found)' is no origin that can be allowed: \(problem)",
      remedy: "Give what browsers send, such as https://example.org or http://localhost:3000, or * for any page")
  }

  public static func tokenFile(path: String, problem: String) -> Self {
    Self(
      "The token file \(path) cannot be used: \(problem)",
      remedy: "Put a random token of 16 characters or more on its first line, such as 'openssl rand -hex 32' prints")
  }

  public static func cannotListen(host: String, port: Int, reason: String) -> Self {
    Self("Cannot listen on \(host) port \(port): \(reason)", remedy: "Choose another --host or --port")
  }

  public static func missingResource(name: String) -> Self {
    Self("The server's own file \(name) is missing", remedy: "Build or install the package again")
  }
}

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

  /// Writes the whole line, even where a signal interrupts the call or a pipe accepts only a part of it at a time.
  package static func write(_ line: String, to descriptor: Int32 = STDERR_FILENO) {
    // One call for the whole line where the system accepts it, so that lines of several threads do not mix.
    var bytes = Array(line.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      bytes = bytes.dropFirst(written)
    }
  }
}
