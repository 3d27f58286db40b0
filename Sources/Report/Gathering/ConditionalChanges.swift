import CLIP
import Experiments
import Foundation
import PromptLearning
import Torch

/// What CoCoOp's conditional token does to the answers: the run's prompts beside the same prompts with a token of zero.
struct ConditionalChanges: Sendable {
  struct Answer: Sendable, Equatable {
    let `class`: String
    let probability: Float
  }

  struct Change: Sendable, Equatable {
    let file: URL
    let label: String
    let before: Answer
    let after: Answer
  }

  /// How many images were compared, and of how many.
  let images: Int
  let total: Int
  /// How many have another answer.
  let changed: Int
  let becameRight: Int
  let becameWrong: Int
  /// Those that the token changed most, other answers before equal ones.
  let most: [Change]

  /// Images of more than this many are compared at equal distances from one another.
  private static let limit = 2000
  private static let shown = 6

  /// Compares what the run answered with what it would have answered.
  ///
  /// The answers with the token were kept by the evaluation. Those without it need one pass of the text encoder, since all
  /// images then share their prompts.
  ///
  /// - Returns: `nil` for methods without a token.
  init?(
    of kept: KeptEvaluation, by run: LoadedRun, within budget: MemoryBudget, cacheFolder: URL?,
    progress: (Int, Int) throws -> Void
  ) throws {
    guard let classifier = try run.classifierWithoutImage(for: kept.classNames) else { return nil }
    let step = max(1, (kept.predictions.count + Self.limit - 1) / Self.limit)
    let chosen = stride(from: 0, to: kept.predictions.count, by: step).map { kept.predictions[$0] }
    let files = chosen.map { kept.imageFolder.appending(path: $0.file, directoryHint: .notDirectory) }
    let cache = cacheFolder.map { FeatureCache(folder: $0, model: run.record.model.sha256) }
    let embeddings = try FeatureExtractor(run.clip, cache: cache).embeddings(of: files) {
      try progress($0, files.count)
    }
    let probabilities = try classifier.logits(ofEmbeddings: embeddings, within: budget).softmax().floats()
    self.init(
      chosen, files: files, probabilities: probabilities, classNames: kept.classNames, total: kept.predictions.count)
  }

  /// - Parameter probabilities: without the token, row-major, one row of `classNames.count` for each image.
  init(
    _ predictions: [KeptEvaluation.Prediction], files: [URL], probabilities: [Float], classNames: [String], total: Int
  ) {
    let count = classNames.count
    var changes: [(change: Change, difference: Float)] = []
    for (image, prediction) in predictions.enumerated() {
      guard let name = prediction.prediction, let after = classNames.firstIndex(of: name) else { continue }
      let row = probabilities[image * count..<(image + 1) * count]
      guard let best = row.indices.max(by: { row[$0] < row[$1] }) else { continue }
      let before = Answer(class: classNames[best - row.startIndex], probability: row[best])
      changes.append(
        (
          Change(
            file: files[image], label: prediction.label, before: before,
            after: Answer(class: name, probability: prediction.probability)),
          abs(prediction.probability - row[row.startIndex + after])
        ))
    }
    let others = changes.filter { $0.change.before.class != $0.change.after.class }
    images = changes.count
    self.total = total
    changed = others.count
    becameRight = others.count { $0.change.after.class == $0.change.label }
    becameWrong = others.count { $0.change.before.class == $0.change.label }
    let same = changes.filter { $0.change.before.class == $0.change.after.class }
    let ranked = [others, same].flatMap { list in
      list.enumerated().sorted { ($1.element.difference, $0.offset) < ($0.element.difference, $1.offset) }
        .map(\.element.change)
    }
    most = Array(ranked.prefix(Self.shown))
  }
}
