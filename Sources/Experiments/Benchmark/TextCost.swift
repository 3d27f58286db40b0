import CLIP

/// The arithmetic that one pass of a prompt trie through the text transformer needs, in floating-point operations.
///
/// With N nodes, R distinct ends, P pairs of a node and an ancestor (itself included), width D, a perceptron of width W (usually 4 D)
/// and ℓ layers:
/// - all layers but the last: 8 N D² + 4 N D W for the products and 4 P D for attention, each;
/// - the last layer: 4 N D² for keys and values, 4 R D² + 4 R D W for everything else, 4 P_R D for attention at the ends;
/// - the projection: 2 R D E.
///
/// A training step adds the gradient with respect to hidden states, never to weights: products once more, and
/// attention 2.5 times more, since its weights are recomputed.
public struct TextCost: Sendable, Equatable {
  /// Of a forward pass of one image.
  public let forward: Double
  /// Of a forward and a backward pass of one image.
  public let trainingStep: Double

  public init(of trie: PromptTrie, in configuration: CLIPConfiguration) {
    let (width, layers) = (Double(configuration.text.width), Double(configuration.text.layers))
    let nodes = Double(trie.nodes.count)
    let ends = Set(trie.ends)
    let pairs = trie.nodes.map { Double($0.depth + 1) }.reduce(0, +)
    let endPairs = ends.map { Double(trie.nodes[$0].depth + 1) }.reduce(0, +)
    let leaves = Double(ends.count)
    let (square, perceptron) = (4 * width * width, 4 * width * Double(configuration.text.perceptronWidth))
    let products =
      (layers - 1) * nodes * (2 * square + perceptron) + nodes * square + leaves * (square + perceptron)
      + 2 * leaves * width * Double(configuration.embeddingWidth)
    let attention = (layers - 1) * 4 * pairs * width + 4 * endPairs * width
    forward = products + attention
    trainingStep = 2 * products + 3.5 * attention
  }
}
