import CLIP
import Foundation
import Images
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("KgCoOp makes the steps that PyTorch makes, and is CoOp where its weight is 0")
struct KgCoOpTests {
  private func setup(_ names: [String], weight: Double? = nil) throws -> MethodSetup {
    let options = try weight.map { try MethodOptions(["weight": $0], for: .kgcoop) } ?? MethodOptions()
    return MethodSetup(clip: try TinyCLIP.clip, classNames: names, options: options)
  }

  @Test("steps with the paper's weight and with another", arguments: ["weight-8", "weight-2"])
  func steps(run name: String) throws {
    let recorded = try RecordedSteps("kgcoop-50-steps")
    let run = try #require(recorded.fixture.recipe.runs[name])
    let setup = try setup(recorded.fixture.recipe.classNames, weight: run.weight)
    let learner = try ContextPrompts(
      for: setup.classNames, initialContext: recorded.fixture.recipe.context, clip: setup.clip)
    try recorded.expectSameSteps(name, learner, by: try #require(try Method.kgcoop.recipe(setup)))
  }

  @Test("with weight 0 the gradient is CoOp's, whichever way classes are divided")
  func weightless() throws {
    let names = (0..<40).map { "\($0) dogs and \($0 * 7) cats" }
    let setup = try setup(names, weight: 0)
    let learner = try ContextPrompts(for: names, clip: setup.clip)
    let classifier = Classifier(setup.clip, learner)
    var generator = SeededGenerator(seed: 7)
    let elements = (0..<4 * setup.clip.embeddingWidth).map { _ in Float.random(in: -1..<1, using: &generator) }
    let batch = try Batch(
      imageFeatures: Tensor(elements, shape: [4, setup.clip.embeddingWidth]).unitRows(), labels: [3, 39, 0, 17])
    let recipe = try #require(try Method.kgcoop.recipe(setup))
    for bytes in [1 << 20, 1 << 40] {
      let plan = try MicrobatchPlan(for: learner, within: MemoryBudget(bytes: bytes), isTraining: true)
      let (mine, coop) = (
        try classifier.gradient(on: batch, by: recipe, plan), try classifier.gradient(on: batch, plan)
      )
      #expect(mine.terms.map(\.name) == ["cross-entropy", "knowledge"])
      #expect(abs(mine.loss - coop.loss) <= 1e-6 * coop.loss)
      let scale = try coop.gradients[0][0].floats().map(abs).max() ?? 0
      #expect(try mine.gradients[0][0].isClose(to: coop.gradients[0][0], within: 1e-5 * scale))
    }
  }

  @Test("the original's checkpoint is taken, without the modules that it makes and never uses")
  func checkpoint() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "model.pth.tar-100")
      let shapes = [
        ("ctx", [4, 256]), ("bias_vectors", [1, 512]), ("meta_net.linear1.weight", [512, 512]),
        ("meta_net.linear1.bias", [512]), ("token_prefix", [3, 1, 256]), ("token_suffix", [3, 72, 256]),
      ]
      let state = try shapes.map { ($0.0, SavedValue.tensor(try .zeros($0.1))) }
      try TorchArchive.write(.dictionary([("state_dict", .dictionary(state)), ("epoch", .integer(100))]), to: file)
      let prompts = try ReferencePrompts(at: file)
      #expect(prompts.method == .kgcoop && prompts.parameters.keys.sorted() == ["ctx"] && prompts.classCount == 3)
      let identity = SavedTraining.identity
      let artifact = try prompts.checkpoint(on: TinyCLIP.clip, identity: identity, classNames: ["a", "b", "c"])
      let classifier = try artifact.classifier(on: TinyCLIP.clip, identity: identity, path: "file")
      #expect(classifier.classNames == ["a", "b", "c"])
    }
  }

  @Test("an option that it does not have is refused by name")
  func options() {
    #expect(
      message { try MethodOptions(["wieght": 4], for: .kgcoop) }
        == "KgCoOp has no option 'wieght'. Its options are weight.")
    #expect(
      message { try MethodOptions(["weight": -1], for: .kgcoop) }
        == "The option 'weight' of KgCoOp must be from 0.0 to 1000.0, found -1.0.")
    #expect(message { try MethodOptions(["weight": 4], for: .coop) } == "CoOp has no option 'weight'. It has none.")
  }
}
