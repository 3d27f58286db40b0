import Experiments
import Foundation
import PromptLearning

/// The one thread on which the model computes. Nothing else calls libtorch, so its own threads belong to one caller, and no
/// event loop ever waits for a product of matrices.
final class ComputeThread: Sendable {
  let queue: BatchQueue

  struct Settings: Sendable {
    var limits: BatchQueue.Limits
    /// Class lists that are kept with their tries.
    var classLists: Int
    /// Images whose embeddings are kept.
    var imageMemory: Int
    var budget: MemoryBudget
  }

  /// - Parameter name: of the thread, for who looks at the process from outside.
  init(run: LoadedRun, settings: Settings, metrics: ServerMetrics) {
    queue = BatchQueue(settings.limits)
    let queue = queue
    let thread = Thread {
      var classifier = BatchClassifier(
        run: run, budget: settings.budget, classLists: settings.classLists, imageMemory: settings.imageMemory,
        metrics: metrics)
      while let batch = queue.nextBatch() {
        // Who was cancelled needs no answer, and whose answer would come too late is told so.
        let (now, end) = (ContinuousClock.now, queue.end(ofBatch: batch.count))
        for job in batch where job.deadline < end { job.finish(.failure(APIError.overloaded(retryAfter: 1))) }
        let jobs = batch.filter { !$0.isFinished }
        guard !jobs.isEmpty else { continue }
        metrics.batch(images: jobs.count)
        classifier.answer(jobs)
        queue.note(seconds: (ContinuousClock.now - now).seconds, images: jobs.count)
      }
    }
    thread.name = "cocoop-compute"
    thread.stackSize = 8 << 20
    thread.start()
  }
}
