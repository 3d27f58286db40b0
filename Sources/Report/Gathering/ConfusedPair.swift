import Experiments
import Foundation
import ClassificationMetrics

/// Two classes of which the first was taken for the second, with some of the images.
struct ConfusedPair: Sendable {
  let label: String
  let prediction: String
  let images: Int
  /// Of those images, the ones that the classifier was surest of.
  let examples: [KeptEvaluation.Prediction]

  private static let shown = 6
  private static let examplesShown = 3

  static func most(of kept: KeptEvaluation) -> [ConfusedPair] {
    ConfusionMatrix(kept.answers).mostConfused(shown).map { pair, images in
      let (label, prediction) = (kept.classNames[pair.label], kept.classNames[pair.prediction])
      let examples = kept.predictions.filter { $0.label == label && $0.prediction == prediction }
        .enumerated().sorted { ($1.element.probability, $0.offset) < ($0.element.probability, $1.offset) }
      return ConfusedPair(
        label: label, prediction: prediction, images: images,
        examples: examples.prefix(examplesShown).map(\.element))
    }
  }
}

extension KeptEvaluation {
  /// Where an image lay when it was measured.
  func url(of prediction: Prediction) -> URL {
    imageFolder.appending(path: prediction.file, directoryHint: .notDirectory)
  }
}
