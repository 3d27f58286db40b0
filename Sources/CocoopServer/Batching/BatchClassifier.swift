import CLIP
import Foundation
import Images
import Prediction
import PromptLearning
import Runs
import Torch

/// Predicts a batch of images, each with its own list of classes.
///
/// An image's embedding does not depend on the classes, but on the model, where a run has prompts in its image tower.
/// So all images of a batch that the same tower sees share one pass through it; those with the same model, mode and class
/// list then share the text side. Confined to the thread that calls ``run(_:)``.
package struct BatchClassifier {
  private let run: LoadedRun
  private let fastMode: FastMode?
  private let budget: MemoryBudget
  private let metrics: ServerMetrics
  /// Class lists with their prompt tries, and with their expansions for fast answers.
  private var classifiers: LeastRecentlyUsed<ClassifierChoice, any ImageClassifier>
  private var expansions: ExpansionQueue
  /// The embeddings of recent squares: a user who edits the classes of a photo sends it again and again.
  private var embeddings: LeastRecentlyUsed<Seen, Tensor>
  /// The model as the run sees images, made when it is first asked for.
  private var imageModel: CLIPModel?

  /// A square, and whether the run's own prompts stand among its patches.
  private struct Seen: Hashable {
    let pixels: PixelKey
    let isPrompted: Bool
  }

  package struct Settings: Sendable {
    /// The number of class lists that are cached with their tries, and that may wait for their fast answers.
    package var classLists = 32
    /// The memory of the expansions that are cached with class lists for fast answers: 5 MB for 100 classes at
    /// ViT-B/16's size, 49 MB for 1,000.
    package var expansionBytes = 256 << 20
    /// The number of squares whose image embeddings are cached; 150 KB each for the usual 224 × 224 pixels.
    package var imageMemory = 64
    package var budget = MemoryBudget.automatic

    package init() {}
  }

  /// - Parameter fastMode: the run's fast mode, where it has one.
  init(run: LoadedRun, fastMode: FastMode?, settings: Settings, metrics: ServerMetrics) {
    self.run = run
    self.fastMode = fastMode
    budget = settings.budget
    self.metrics = metrics
    expansions = ExpansionQueue(limit: settings.classLists)
    classifiers = LeastRecentlyUsed(capacity: settings.classLists, weightLimit: settings.expansionBytes)
    embeddings = LeastRecentlyUsed(capacity: settings.imageMemory)
  }

  /// Computes until the queue is closed and every image has its answer: batch after batch, on the calling thread alone,
  /// so that no event loop ever waits for a product of matrices.
  ///
  /// It must be the thread that has loaded the model. libtorch keeps a pool of threads for each thread that has called
  /// it, and where these together exceed the number of processors, its OpenMP lets them sleep at every barrier, which
  /// costs a fifth of the speed.
  /// the speed.
  mutating func run(_ queue: BatchQueue) {
    while let batch = queue.nextBatch(besides: isPreparing ? heldImages : nil) {
      // A cancelled image needs no answer, and one whose answer would be too late is refused.
      let (start, end) = (ContinuousClock.now, queue.end(ofBatch: batch.count))
      for job in batch where job.deadline < end { job.finish(.failure(APIError.overloaded(retryAfter: 1))) }
      let jobs = batch.filter { !$0.isFinished }
      if !jobs.isEmpty {
        metrics.batch(images: jobs.count)
        answer(jobs)
        queue.note(seconds: (ContinuousClock.now - start).seconds, images: jobs.count)
      }
      // Preparing class lists takes as much time as batches, so that neither waits for long because of the other.
      if isPreparing { prepare(for: ContinuousClock.now - start) }
    }
  }

  /// Answers every job of the batch, except those whose class list must be prepared first. Where the batch fails as a
  /// whole, each image is tried separately.
  private mutating func answer(_ jobs: [Job]) {
    do {
      let rows = try embedded(jobs)
      var groups: [(choice: ClassifierChoice, jobs: [(job: Job, row: Tensor)])] = []
      for (job, row) in zip(jobs, rows) {
        if let group = groups.firstIndex(where: { $0.choice == job.choice }) {
          groups[group].jobs.append((job, row))
        } else {
          groups.append((job.choice, [(job, row)]))
        }
      }
      for group in groups { answer(group.jobs, choice: group.choice) }
    } catch {
      guard jobs.count > 1 else { return jobs.forEach { $0.finish(.failure(error)) } }
      for job in jobs { answer([job]) }
    }
  }

  /// The embeddings of the jobs, one row `[1, E]` for each.
  private mutating func embedded(_ jobs: [Job]) throws -> [Tensor] {
    var rows: [Seen: Tensor] = [:]
    var unknown: [(key: Seen, job: Job)] = []
    for job in jobs {
      let key = seen(job)
      guard rows[key] == nil, !unknown.contains(where: { $0.key == key }) else { continue }
      if let known = embeddings.value(for: key) { rows[key] = known } else { unknown.append((key, job)) }
    }
    for isPrompted in [false, true] {
      let jobs = unknown.filter { $0.key.isPrompted == isPrompted }
      guard !jobs.isEmpty else { continue }
      let model = try isPrompted ? promptedModel() : run.clip
      let computed = try metrics.timingImages(jobs.count) {
        try model.imageEmbeddings(ofSquares: jobs.map(\.job.square))
      }  // [B, E]
      for (index, (key, _)) in jobs.enumerated() {
        let row = try computed.sliced(index..<index + 1, axis: 0)
        rows[key] = row
        embeddings.insert(row, for: key)
      }
    }
    return jobs.compactMap { rows[seen($0)] }
  }

  private func seen(_ job: Job) -> Seen {
    Seen(pixels: job.pixels, isPrompted: run.method.promptsImages && job.choice.model == .run)
  }

  private mutating func promptedModel() throws -> CLIPModel {
    let model = try imageModel ?? run.imageModel()
    imageModel = model
    return model
  }

  /// Answers jobs with one class list in common. If that list cannot be used, they all get its error.
  private mutating func answer(_ jobs: [(job: Job, row: Tensor)], choice: ClassifierChoice) {
    do {
      if let classifier = classifiers.value(for: choice) {
        try answer(jobs, by: classifier)
      } else if choice.mode == .fast {
        try metrics.timingText { try prepare(choice, for: jobs) }
      } else {
        try answer(jobs, by: metrics.timingText { try exactClassifier(for: choice) })
      }
    } catch {
      for (job, _) in jobs { job.finish(.failure(error)) }
    }
  }

  private func answer(_ jobs: [(job: Job, row: Tensor)], by classifier: any ImageClassifier) throws {
    let probabilities = try metrics.timingText {
      let embeddings = try jobs.count == 1 ? jobs[0].row : Tensor.concatenated(jobs.map(\.row), axis: 0)  // [B, E]
      return try classifier.probabilities(ofEmbeddings: embeddings, within: budget)
    }
    for ((job, _), row) in zip(jobs, probabilities) {
      if let row {
        job.finish(.success(Prediction.Candidate.ranked(row, names: classifier.classNames, top: job.top)))
      } else {
        job.finish(.failure(LearningError.notNumbers("The probabilities of an image", in: run.clip.precision)))
      }
    }
  }

  private mutating func exactClassifier(for choice: ClassifierChoice) throws -> any ImageClassifier {
    if let known = classifiers.value(for: choice) { return known }
    let made: any ImageClassifier =
      switch choice.model {
      case .run: try run.classifier(for: choice.classNames)
      case .zeroShot: try ZeroShotPrompts(for: choice.classNames, clip: run.clip).classifier(on: run.clip)
      }
    classifiers.insert(made, for: choice)
    metrics.keep(classLists: classifiers.count, expansionBytes: classifiers.weight)
    return made
  }
}

