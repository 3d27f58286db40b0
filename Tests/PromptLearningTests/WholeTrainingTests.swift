import CLIP
import Datasets
import Embedded
import Foundation
import Images
import PromptLearning
import Testing
import TestSupport
import Torch

/// The recording of Scripts/oracle/record_whole_training.py: ten epochs of 80 photos in PyTorch, from a seed to the
/// answers.
private struct WholeTraining: Sendable {
  struct Recipe: Decodable, Sendable {
    struct Sample: Decodable, Sendable {
      let classes: [String]
      let shots: Int
    }
    let sample: Sample
    let baseNames, newNames: [String]
    let files: [String]
    let epochs: Int
    let seed: Int
    let accuracies: [String: Double]
  }

  /// The largest difference of a loss, in nats. In PyTorch, 800 steps in 32-bit floats stay within 4e-6 of the same
  /// steps in 64-bit floats.
  static let lossTolerance: Float = 1e-4
  /// The largest difference of a parameter after all steps. That drift is 2.4e-6.
  static let parameterTolerance: Float = 2e-5
  /// The largest difference of a test photo's logit. That drift is 6e-6.
  static let logitTolerance: Float = 2e-4

  let fixture: Fixture<Recipe>
  /// Ten classes of openclipart with its own split.
  let dataset: Dataset

  init() throws {
    fixture = try Fixture("cocoop-whole", in: .module)
    dataset = try Self.dataset(of: fixture.recipe.sample.classes)
  }

  var recipe: Recipe { fixture.recipe }

  var base: Dataset { get throws { try dataset.fewShot(recipe.sample.shots, seed: recipe.seed).base } }
  var new: Dataset { get throws { try dataset.fewShot(recipe.sample.shots, seed: recipe.seed).new } }

  /// The entries of openclipart's split file that belong to `classes`.
  private static func dataset(of classes: [String]) throws -> Dataset {
    struct Entry: Codable {
      let path: String
      let label: Int
      let name: String

      init(path: String, label: Int, name: String) { (self.path, self.label, self.name) = (path, label, name) }

      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        (path, label, name) = try (list.decode(String.self), list.decode(Int.self), list.decode(String.self))
      }

      func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(path)
        try list.encode(label)
        try list.encode(name)
      }
    }
    let whole = try JSONDecoder().decode(
      [String: [Entry]].self, from: Data(contentsOf: Embedded.openclipart.appending(path: "split_openclipart.json")))
    let parts = whole.mapValues { entries in
      entries.compactMap { entry in
        classes.firstIndex(of: entry.name).map { Entry(path: entry.path, label: $0, name: entry.name) }
      }
    }
    return try withTemporaryFolder { folder in
      let file = folder.appending(path: "split_ten.json")
      try JSONEncoder().encode(parts).write(to: file)
      return try Dataset(splitFile: file, images: Embedded.openclipart.appending(path: "images"))
    }
  }

  /// The views that PyTorch learned from, `[epochs · steps, E]`, made here from their recorded rectangles.
  func views(of dataset: Dataset) throws -> Tensor {
    let clip = try TinyCLIP.clip
    let preprocessing = clip.configuration.preprocessing
    let photos = try dataset.training.map { try Image(contentsOf: dataset.url(of: $0)) }
    let order = try fixture.tensor("order").integers()
    let boxes = try fixture.tensor("views").integers()
    let squares = try order.enumerated().map { step, photo in
      let box = Array(boxes[5 * step..<5 * step + 5])
      let square = try photos[photo].cropped(x: box[0], y: box[1], width: box[2], height: box[3])
        .resized(squareOf: preprocessing.size, interpolation: preprocessing.interpolation)
      return box[4] == 1 ? square.flippedHorizontally() : square
    }
    let groups = stride(from: 0, to: squares.count, by: 32).map { Array(squares[$0..<min($0 + 32, squares.count)]) }
    return try Tensor.concatenated(groups.map { try clip.imageEmbeddings(ofSquares: $0).unitRows() }, axis: 0)
  }

  func expectSameEnd(of learner: ConditionalPrompts) throws {
    for (name, parameter) in zip(ConditionalPrompts.parameterNames, learner.parameters) {
      let difference = try parameter.largestDifference(from: fixture.tensor("final.\(name)"))
      #expect(difference <= Self.parameterTolerance, "\(name) differs by \(difference) after the last step")
    }
    let clip = try TinyCLIP.clip
    for (part, dataset) in try [("base", base), ("new", new)] {
      let photos = dataset.test.map(dataset.url(of:))
      let named = try learner.withClasses(dataset.classNames, on: clip)
      let logits = try Classifier(clip, named).logits(
        for: FeatureExtractor(clip).features(of: photos), within: .automatic)
      let recorded = try fixture.tensor("\(part).logits")
      #expect(try logits.largestDifference(from: recorded) <= Self.logitTolerance, "logits on \(part) classes")
      #expect(try Self.answers(logits) == Self.answers(recorded), "answers on \(part) classes")
      let report = try Evaluator(Classifier(clip, named)).report(on: dataset)
      #expect(abs(report.accuracy - (recipe.accuracies[part] ?? 0)) < 1e-9, "accuracy on \(part) classes")
    }
  }

  private static func answers(_ logits: Tensor) throws -> [Int] {
    let (values, classes) = (try logits.floats(), logits.shape[1])
    return stride(from: 0, to: values.count, by: classes).map { start in
      (0..<classes).max { values[start + $0] < values[start + $1] } ?? 0
    }
  }
}

