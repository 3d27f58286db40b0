import Synchronization

/// A flag that a connection's client is gone, with the work that ends then.
package final class DisconnectSignal: Sendable {
  private struct State {
    var isClosed = false
    var watchers: [Int: @Sendable () -> Void] = [:]
    var next = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// The number of pieces of work that wait for the signal.
  package var watcherCount: Int { state.withLock { $0.watchers.count } }

  package func close() {
    let watchers = state.withLock { state in
      defer { state.watchers = [:] }
      state.isClosed = true
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher() }
  }

  /// Runs `body`, which is cancelled when the client disconnects, and at once where it has already.
  package func whileOpen<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    let task = Task { try await body() }
    let key = state.withLock { state -> Int? in
      guard !state.isClosed else { return nil }
      state.next += 1
      state.watchers[state.next] = { task.cancel() }
      return state.next
    }
    if key == nil { task.cancel() }
    defer { if let key { state.withLock { _ = $0.watchers.removeValue(forKey: key) } } }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
