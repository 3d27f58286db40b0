import Dispatch

/// Threads of their own for tests that wait for a server: Swift's shared pool has one a core, and tests that wait for a
/// process block those.
package final class OwnThreads: TaskExecutor {
  package static let shared = OwnThreads()
  private let queue = DispatchQueue(label: "hub", attributes: .concurrent)

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Runs `body` and what it starts on these threads.
  package func run<Result>(_ body: () async throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(self) { try await body() }
  }
}
