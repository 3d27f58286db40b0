import Foundation

/// Where images wait for the model, which takes as many of them together as it can.
///
/// The queue is bounded twice: by a number of images, and by the time that a new one would wait at the present speed.
/// Who is let in is answered within that time, or told that it was not.
package final class BatchQueue: @unchecked Sendable {
  // Sendable: every access to the stored properties is made under `condition`.
  private let condition = NSCondition()
  private let limits: Limits
  private var waiting: [Job] = []
  /// Images that were let in and are being decoded.
  private var expected = 0
  private var computing = 0
  private var isClosed = false
  /// A moving average over batches.
  private var secondsPerImage: Double?

  package struct Limits: Sendable {
    /// Images that may be on their way at one time.
    var images: Int
    /// Images that go through the model together.
    var batch: Int
    /// How long an image may wait for others that are being decoded.
    var gathering: Duration
    /// How long an image may wait in all.
    var patience: Duration

    package init(images: Int, batch: Int, gathering: Duration, patience: Duration) {
      self.images = images
      self.batch = batch
      self.gathering = gathering
      self.patience = patience
    }
  }

  package init(_ limits: Limits) { self.limits = limits }

  /// Lets images in, which then come by ``add(_:)`` or leave by ``drop(_:)``.
  ///
  /// - Returns: when their answers are due.
  /// - Throws: ``APIError`` where the queue is full, with the time after which to try again.
  package func admit(_ count: Int) throws -> ContinuousClock.Instant {
    try condition.withLock {
      let ahead = expected + waiting.count + computing
      let wait = Double(ahead + count) * (secondsPerImage ?? 0)
      guard !isClosed else { throw APIError.stopping }
      // Where nothing is ahead, the speed may have been measured while the machine stood still: only another batch tells.
      guard ahead == 0 || (ahead + count <= limits.images && wait <= limits.patience.seconds) else {
        throw APIError.overloaded(retryAfter: wait)
      }
      expected += count
      return .now + limits.patience
    }
  }

  /// One of the images that were let in will not come.
  package func drop() {
    condition.withLock {
      expected -= 1
      condition.broadcast()
    }
  }

  /// The answer of one of the images that were let in.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled; the image is not computed then, if it still waits.
  func answer(of job: Job) async throws -> Job.Answer {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        job.await(continuation)
        add(job)
      }
    } onCancel: {
      job.finish(.failure(CancellationError()))
      remove(job)
    }
  }

  private func add(_ job: Job) {
    let isClosed = condition.withLock {
      expected -= 1
      if !self.isClosed, !job.isFinished { waiting.append(job) }
      condition.broadcast()
      return self.isClosed
    }
    if isClosed { job.finish(.failure(APIError.stopping)) }
  }

  private func remove(_ job: Job) {
    condition.withLock { waiting.removeAll { $0 === job } }
  }

  /// The oldest images, as soon as there are enough of them or no more are about to come.
  ///
  /// - Parameter held: how many images of former batches have no answer yet, where the caller has other work than batches.
  /// - Returns: an empty batch where the caller has other work; `nil` when the queue is closed and every image has its answer.
  func nextBatch(besides held: Int?) -> [Job]? {
    condition.withLock {
      computing = held ?? 0
      while waiting.isEmpty {
        if isClosed, held ?? 0 == 0 { return nil }
        if held != nil { return [] }
        condition.wait()
      }
      let end = Date(timeIntervalSinceNow: limits.gathering.seconds)
      while waiting.count < limits.batch, expected > 0, !isClosed, condition.wait(until: end) {}
      let batch = Array(waiting.prefix(limits.batch))
      waiting.removeFirst(batch.count)
      computing += batch.count
      return batch
    }
  }

  /// When a batch that starts now is likely to be finished; at once, where nothing waits behind it: then it costs nobody
  /// anything to try.
  package func end(ofBatch images: Int) -> ContinuousClock.Instant {
    let isLast = condition.withLock { waiting.isEmpty && expected == 0 }
    return .now + .seconds(isLast ? 0 : Double(images) * condition.withLock { secondsPerImage ?? 0 })
  }

  /// Tells how fast the last batch was.
  package func note(seconds: Double, images: Int) {
    guard images > 0 else { return }
    let latest = seconds / Double(images)
    condition.withLock { secondsPerImage = secondsPerImage.map { 0.8 * $0 + 0.2 * latest } ?? latest }
  }

  /// Takes no more images; those that wait are still computed.
  func close() {
    condition.withLock {
      isClosed = true
      condition.broadcast()
    }
  }

  /// Images that were let in and have no answer yet.
  var depth: Int { condition.withLock { expected + waiting.count + computing } }
}

extension Duration {
  /// In seconds.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