// Fast answers, whose class lists take many passes to prepare.
extension BatchClassifier {
  /// Whether class lists are being prepared.
  private var isPreparing: Bool { !expansions.isEmpty }
  /// The number of images that wait for class lists.
  private var heldImages: Int { expansions.imageCount }

  private mutating func prepare(_ choice: ClassifierChoice, for jobs: [(job: Job, row: Tensor)]) throws {
    let exact = try exactClassifier(for: choice.exact)
    guard let fastMode, let exact = exact as? any FastAnswering else { throw APIError.internalFailure }
    try expansions.add(jobs, for: choice) { [budget] in try fastMode.preparation(of: exact, within: budget) }
  }

  /// Makes passes for about this time, but at least one, and answers the images whose class list becomes ready.
  private mutating func prepare(for time: Duration) {
    let end = ContinuousClock.now + time
    repeat {
      guard let finished = metrics.timingExpansions({ expansions.advance() }) else { continue }
      do {
        let classifier = try finished.classifier.get()
        classifiers.insert(classifier, for: finished.choice, weight: classifier.expansionBytes)
        metrics.prepared(classLists: classifiers.count, expansionBytes: classifiers.weight)
        let waiting = finished.waiting.filter { !$0.job.isFinished }
        if !waiting.isEmpty { try answer(waiting, by: classifier) }
      } catch {
        for (job, _) in finished.waiting { job.finish(.failure(error)) }
      }
    } while isPreparing && ContinuousClock.now < end
  }
}
