import CLIP
import Datasets
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("An evaluation counts as the reference counts")
struct EvaluationTests {
  static let tolerance = 1e-12

  private func evaluation(_ rows: [[Float]], _ labels: [Int]) -> Evaluation {
    let names = (0..<(rows.first?.count ?? 0)).map { "class \($0)" }
    return Evaluation(logits: rows.flatMap { $0 }, labels: labels, classNames: names, seconds: 1.5)
  }

  /// A row whose largest score is the prediction's.
  private func row(_ prediction: Int, of classes: Int) -> [Float] {
    (0..<classes).map { $0 == prediction ? 1 : -Float($0) }
  }

  @Test("accuracy, macro F1, and accuracy by class")
  func counts() {
    // Computed by hand: class 0 has 3 images, 2 of them right, and 3 predictions; class 1 has 2, 1 right, 2
    // predictions; class 2 has 1 image and no prediction; class 3 has no image and 1 prediction.
    let labels = [0, 0, 0, 1, 1, 2]
    let evaluation = evaluation([0, 0, 1, 1, 3, 0].map { row($0, of: 4) }, labels)
    #expect(abs(evaluation.accuracy - 50) <= Self.tolerance)
    // F1: 2·2/(3+3), 2·1/(2+2), 0; class 3 has no images and does not count.
    #expect(abs(evaluation.macroF1 - 100 * (2.0 / 3 + 0.5 + 0) / 3) <= Self.tolerance)
    #expect(evaluation.perClass.map(\.images) == [3, 2, 1, 0])
    #expect(evaluation.perClass.map(\.class) == ["class 0", "class 1", "class 2", "class 3"])
    for (found, expected) in zip(evaluation.perClass.map(\.accuracy), [200.0 / 3, 50, 0, 0]) {
      #expect(abs(found - expected) <= Self.tolerance)
    }
    #expect((evaluation.images, evaluation.classes, evaluation.seconds) == (6, 4, 1.5))
    #expect(evaluation.top5 == 100)  // fewer than five classes
  }

  @Test("the five most probable of seven classes")
  func topFive() {
    let descending: [Float] = [7, 6, 5, 4, 3, 2, 1]
    let evaluation = evaluation([[Float]](repeating: descending, count: 7), Array(0..<7))
    #expect(abs(evaluation.top5 - 500.0 / 7) <= Self.tolerance)
    #expect(abs(evaluation.accuracy - 100.0 / 7) <= Self.tolerance)
  }

  @Test("of equal scores the first counts, as argmax counts")
  func ties() {
    let equal: [Float] = [1, 1, 1, 1, 1, 1]
    let evaluation = evaluation([equal, equal, equal], [0, 4, 5])
    #expect(evaluation.perClass.map(\.accuracy) == [100, 0, 0, 0, 0, 0])
    #expect(abs(evaluation.top5 - 200.0 / 3) <= Self.tolerance)
    #expect(abs(evaluation.macroF1 - 100 * (2.0 / (1 + 3)) / 3) <= Self.tolerance)
  }

  @Test("a score that is not a number is never right")
  func notANumber() {
    let evaluation = evaluation([[.nan, .nan], [.nan, .nan], [.nan, 1], [1, .nan]], [0, 1, 0, 1])
    #expect(evaluation.accuracy == 0)
    #expect(evaluation.macroF1 == 0)
  }

  @Test("a classifier whose scores are not numbers has no accuracy, and says so", arguments: [Float.nan, .infinity])
  func overflow(value: Float) throws {
    let clip = try TinyCLIP.clip
    let classifier = Classifier(clip, try ZeroShotPrompts(for: ["cat", "dog"], clip: clip))
    var features = try FormulaWeights.values("features", [70, 512], scale: 1).floats()
    features[512 * 69 + 7] = value  // the last image's, in the second block
    let embeddings = try Tensor(features, shape: [70, 512])
    let labels = [Int](repeating: 0, count: 70)
    #expect(
      message { try Evaluator(classifier).report(on: embeddings, labels: labels, classNames: ["cat", "dog"]) }
        == "The scores of 1 of 70 images are not numbers in float32. Use another model or run.")
    let rows = try classifier.probabilities(ofEmbeddings: embeddings, within: .automatic)
    #expect(rows.map { $0 == nil } == labels.indices.map { $0 == 69 })
    #expect(rows.compactMap(\.self).allSatisfy { $0.count == 2 && abs($0.reduce(0, +) - 1) < 1e-6 })
  }

  @Test("no images give zeros")
  func empty() {
    let evaluation = Evaluation(logits: [], labels: [], classNames: ["a", "b"], seconds: 0)
    #expect((evaluation.accuracy, evaluation.top5, evaluation.macroF1, evaluation.images) == (0, 0, 0, 0))
    #expect(evaluation.perClass.map(\.accuracy) == [0, 0])
  }

  @Test("a dataset is named image by image, by its test images or another part")
  func dataset() throws {
    let dataset = try SmallDataset.make(shots: 2)
    let clip = try TinyCLIP.clip
    let classifier = Classifier(clip, try ZeroShotPrompts(for: dataset.classNames, clip: clip))
    var progress: [Int] = []
    let test = try Evaluator(classifier).report(on: dataset) { progress.append($0) }
    #expect((test.images, test.classes, progress) == (3, 3, [3]))
    #expect(test.perClass.map(\.class) == dataset.classNames)
    #expect(test.seconds > 0)

    let training = try Evaluator(classifier).report(on: dataset, split: .train)
    let features = try FeatureExtractor(clip).features(of: dataset.training.map(dataset.url(of:)))
    let again = try Evaluator(classifier).report(
      on: features, labels: dataset.training.map(\.label), classNames: dataset.classNames)
    #expect((again.images, again.accuracy, again.macroF1) == (6, training.accuracy, training.macroF1))
    #expect(again.perClass == training.perClass)
    #expect(training.accuracy > 100.0 / 3)  // better than chance
  }

  @Test("the evaluator refuses other classes than the classifier's")
  func otherClasses() throws {
    let clip = try TinyCLIP.clip
    let evaluator = Evaluator(Classifier(clip, try ZeroShotPrompts(for: ["cat", "dog"], clip: clip)))
    let features = try FormulaWeights.values("features", [1, 512], scale: 1).unitRows()
    #expect(
      message { try evaluator.report(on: features, labels: [0], classNames: ["cat", "dog", "bird"]) }
        == "The classes of the dataset must be the classifier's 2, found 3 others.")
    #expect(try evaluator.report(on: features, labels: [0], classNames: ["cat", "dog"]).images == 1)
  }
}
