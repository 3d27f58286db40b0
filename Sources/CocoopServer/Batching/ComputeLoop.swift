import Experiments
import Foundation
import PromptLearning

/// What the model computes, batch after batch, on the one thread that runs it: no event loop ever waits for a product of
/// matrices.
///
/// It must be the thread that has loaded the model. libtorch keeps a pool of threads for each thread that has called it, and
/// where these are together more than the processors, its OpenMP lets them sleep at every barrier: a fifth of the speed.
struct ComputeLoop {
  let queue: BatchQueue
  private var classifier: BatchClassifier
  private let metrics: ServerMetrics

  struct Settings: Sendable {
    var limits: BatchQueue.Limits
    /// Class lists that are kept with their tries.
    var classLists: Int
    /// The memory of all expansions that are kept with class lists.
    var expansionBytes: Int
    /// Images whose embeddings are kept.
    var imageMemory: Int
    var budget: MemoryBudget
  }

  /// - Parameter fastMode: the run's, where it can answer fast.
  init(run: LoadedRun, fastMode: FastMode?, settings: Settings, metrics: ServerMetrics) {
    queue = BatchQueue(settings.limits)
    classifier = BatchClassifier(run: run, fastMode: fastMode, settings: settings, metrics: metrics)
    self.metrics = metrics
  }

  /// Computes until the queue is closed and every image has its answer.
  mutating func run() {
    while let batch = queue.nextBatch(besides: classifier.isPreparing ? classifier.heldImages : nil) {
      // Who was cancelled needs no answer, and whose answer would come too late is told so.
      let (start, end) = (ContinuousClock.now, queue.end(ofBatch: batch.count))
      for job in batch where job.deadline < end { job.finish(.failure(APIError.overloaded(retryAfter: 1))) }
      let jobs = batch.filter { !$0.isFinished }
      if !jobs.isEmpty {
        metrics.batch(images: jobs.count)
        classifier.answer(jobs)
        queue.note(seconds: (ContinuousClock.now - start).seconds, images: jobs.count)
      }
      // Class lists take as much time as batches, so that neither waits for long because of the other.
      if classifier.isPreparing { classifier.prepare(for: ContinuousClock.now - start) }
    }
  }
}
