import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

/// The recordings of Scripts/oracle/record_training.py: runs of SGD with given values, features and order.
struct RecordedSteps: Sendable {
  struct Recipe: Decodable, Sendable {
    struct Run: Decodable, Sendable {
      let steps: Int
      let batchSize: Int
      let namePosition: ContextPosition
      let classSpecific: Bool
      let learningRates: [Float]
      /// KgCoOp's weight; `nil` for other methods.
      let weight: Double?
    }
    let classNames: [String]
    let context: InitialContext
    let runs: [String: Run]

    enum CodingKeys: CodingKey { case classNames, context, runs }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      classNames = try container.decode([String].self, forKey: .classNames)
      context = .words(try container.decode(String.self, forKey: .context))
      runs = try container.decode([String: Run].self, forKey: .runs)
    }
  }

  /// The tolerance of a loss in nats, and of a parameter. Rounding alone moves the recorded runs by 2e-6 from their
  /// repetition in 64-bit floats.
  static let tolerance: Float = 1e-4

  let fixture: Fixture<Recipe>

  init(_ name: String) throws { fixture = try Fixture(name, in: .module) }

  /// Repeats a run from `learner` and compares the loss of every step, and every parameter where it was recorded.
  func expectSameSteps<Learner: TrainablePromptLearner>(
    _ name: String, _ learner: Learner, by recipe: TrainingRecipe = .crossEntropy
  ) throws {
    let run = try #require(fixture.recipe.runs[name])
    let features = try fixture.tensor("features")
    let labels = try fixture.tensor("labels").integers()
    let order = try fixture.tensor("\(name).order")
    let losses = try fixture.tensor("\(name).losses").floats()
    var trainer = Trainer(
      Classifier(try TinyCLIP.clip, learner), configuration: .cocoop, recipe: recipe, seed: 1)
    try expectSameParameters(trainer.classifier.learner, after: 0, of: name)
    for step in 0..<run.steps {
      let rows = try order.sliced(step..<step + 1, axis: 0).reshaped([run.batchSize])
      let batch = try Batch(
        imageFeatures: features.gathered(rows, axis: 0), labels: rows.integers().map { labels[$0] })
      let loss = try trainer.step(on: batch, learningRate: run.learningRates[step])
      #expect(abs(loss - losses[step]) <= Self.tolerance, "loss of step \(step + 1)")
      try expectSameParameters(trainer.classifier.learner, after: step + 1, of: name)
    }
  }

  private func expectSameParameters<Learner: TrainablePromptLearner>(
    _ learner: Learner, after step: Int, of run: String
  ) throws {
    for (name, parameter) in zip(Learner.parameterNames, learner.parameters) {
      let key = "\(run).step-\(step).\(name)"
      guard fixture.has(key) else { continue }
      let difference = try parameter.largestDifference(from: fixture.tensor(key))
      #expect(difference <= Self.tolerance, "\(key) differs by \(difference)")
    }
  }
}

@Suite("CoOp and CoCoOp make the steps that PyTorch makes")
struct RecordedStepsTests {
  @Test("CoOp", arguments: ["end", "end-schedule", "middle", "front", "class-specific"])
  func coop(run name: String) throws {
    let recorded = try RecordedSteps("coop-50-steps")
    let run = try #require(recorded.fixture.recipe.runs[name])
    let learner = try ContextPrompts(
      for: recorded.fixture.recipe.classNames, initialContext: recorded.fixture.recipe.context,
      position: run.namePosition, isClassSpecific: run.classSpecific, clip: TinyCLIP.clip)
    try recorded.expectSameSteps(name, learner)
  }

  @Test("CoCoOp", arguments: ["batch-1", "batch-1-schedule", "batch-4"])
  func cocoop(run name: String) throws {
    let recorded = try RecordedSteps("cocoop-50-steps")
    let clip = try TinyCLIP.clip
    let context = try recorded.fixture.tensor("\(name).step-0.ctx")
    let learner = try ConditionalPrompts(
      for: recorded.fixture.recipe.classNames, parameters: [context] + formulaMetaNetwork(for: clip), clip: clip)
    try recorded.expectSameSteps(name, learner)

    let fromWords = try ConditionalPrompts(
      for: recorded.fixture.recipe.classNames, initialContext: recorded.fixture.recipe.context, clip: clip)
    #expect(try fromWords.parameters[0].floats() == context.floats())
  }
}

/// A meta-network's parameters from Scripts/oracle/formula_weights.py.
func formulaMetaNetwork(for clip: CLIPModel) throws -> [Tensor] {
  let (embedding, width) = (clip.embeddingWidth, clip.textEncoder.width)
  let shapes = [[embedding / 16, embedding], [embedding / 16], [width, embedding / 16], [width]]
  return try zip(ConditionalPrompts.parameterNames.dropFirst(), shapes).map { try FormulaWeights.weight($0, $1) }
}
