import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("CoCoOp over the text tower of ViT-B/16 agrees with PyTorch")
struct ConditionalPromptsParityTests {
  /// The recording of `cocoop` in Scripts/oracle/record_vit.py.
  struct Recipe: Decodable, Sendable {
    struct Values: Decodable, Sendable {
      let name: String
      let shape: [Int]
      let scale: Double
      var tensor: Tensor { get throws { try FormulaWeights.values(name, shape, scale: scale) } }
    }
    let classNames: [String]
    let labels: [Int]
    let logitScale: Float
    let ctx: Values
    let features: Values
  }

  /// The tolerance of cosines, so 100 times that for logits; of gradients, as a share of the largest.
  static let tolerance: Float = 1e-4

  @Test("logits, loss, and the gradient of every parameter")
  func gradients() throws {
    let fixture = try Fixture<Recipe>("cocoop-vit-b16", in: .module)
    let recipe = fixture.recipe
    let clip = try FormulaWeights.textTowerOfViTB16().clip
    #expect(abs(clip.logitScale - recipe.logitScale) <= recipe.logitScale * 1e-6)
    let features = try recipe.features.tensor.unitRows()
    #expect(try features.isClose(to: fixture.tensor("features"), within: 1e-6))

    let learner = try ConditionalPrompts(
      for: recipe.classNames, parameters: [recipe.ctx.tensor] + formulaMetaNetwork(for: clip), clip: clip)
    #expect(learner.parameters.reduce(0) { $0 + $1.count } == 35_360)  // the paper's number
    let logits = try Classifier(clip, learner).logits(for: features)
    #expect(try logits.isClose(to: fixture.tensor("logits"), within: Self.tolerance * recipe.logitScale))

    let batch = try Batch(imageFeatures: features, labels: recipe.labels)
    let (loss, gradients) = try valueWithGradient(at: learner.parameters) { parameters in
      try Classifier(clip, learner.replacing(parameters)).loss(on: batch)
    }
    #expect(try loss.isClose(to: fixture.tensor("loss"), within: Self.tolerance))
    for (name, gradient) in zip(ConditionalPrompts.parameterNames, gradients) {
      let difference = try gradient.relativeDifference(from: fixture.tensor("gradient.\(name)"))
      #expect(difference <= Self.tolerance, "\(name)")
    }
  }
}
