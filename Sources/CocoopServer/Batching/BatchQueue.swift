import Foundation
import Synchronization

/// The queue in which images wait for the model, which takes as many of them together as it can.
///
/// It has two limits: a number of images, and the time that a new one would wait at the present speed. An admitted
/// image is answered or refused within ``Limits/patience``.
package final class BatchQueue: @unchecked Sendable {
  // Sendable: every access to the stored properties is made under `condition`.
  private let condition = NSCondition()
  private let limits: Limits
  private var waiting: [Job] = []
  /// The number of admitted images that are being decoded: the places that all admissions together still hold.
  private var expected = 0
  private var computing = 0
  private var isClosed = false
  /// The seconds for an image, as a moving average over batches.
  private var secondsPerImage: Double?

  package struct Limits: Sendable {
    /// The most images that are decoded, waiting or computed at one time.
    package var images = 256
    /// The most images that go through the model together. More than this gains little and makes the first one wait.
    package var batch = 32
    /// The time that an image may wait for others that are being decoded: about the time of decoding a photo.
    package var gathering = Duration.milliseconds(5)
    /// The total time that an image may wait.
    package var patience = Duration.seconds(10)

    package init() {}
  }

  package init(_ limits: Limits) { self.limits = limits }

  /// Admits the images of a request.
  ///
  /// - Throws: ``APIError`` where the queue is full, with the time after which to retry.
  package func admit(_ count: Int) throws -> Admission {
    try condition.withLock {
      let ahead = expected + waiting.count + computing
      let wait = Double(ahead + count) * (secondsPerImage ?? 0)
      guard !isClosed else { throw APIError.stopping }
      // An empty queue always admits: the speed may have been measured while the machine was paused, and only another
      // batch measures it again.
      guard ahead == 0 || (ahead + count <= limits.images && wait <= limits.patience.seconds) else {
        throw APIError.overloaded(retryAfter: wait)
      }
      expected += count
    }
    return Admission(count, to: self, deadline: .now + limits.patience)
  }

  fileprivate func giveBack(_ places: Int) {
    guard places > 0 else { return }
    condition.withLock {
      expected -= places
      condition.broadcast()
    }
  }

  /// The answer of one of the admitted images.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled; the image is not computed then, if it still waits.
  package func answer(of job: Job, admitted admission: Admission) async throws -> Job.Answer {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        job.await(continuation)
        add(job, admitted: admission)
      }
    } onCancel: {
      job.finish(.failure(CancellationError()))
      remove(job)
    }
  }

  private func add(_ job: Job, admitted admission: Admission) {
    let refusal: APIError? = condition.withLock {
      // An image beyond the admitted ones would escape all limits.
      guard admission.takePlace() else { return .internalFailure }
      expected -= 1
      condition.broadcast()
      guard !isClosed else { return .stopping }
      if !job.isFinished { waiting.append(job) }
      return nil
    }
    if let refusal { job.finish(.failure(refusal)) }
  }

  private func remove(_ job: Job) {
    condition.withLock { waiting.removeAll { $0 === job } }
  }

  /// The oldest images, as soon as there are enough of them or no more are expected.
  ///
  /// - Parameter held: the number of images of former batches without an answer, where the caller has other work than
  ///   batches.
  /// - Returns: an empty batch where the caller has other work; `nil` when the queue is closed and every image has its
  ///   answer.
  package func nextBatch(besides held: Int?) -> [Job]? {
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

  /// The time when a batch that starts now is likely to be finished; the present, where nothing waits behind it: then
  /// trying costs nobody anything.
  package func end(ofBatch images: Int) -> ContinuousClock.Instant {
    let seconds = condition.withLock {
      waiting.isEmpty && expected == 0 ? 0 : Double(images) * (secondsPerImage ?? 0)
    }
    return .now + .seconds(seconds)
  }

  /// Records the speed of the last batch.
  package func note(seconds: Double, images: Int) {
    guard images > 0 else { return }
    let latest = seconds / Double(images)
    condition.withLock { secondsPerImage = secondsPerImage.map { 0.8 * $0 + 0.2 * latest } ?? latest }
  }

  /// Refuses further images; those in the queue are still computed.
  package func close() {
    condition.withLock {
      isClosed = true
      condition.broadcast()
    }
  }

  /// The number of images that were admitted and have no answer yet.
  package var depth: Int { condition.withLock { expected + waiting.count + computing } }
}

/// The places of one request's images in the queue. A place leaves the admission with its image, by
/// ``BatchQueue/answer(of:admitted:)``; the rest are released with the admission itself, so that no code path can leak
/// them.
package final class Admission: Sendable {
  /// The time when answers are due.
  package let deadline: ContinuousClock.Instant
  private let queue: BatchQueue
  private let places: Mutex<Int>

  fileprivate init(_ places: Int, to queue: BatchQueue, deadline: ContinuousClock.Instant) {
    self.places = Mutex(places)
    self.queue = queue
    self.deadline = deadline
  }

  deinit { queue.giveBack(places.withLock { $0 }) }

  /// Releases the place of an image that will not come.
  package func giveBackPlace() {
    if takePlace() { queue.giveBack(1) }
  }

  /// - Returns: whether there was a place left.
  fileprivate func takePlace() -> Bool {
    places.withLock { places in
      guard places > 0 else { return false }
      places -= 1
      return true
    }
  }
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
