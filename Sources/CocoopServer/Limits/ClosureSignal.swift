import Synchronization

/// Tells whoever asked that a connection's client is gone.
final class ClosureSignal: Sendable {
  private struct State {
    var isClosed = false
    var watchers: [Int: @Sendable () -> Void] = [:]
    var next = 0
  }

  private let state = Mutex(State())

  func close() {
    let watchers = state.withLock { state in
      defer { state.watchers = [:] }
      state.isClosed = true
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher() }
  }

  /// Runs `body`, which is cancelled when the client goes away.
  func whileOpen<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
    let task = Task { try await body() }
    let key = state.withLock { state -> Int? in
      guard !state.isClosed else { return nil }
      state.next += 1
      state.watchers[state.next] = { task.cancel() }
      return state.next
    }
    guard let key else {
      task.cancel()
      return try await task.value
    }
    defer { state.withLock { _ = $0.watchers.removeValue(forKey: key) } }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
