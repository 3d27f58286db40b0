import PromptLearning
import Torch

/// Class lists whose fast answers are being prepared, one after the other, and the images that wait for them.
///
/// A preparation is made pass by pass, so that other requests wait for one of its passes and not for all.
///
/// The queue is bounded: each entry costs the model time, even where its images were refused with a time to retry.
package struct ExpansionQueue {
  private struct Entry {
    let choice: ClassifierChoice
    var preparation: FastPreparation
    var waiting: [(job: Job, row: Tensor)] = []
    /// Whether a client was given a time to retry once this is ready.
    var isPromised = false
    var secondsPerPass = 0.0

    var secondsLeft: Double { secondsPerPass * Double(preparation.passesLeft) }
  }

  /// The entries; the first one is being prepared.
  private var entries: [Entry] = []
  private let limit: Int

  /// - Parameter limit: the most class lists that wait or are being prepared.
  package init(limit: Int) { self.limit = limit }

  /// A class list that is ready, and the images that have waited for it with their embeddings `[1, E]`.
  typealias Finished = (
    choice: ClassifierChoice, classifier: Result<FastClassifier, any Error>, waiting: [(job: Job, row: Tensor)]
  )

  package var isEmpty: Bool { entries.isEmpty }
  /// The number of images that wait.
  var imageCount: Int { entries.reduce(0) { $0 + $1.waiting.count { !$0.job.isFinished } } }

  /// Lets images wait for their class list.
  ///
  /// - Parameter preparation: used where no image waits for this list yet.
  /// - Throws: ``APIError/preparing(retryAfter:)`` where too many other lists wait.
  package mutating func add(
    _ waiting: [(job: Job, row: Tensor)], for choice: ClassifierChoice, preparation: () throws -> FastPreparation
  ) throws {
    if let known = entries.firstIndex(where: { $0.choice == choice }) {
      entries[known].waiting += waiting
    } else {
      guard entries.count < limit else {
        throw APIError.preparing(retryAfter: entries.reduce(0) { $0 + $1.secondsLeft })
      }
      entries.append(Entry(choice: choice, preparation: try preparation(), waiting: waiting))
    }
  }

  /// Makes the next pass.
  ///
  /// - Returns: the class list that is finished with it, if any.
  mutating func advance() -> Finished? {
    forgetImages()
    guard !entries.isEmpty else { return nil }
    let start = ContinuousClock.now
    do {
      if let made = try entries[0].preparation.advance() { return finish(.success(made)) }
    } catch {
      return finish(.failure(error))
    }
    entries[0].secondsPerPass = (ContinuousClock.now - start).seconds
    return nil
  }

  private mutating func finish(_ result: Result<FastClassifier, any Error>) -> Finished {
    let entry = entries.removeFirst()
    return (entry.choice, result, entry.waiting)
  }

  /// Refuses images that have waited too long, with a time to retry, and drops entries that nothing waits for.
  private mutating func forgetImages() {
    for (index, entry) in entries.enumerated() {
      let now = ContinuousClock.now
      for (job, _) in entry.waiting where job.deadline < now && !job.isFinished {
        job.finish(.failure(APIError.preparing(retryAfter: entries[...index].reduce(0) { $0 + $1.secondsLeft })))
        entries[index].isPromised = true
      }
      entries[index].waiting.removeAll { $0.job.isFinished }
    }
    entries.removeAll { $0.waiting.isEmpty && !$0.isPromised }
  }
}
