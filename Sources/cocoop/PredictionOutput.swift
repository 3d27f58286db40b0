import ArgumentParser
import Foundation
import Prediction

/// Writes predictions to standard output as they come, and reports photos that cannot be read on standard error too.
struct PredictionOutput {
  private let format: PredictionFormat
  private var photos = 0
  private var failures = 0

  /// - Throws: ``PredictionError/output(reason:)`` where standard output is closed.
  init(_ format: PredictionFormat) throws {
    self.format = format
    try StandardOutput.check()
  }

  mutating func write(_ prediction: Prediction) throws {
    let text = try format.text(of: prediction, isFirst: photos == 0)
    try StandardOutput.write(photos == 0 ? format.opening + text : text)
    photos += 1
    if let error = prediction.error {
      failures += 1
      complain(error)
    }
  }

  /// - Throws: `ExitCode` where a photo could not be read.
  func finish() throws {
    try StandardOutput.write((photos == 0 ? format.opening : "") + format.closing(isEmpty: photos == 0))
    guard failures > 0 else { return }
    if photos > 1 { complain("\(failures) of \(photos) photos could not be read.") }
    throw ExitCode.failure
  }

  private func complain(_ text: String) { StandardError.write("Error: \(text)\n") }
}

/// Standard output, for results.
enum StandardOutput {
  /// - Throws: ``PredictionError/output(reason:)`` where it is closed. This is checked before anything is opened: the
  ///   next opened file would take its descriptor.
  static func check() throws {
    guard fcntl(STDOUT_FILENO, F_GETFD) >= 0 else { throw PredictionError.output(reason: "it is closed") }
  }

  /// Writes at once, so that a reader at the other end of a pipe need not wait.
  static func write(_ text: String) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      // The reader has gone, as with `| head`: that is not a fault.
      if written < 0, errno == EPIPE { throw ExitCode.failure }
      guard written > 0 else { throw PredictionError.output(reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(written)
    }
  }
}

/// Standard error, for everything that is not a result. What cannot be written there, such as on a full disk, is lost:
/// Foundation's handle would end the process instead.
enum StandardError {
  static func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}
