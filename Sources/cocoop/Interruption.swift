import ArgumentParser
import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C and a request to terminate into an error after the current step, so that the step can be saved.
final class Interruption: Sendable {
  private let received = Atomic<Int32>(0)
  // The sources must live as long as the process listens; nothing else touches them.
  nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

  init() {
    let queue = DispatchQueue(label: "signals")
    let pairs = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      return (number, DispatchSource.makeSignalSource(signal: number, queue: queue))
    }
    sources = pairs.map(\.1)
    for (number, source) in pairs {
      source.setEventHandler { [weak self] in
        // A second signal waits neither for the step, nor for what libraries would do at an exit while others compute.
        if let self, self.received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
      }
      source.resume()
    }
  }

  struct Received: Error {
    let signal: Int32
  }

  /// - Throws: ``Received`` once a signal was received.
  func check() throws {
    let number = received.load(ordering: .relaxed)
    if number != 0 { throw Received(signal: number) }
  }

  /// Runs `body`; when it was stopped by a signal, prints how to resume and exits with 128 plus the signal.
  func guarding<Result>(advice: @autoclosure () -> String, _ body: (Interruption) throws -> Result) throws -> Result {
    do {
      return try body(self)
    } catch let received as Received {
      StandardError.write("\nInterrupted. \(advice()).\n")
      throw ExitCode(128 + received.signal)
    }
  }
}

extension Interruption {
  /// Waits for asynchronous work, which is cancelled when a signal arrives.
  ///
  /// - Throws: what `body` throws; ``Received`` where a signal has stopped it.
  func stopping<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let ended = DispatchSemaphore(value: 0)
    let outcome = Outcome<Result>()
    let task = Task.detached {
      let result: Swift.Result<Result, any Error>
      do {
        result = .success(try await body())
      } catch {
        result = .failure(error)
      }
      outcome.value.withLock { $0 = result }
      ended.signal()
    }
    var received: (any Error)?
    while ended.wait(timeout: .now() + .milliseconds(50)) == .timedOut {
      do {
        try check()
      } catch {
        received = error
        task.cancel()
      }
    }
    let result = outcome.value.withLock { $0 }
    if case .success(let value)? = result { return value }
    if let received { throw received }
    guard case .failure(let error)? = result else { throw CancellationError() }
    throw error
  }

  private final class Outcome<Result: Sendable>: Sendable {
    let value = Mutex<Swift.Result<Result, any Error>?>(nil)
  }
}