@Suite("A whole training of CoCoOp is PyTorch's, from the seed to the answers")
struct WholeTrainingTests {
  @Test("the sample, the classes and the meta-network's initial values are the recorded ones")
  func beginning() throws {
    let recorded = try WholeTraining()
    let base = try recorded.base
    #expect(base.training.map(\.path) == recorded.recipe.files)
    #expect(try (base.classNames, recorded.new.classNames) == (recorded.recipe.baseNames, recorded.recipe.newNames))
    let learner = try ConditionalPrompts(
      for: base.classNames, clip: TinyCLIP.clip, seed: UInt64(recorded.recipe.seed))
    for (name, parameter) in zip(ConditionalPrompts.parameterNames, learner.parameters).dropFirst() {
      #expect(try parameter.floats() == recorded.fixture.tensor("initial.\(name)").floats(), "\(name)")
    }
  }

  @Test("all 800 losses, the last parameters and the answers, of a run that draws everything from its seed")
  func fromSeed() throws {
    let recorded = try WholeTraining()
    let (base, seed) = (try recorded.base, UInt64(recorded.recipe.seed))
    let losses = try recorded.fixture.tensor("losses").floats()
    let learner = try ConditionalPrompts(for: base.classNames, clip: TinyCLIP.clip, seed: seed)
    var trainer = Trainer(Classifier(try TinyCLIP.clip, learner), configuration: .cocoop, seed: seed)
    var ours: [Float] = []
    for epoch in 0..<recorded.recipe.epochs {
      try trainer.runEpoch(epoch, on: base) { if case .step(let step) = $0 { ours.append(step.loss) } }
    }
    #expect(ours.count == losses.count)
    let differences = zip(ours, losses).map { abs($0 - $1) }
    let largest = try #require(differences.max())
    #expect(
      largest <= WholeTraining.lossTolerance,
      "step \(1 + (differences.firstIndex { $0 > WholeTraining.lossTolerance } ?? 0)) is the first to differ")
    try recorded.expectSameEnd(of: trainer.classifier.learner)
  }

  @Test("the same from the recorded order and rectangles, whatever this package would have drawn")
  func fromRecordedViews() throws {
    let recorded = try WholeTraining()
    let base = try recorded.base
    let losses = try recorded.fixture.tensor("losses").floats()
    let order = try recorded.fixture.tensor("order").integers()
    let views = try recorded.views(of: base)
    let clip = try TinyCLIP.clip
    let words = try ConditionalPrompts(for: base.classNames, clip: clip).parameters[0]
    let network = try ConditionalPrompts.parameterNames.dropFirst().map { try recorded.fixture.tensor("initial.\($0)") }
    let learner = try ConditionalPrompts(for: base.classNames, parameters: [words] + network, clip: clip)
    let configuration = TrainingConfiguration.cocoop
    var trainer = Trainer(Classifier(clip, learner), configuration: configuration, seed: 0)
    let steps = base.training.count
    var largest: Float = 0
    for step in losses.indices {
      let batch = try Batch(
        imageFeatures: views.sliced(step..<step + 1, axis: 0), labels: [base.training[order[step]].label])
      let loss = try trainer.step(on: batch, learningRate: configuration.schedule(epoch: 1 + step / steps))
      largest = max(largest, abs(loss - losses[step]))
    }
    #expect(largest <= WholeTraining.lossTolerance)
    try recorded.expectSameEnd(of: trainer.classifier.learner)
  }
}
