import CLIP
import PromptLearning
import TestSupport
import Testing
import Torch

/// Weights of any name and shape.
private struct AnyWeights: WeightSource {
  let precision = Precision.float32
  mutating func take(_ name: String, _ shape: [Int]) throws -> Tensor { try FormulaWeights.weight(name, shape) }
  mutating func finish() {}
}

@Suite("Prompts in the image tower need a vision transformer")
struct ImageTowerRefusalTests {
  private func residual() throws -> CLIPModel {
    let text = CLIPConfiguration.TextTower(width: 64, heads: 1, layers: 3)
    return try CLIPModel(
      name: "small-rn",
      configuration: CLIPConfiguration(
        embeddingWidth: 64, image: .modifiedResNet(.init(imageSize: 64, width: 8, blocks: [1, 1, 1, 1], heads: 4)),
        text: text, activation: .quickGELU, preprocessing: FormulaWeights.preprocessing(size: 64)),
      weights: AnyWeights())
  }

  @Test(
    "a residual network is refused by name, in a training and in an import",
    arguments: PromptLearning.Method.all.filter(\.promptsImages).map(\.id))
  func residualNetwork(id: String) throws {
    let method = try #require(PromptLearning.Method.all.first { $0.id == id })
    guard case .stepwise(let learning) = method.learning else {
      Issue.record("it has no steps")
      return
    }
    let clip = try residual()
    let expected =
      "Prompts stand among the tokens of a vision transformer, but the image tower of small-rn is a residual network."
      + " Take a model with a ViT, or a method that learns in the text tower alone."
    #expect(message { try learning.start(MethodSetup(clip: clip, classNames: ["cat", "dog"])) } == expected)
  }
}
