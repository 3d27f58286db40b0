import CLIP
import cocoop
import Testing
import Torch

@Suite("The cost of a prompt trie is counted as by hand")
struct TextCostTests {
  /// The example in ``PromptTrie``: cat, dog and hot dog after a start and two contexts.
  private static let prompts: [[PromptSymbol]] = [
    [.token(0), .context(0), .context(1), .token(1), .token(9), .token(10)],
    [.token(0), .context(0), .context(1), .token(2), .token(9), .token(10)],
    [.token(0), .context(0), .context(1), .token(3), .token(2), .token(9), .token(10)],
  ]

  private static let configuration = CLIPConfiguration(
    embeddingWidth: 4, image: .efficientNetLite(.init()), text: .init(width: 8, heads: 1, layers: 2), activation: .gelu,
    preprocessing: Preprocessing(size: 224, mean: [0, 0, 0], standardDeviation: [1, 1, 1]))

  @Test("products and attention of two layers over 13 nodes, 58 pairs and 3 ends")
  func cost() throws {
    let trie = try PromptTrie(Self.prompts)
    #expect(trie.nodes.count == 13)
    let cost = TextCost(of: trie, in: Self.configuration)
    // First layer 24 · 13 · 8², last 4 · 13 · 8² + 20 · 3 · 8², projection 2 · 3 · 8 · 4.
    let products = 19968.0 + 3328 + 3840 + 192
    // Pairs: 1 + 2 + 3, twice 4 + 5 + 6, and 4 + 5 + 6 + 7; at the ends 6 + 6 + 7.
    let attention = 4.0 * 58 * 8 + 4 * 19 * 8
    #expect(cost.forward == products + attention)
    #expect(cost.trainingStep == 2 * products + 3.5 * attention)
  }

  @Test("equal prompts cost as much as one")
  func equalPrompts() throws {
    let once = TextCost(of: try PromptTrie([Self.prompts[0]]), in: Self.configuration)
    let twice = TextCost(of: try PromptTrie([Self.prompts[0], Self.prompts[0]]), in: Self.configuration)
    #expect(once == twice)
  }
}
