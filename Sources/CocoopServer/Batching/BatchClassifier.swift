import CLIP
import Experiments
import Images
import PromptLearning
import Torch

/// Names a batch of images, whatever classes each of them asks for.
///
/// An image's embedding depends on no class, so all images of a batch share one pass through the image tower; those with the same
/// class list then share the text side. Confined to the compute thread.
struct BatchClassifier {
  private let run: LoadedRun
  private let budget: MemoryBudget
  private let metrics: ServerMetrics
  /// Class lists with their prompt tries.
  private var classifiers: LeastRecentlyUsed<ClassifierChoice, any ImageClassifier>
  /// Of squares that came lately: a person who edits the classes of a photo sends it again and again.
  private var embeddings: LeastRecentlyUsed<PixelKey, Tensor>

  init(run: LoadedRun, budget: MemoryBudget, classLists: Int, imageMemory: Int, metrics: ServerMetrics) {
    self.run = run
    self.budget = budget
    self.metrics = metrics
    classifiers = LeastRecentlyUsed(capacity: classLists)
    embeddings = LeastRecentlyUsed(capacity: imageMemory)
  }

  /// Answers every job of the batch. Where the batch fails as a whole, each image is tried alone.
  mutating func answer(_ jobs: [Job]) {
    do {
      let rows = try embedded(jobs)
      var groups: [(choice: ClassifierChoice, jobs: [Job], rows: [Tensor])] = []
      for (job, row) in zip(jobs, rows) {
        if let group = groups.firstIndex(where: { $0.choice == job.choice }) {
          groups[group].jobs.append(job)
          groups[group].rows.append(row)
        } else {
          groups.append((job.choice, [job], [row]))
        }
      }
      for group in groups { answer(group.jobs, rows: group.rows, choice: group.choice) }
    } catch {
      guard jobs.count > 1 else { return jobs.forEach { $0.finish(.failure(error)) } }
      for job in jobs { answer([job]) }
    }
  }

  /// One row `[1, E]` for each job.
  private mutating func embedded(_ jobs: [Job]) throws -> [Tensor] {
    var rows: [PixelKey: Tensor] = [:]
    var unknown: [Job] = []
    for job in jobs where rows[job.pixels] == nil && !unknown.contains(where: { $0.pixels == job.pixels }) {
      if let known = embeddings.value(for: job.pixels) { rows[job.pixels] = known } else { unknown.append(job) }
    }
    if !unknown.isEmpty {
      let computed = try metrics.timingImages(unknown.count) {
        try run.clip.imageEmbeddings(ofSquares: unknown.map(\.square))
      }  // [B, E]
      for (index, job) in unknown.enumerated() {
        let row = try computed.sliced(index..<index + 1, axis: 0)
        rows[job.pixels] = row
        embeddings.insert(row, for: job.pixels)
      }
    }
    return jobs.compactMap { rows[$0.pixels] }
  }

  /// Answers jobs with one class list in common. If that list cannot be used, they all are told so.
  private mutating func answer(_ jobs: [Job], rows: [Tensor], choice: ClassifierChoice) {
    do {
      let names = choice.classNames
      let probabilities = try metrics.timingText {
        let classifier = try classifier(for: choice)
        let embeddings = try rows.count == 1 ? rows[0] : Tensor.concatenated(rows, axis: 0)  // [B, E]
        return try classifier.logits(ofEmbeddings: embeddings, within: budget).softmax().floats()
      }
      for (index, job) in jobs.enumerated() {
        let row = probabilities[index * names.count..<(index + 1) * names.count]
        job.finish(.success(Prediction.Candidate.ranked(row, names: names, top: job.top)))
      }
    } catch {
      for job in jobs { job.finish(.failure(error)) }
    }
  }

  private mutating func classifier(for choice: ClassifierChoice) throws -> any ImageClassifier {
    if let known = classifiers.value(for: choice) { return known }
    let made: any ImageClassifier =
      switch choice.model {
      case .run: try run.classifier(for: choice.classNames)
      case .zeroShot: try ZeroShotPrompts(for: choice.classNames, clip: run.clip).classifier(on: run.clip)
      }
    classifiers.insert(made, for: choice)
    return made
  }
}
