import CLIP
import Foundation
import Images
import PromptLearning
import Runs
import Torch

/// The effect of CoCoOp's conditional token on the answers: the run's prompts compared with a token of zero.
struct MetaTokenEffect: Sendable {
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

  /// The number of images that were compared, and of all images.
  let images: Int
  let total: Int
  /// The number of images with another answer.
  let changed: Int
  let becameRight: Int
  let becameWrong: Int
  /// The images that the token changed most; changed answers come first.
  let most: [Change]

  /// The number of images above which only some are compared, at equal distances.
  private static let limit = 2000
  private static let shown = 6

  /// Compares the run's answers with those without the token.
  ///
  /// The evaluation has the answers with the token. Those without it need one pass of the text encoder, since all
  /// images then share their prompts.
  ///
  /// - Returns: `nil` for methods without a token.
  init?(
    of kept: SavedEvaluation, by run: LoadedRun, within budget: MemoryBudget, cacheFolder: URL?,
    progress: (Int, Int) throws -> Void
  ) throws {
    guard let classifier = try run.classifierWithoutImage(for: kept.classNames) else { return nil }
    let step = max(1, (kept.predictions.count + Self.limit - 1) / Self.limit)
    let chosen = stride(from: 0, to: kept.predictions.count, by: step).map { kept.predictions[$0] }
    let files = chosen.map { kept.imageFolder.appending(path: $0.file, directoryHint: .notDirectory) }
    let cache = cacheFolder.map { FeatureCache(folder: $0, model: run.record.model.sha256) }
    let embeddings = try FeatureExtractor(run.clip, cache: cache, reading: run.reading).embeddings(of: files) {
      try progress($0, files.count)
    }
    let probabilities = try classifier.finiteProbabilities(ofEmbeddings: embeddings, within: budget).flatMap(\.self)
    self.init(
      chosen, files: files, probabilities: probabilities, classNames: kept.classNames, total: kept.predictions.count)
  }

  /// - Parameter probabilities: the probabilities without the token, row-major, one row of `classNames.count` for each
  ///   image.
  init(
    _ predictions: [SavedEvaluation.Row], files: [URL], probabilities: [Float], classNames: [String], total: Int
  ) {
    let count = classNames.count
    var changes: [Ranked] = []
    for (image, prediction) in predictions.enumerated() {
      guard let name = prediction.prediction, let after = classNames.firstIndex(of: name) else { continue }
      let row = probabilities[image * count..<(image + 1) * count]
      guard let best = row.indices.max(by: { row[$0] < row[$1] }) else { continue }
      let before = Answer(class: classNames[best - row.startIndex], probability: row[best])
      changes.append(
        Ranked(
          change: Change(
            file: files[image], label: prediction.label, before: before,
            after: Answer(class: name, probability: prediction.probability)),
          difference: abs(prediction.probability - row[row.startIndex + after]), place: image))
    }
    let others = changes.filter(\.isOtherAnswer)
    images = changes.count
    self.total = total
    changed = others.count
    becameRight = others.count { $0.change.after.class == $0.change.label }
    becameWrong = others.count { $0.change.before.class == $0.change.label }
    most = changes.sorted(by: Ranked.isBefore).prefix(Self.shown).map(\.change)
  }

  /// A change with the values that determine its rank: changed answers first, then large differences.
  private struct Ranked {
    let change: Change
    /// The change of the answer's probability, in 0…1.
    let difference: Float
    /// The index of the image among all, which decides between equal differences.
    let place: Int

    var isOtherAnswer: Bool { change.before.class != change.after.class }

    static func isBefore(_ left: Ranked, _ right: Ranked) -> Bool {
      guard left.isOtherAnswer == right.isOtherAnswer else { return left.isOtherAnswer }
      return (right.difference, left.place) < (left.difference, right.place)
    }
  }
}

/// The images whose answer CoCoOp's conditional token changed most, before and after.
struct MetaTokenView {
  let changes: MetaTokenEffect
  let pictures: Pictures
  let id: String

  var markup: Markup {
    element(.div, ["class": "figure wide", "id": id]) {
      element(.p) {
        element(.strong) { "What the conditional token changed." }
        " " + summary
      }
      element(.ul, ["class": "changes"]) { for change in changes.most { item(of: change) } }
      if changes.most.contains(where: { pictures.missing.contains($0.file) }) {
        paragraph("Some of the images are no longer where they were measured, and are left out.", class: "note")
      }
    }
  }

  private var summary: String {
    let images =
      changes.images < changes.total
      ? "\(changes.images.grouped) of the \(changes.total.counted("image"))" : changes.images.counted("image")
    return
      "Before: the context vectors alone, the token at zero. After: with the token that the meta-network computes from"
      + " the image. Of \(images), \(changes.changed.grouped) have another answer: \(changes.becameRight.grouped) became"
      + " right and \(changes.becameWrong.grouped) wrong. Those changed most:"
  }

  private func item(of change: MetaTokenEffect.Change) -> Markup {
    element(.li) {
      if let picture = pictures[change.file] {
        Thumbnail(picture: picture, description: "An image of the class \(change.label)").markup
      }
      element(.div) {
        element(.p) { element(.strong) { change.label } }
        answer("before", change.before, label: change.label)
        answer("after", change.after, label: change.label)
      }
    }
  }

  private func answer(_ title: String, _ answer: MetaTokenEffect.Answer, label: String) -> Markup {
    let isRight = answer.class == label
    return element(.p) {
      element(.span, ["class": "muted"]) { "\(title) " }
      element(.span, ["class": isRight ? "good" : "bad"]) { isRight ? "✓ " : "✗ " }
      "\(answer.class) "
      element(.span, ["class": "muted"]) { "\((100 * Double(answer.probability)).percentText) %" }
    }
  }
}
