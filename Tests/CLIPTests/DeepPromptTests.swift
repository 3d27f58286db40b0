import CLIP
import TestSupport
import Testing
import Torch

@Suite("Deep prompts on the trie give what the dense encoder gives with them", .serialized)
struct DeepPromptTests {
  /// - Parameter depth: how many blocks have contexts of their own.
  private func contexts(_ depth: Int, length: Int, width: Int) throws -> [Tensor] {
    try (0..<depth).map { try FormulaWeights.values("context.\($0)", [length, width], scale: 0.05) }
  }

  private func layers(_ model: TextModel) -> Int { model.clip.textEncoder.layerCount }

  @Test("features, and gradients of every block's contexts", arguments: TextModel.Name.allCases, [1, 2, 9, 12])
  func valuesAndGradients(model: TextModel.Name, depth: Int) throws {
    let model = try model.model
    let depth = min(depth, layers(model))
    let prompts = PromptLayout.end.prompts(TrieLawTests.names, contextCount: 2, model.clip.tokenizer)
    let trie = try model.clip.textEncoder.preparedForDeepPrompts(PromptTrie(prompts))
    let contexts = try contexts(depth, length: 2, width: model.clip.textEncoder.width)
    let dense = try model.dense
    let images = try FormulaWeights.values("features", [3, model.clip.embeddingWidth], scale: 1).unitRows()
    let labels = try Tensor([0, 3, 5], shape: [3])
    func loss(_ features: Tensor) throws -> Tensor {
      try (images.matmul(features.reshaped([TrieLawTests.names.count, -1]).unitRows().transposed()) * 20)
        .crossEntropy(labels)
    }
    let mine = try model.clip.textEncoder(trie, contexts: DeepPrompts(contexts))
    let theirs = try dense.features(prompts, deepContexts: contexts)
    #expect(try mine.relativeDifference(from: theirs) <= TrieLawTests.featureTolerance)
    let (_, gradients) = try valueWithGradient(at: contexts) {
      try loss(model.clip.textEncoder(trie, contexts: DeepPrompts($0)))
    }
    let (_, expected) = try valueWithGradient(at: contexts) { try loss(dense.features(prompts, deepContexts: $0)) }
    for (gradient, expected) in zip(gradients, expected) {
      #expect(try gradient.relativeDifference(from: expected) <= TrieLawTests.gradientTolerance)
    }
  }

  @Test("prompts in one block are contexts as CoOp has them")
  func shallow() throws {
    let model = try TextModel.Name.tinyCLIP.model
    let trie = try PromptTrie(PromptLayout.end.prompts(TrieLawTests.names, model.clip.tokenizer))
    let contexts = try contexts(1, length: 4, width: model.clip.textEncoder.width)
    let deep = try model.clip.textEncoder(
      model.clip.textEncoder.preparedForDeepPrompts(trie), contexts: DeepPrompts(contexts))
    let plain = try model.clip.textEncoder(trie, contexts: contexts[0].unsqueezed(at: 0))
    #expect(try deep.relativeDifference(from: plain) <= TrieLawTests.featureTolerance)
  }

  @Test("a class name in front or in the middle is refused", arguments: [PromptLayout.front, .middle, .classSpecific])
  func positions(layout: PromptLayout) throws {
    let clip = try TinyCLIP.clip
    let trie = try PromptTrie(layout.prompts(["dog", "cat"], clip.tokenizer))
    #expect(
      message { try clip.textEncoder.preparedForDeepPrompts(trie) }
        == "Deep prompts need the class name at the end, behind all context vectors. Take the position 'end'.")
  }

  @Test("more blocks than the tower has, other widths, and towers without tokens are refused")
  func refusals() throws {
    let clip = try TinyCLIP.clip
    let encoder = clip.textEncoder
    let trie = try encoder.preparedForDeepPrompts(PromptTrie(PromptLayout.end.prompts(["dog"], clip.tokenizer)))
    let tooDeep = try contexts(layers(TextModel.Name.tinyCLIP.model) + 1, length: 4, width: encoder.width)
    #expect(
      message { try encoder(trie, contexts: DeepPrompts(tooDeep)) }
        == "Prompts for 4 blocks were given, but the text tower has 3. Give a depth from 1 to 3.")
    let narrow = try contexts(2, length: 4, width: 8)
    #expect(
      message { try encoder(trie, contexts: DeepPrompts(narrow)) }
        == "The contexts have shape [4, 8], but the prompts need [4, 256].")
    #expect(
      message { try clip.visionTransformer }
        == "Prompts stand among the tokens of a vision transformer, but the image tower of tiny-clip is an "
        + "EfficientNet. Take a model with a ViT, or a method that learns in the text tower alone.")
    #expect(
      message { try DeepPrompts([.zeros([2, 8]), .zeros([3, 8])]) }
        == "Deep prompts need the same number of rows in each block, found [[2, 8], [3, 8]].")
  }
}
