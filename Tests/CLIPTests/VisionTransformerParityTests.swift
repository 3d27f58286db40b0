import CLIP
import Foundation
import Testing
import TestSupport
import Tokenization
import Torch

/// What Scripts/oracle/record_vit.py recorded from clip-anytorch.
struct VisionTransformerRecipe: Decodable, Sendable {
  struct Images: Decodable, Sendable {
    let name: String
    let shape: [Int]
    let offset: Double
    let scale: Double
  }
  let texts: [String]
  let images: Images
  let golden: Golden
}

/// The suite is serialised, because it holds two copies of a model of 600 MB.
@Suite("Random models at full size agree with clip-anytorch", .serialized)
struct VisionTransformerParityTests {
  /// The tolerance of unit features and of probabilities, which are at most 1; of other features, as a share of the
  /// largest.
  static let tolerance: Float = 1e-4

  let fixture: Fixture<VisionTransformerRecipe>

  init() throws { fixture = try Fixture("vit", in: .module) }

  @Test("the formula gives the published values")
  func formula() throws {
    let golden = fixture.recipe.golden
    let state = FormulaWeights.state(of: golden.name)
    func hexadecimal(_ word: UInt64) -> String { "0x" + String(word, radix: 16) }
    #expect(hexadecimal(state) == golden.fnv1a64)
    #expect(golden.splitmix64.indices.map { hexadecimal(FormulaWeights.word($0, from: state)) } == golden.splitmix64)
    #expect(try FormulaWeights.weight(golden.name, [2, 4]).floats() == golden.values)
  }

  @Test("image features, text features, probabilities", arguments: [32, 16])
  func features(patchSize: Int) throws {
    let clip = try FormulaWeights.viTB(patchSize: patchSize).clip
    func recorded(_ name: String) throws -> Tensor { try fixture.tensor("vit-b\(patchSize).\(name)") }
    let recipe = fixture.recipe.images
    let pixels = try FormulaWeights.values(recipe.name, recipe.shape, scale: recipe.scale, offset: recipe.offset)
    let image = try clip.imageEncoder(pixels)
    #expect(try image.relativeDifference(from: recorded("image.features")) <= Self.tolerance)
    #expect(try image.unitRows().isClose(to: recorded("image.features").unitRows(), within: Self.tolerance))

    let prompts = try fixture.recipe.texts.map { try clip.tokenizer.prompt($0, limit: 77).map(PromptSymbol.token) }
    let text = try clip.textEncoder(PromptTrie(prompts)).reshaped([prompts.count, 512])
    #expect(try text.relativeDifference(from: recorded("text.features")) <= Self.tolerance)
    #expect(try text.unitRows().isClose(to: recorded("text.features").unitRows(), within: Self.tolerance))

    let logits = try image.unitRows().matmul(text.unitRows().transposed()) * clip.logitScale
    #expect(try logits.isClose(to: recorded("logits"), within: Self.tolerance * clip.logitScale))
    #expect(try logits.softmax().isClose(to: recorded("probabilities"), within: Self.tolerance))
  }
}
