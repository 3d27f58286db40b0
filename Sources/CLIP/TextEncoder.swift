import Torch

/// CLIP's text transformer over a prompt trie.
///
/// The result equals that of encoding each prompt alone, padded to the model's L positions, up to the rounding of
/// sums; ``PromptTrie`` says why.
public struct TextEncoder: Sendable {
  /// D: the width of a context vector.
  public let width: Int
  /// L: the most symbols that a prompt may have.
  public let tokenLimit: Int

  private let tokenEmbedding: Tensor  // [vocabulary, D]
  private let positionalEmbedding: Tensor  // [L, D]
  private let transformer: Transformer
  private let outputNorm: LayerNorm
  private let projection: Projection

  /// From D to E.
  private enum Projection {
    case matrix(Tensor)  // [D, E]
    case biased(FrozenLinear)
    case none
  }

  init(_ weights: inout Weights, _ tower: CLIPConfiguration.TextTower, embeddingWidth: Int, activation: Activation)
    throws
  {
    width = tower.width
    tokenLimit = tower.tokenLimit
    // open_clip's models with `custom_text` keep the text tower one level down.
    let path = weights.has("text.token_embedding.weight") ? "text." : ""
    tokenEmbedding = try weights.take("\(path)token_embedding.weight", [tower.vocabularySize, tower.width])
    positionalEmbedding = try weights.take("\(path)positional_embedding", [tower.tokenLimit, tower.width])
    transformer = try Transformer(
      &weights, "\(path)transformer", layers: tower.layers,
      BlockShape(
        width: tower.width, heads: tower.heads, perceptronWidth: tower.perceptronWidth,
        hasLayerScale: tower.hasLayerScale, normEpsilon: tower.normEpsilon, activation: activation))
    outputNorm = try weights.layerNorm("\(path)ln_final", width: tower.width, epsilon: tower.normEpsilon)
    projection =
      switch tower.projection {
      case .matrix: .matrix(try weights.take("\(path)text_projection", [tower.width, embeddingWidth]))
      case .biased: .biased(try weights.linear("\(path)text_projection", from: tower.width, to: embeddingWidth))
      case .none: .none
      }
  }

  /// - Parameters:
  ///   - trie: C prompts.
  ///   - contexts: `[B, M, D]`, one set of context vectors for each image, at least as many as the prompts refer to;
  ///     `nil` where they refer to none.
  /// - Returns: `[B, C, E]`, not of unit length; B is 1 without contexts.
  /// - Throws: ``CLIPError/contexts(expected:found:)``, ``CLIPError/promptTooLong(symbols:limit:)``.
  public func callAsFunction(_ trie: PromptTrie, contexts: Tensor? = nil) throws -> Tensor {
    let embedded = try embed(trie, contexts: contexts)  // [B, N, D]
    let read = try transformer(
      embedded, attending: .sparse(trie.ancestors), at: trie.leaves, attending: .sparse(trie.leafAncestors))
    return try projected(outputNorm(read)).gathered(trie.leafOfPrompt, axis: 1)
  }

  /// `[B, leaves, D]` → `[B, leaves, E]`.
  private func projected(_ x: Tensor) throws -> Tensor {
    switch projection {
    case .matrix(let matrix): try x.matmul(matrix)
    case .biased(let layer): try layer(x)
    case .none: x
    }
  }

  /// The memory that one image's pass takes at its height.
  ///
  /// In widths D of a node, with a perceptron of P = 4D: each layer keeps for a gradient its two inputs of norms (2), q,
  /// k and v (3) and what the activation is given (4); and any pass holds beside its input and output a row of q, k, v
  /// and two of the perceptron's (13 in all). A process takes a third more than this sum, which is added.
  ///
  /// - Parameter isTraining: whether hidden states are kept for a gradient.
  package func passBytes(of trie: PromptTrie, isTraining: Bool) -> Int {
    let perceptron = transformer.shape.perceptronWidth
    let passing = 5 * width + 2 * perceptron
    let kept = isTraining ? transformer.layerCount * (5 * width + perceptron) : 0
    return trie.nodes.count * (passing + kept) * MemoryLayout<Float>.size * 4 / 3
  }

  /// The embeddings of vocabulary entries, without positions: `[ids.count, D]`.
  public func embeddings(of ids: [Int]) throws -> Tensor {
    try tokenEmbedding.gathered(Tensor(ids, shape: [ids.count]), axis: 0)
  }

  private func embed(_ trie: PromptTrie, contexts: Tensor?) throws -> Tensor {
    guard trie.depth <= tokenLimit else {
      throw CLIPError.promptTooLong(symbols: trie.depth, limit: tokenLimit)
    }
    let positions = try positionalEmbedding.gathered(trie.positions, axis: 0)  // [N, D]
    let tokens = try tokenEmbedding.gathered(trie.vocabulary, axis: 0).unsqueezed(at: 0)  // [1, V, D]
    guard trie.contextCount > 0 || contexts != nil else {
      return try tokens.gathered(trie.rowOfSymbol, axis: 1) + positions
    }
    guard let contexts, contexts.shape.count == 3, contexts.shape[1] >= trie.contextCount, contexts.shape[2] == width
    else {
      throw CLIPError.contexts(expected: [1, trie.contextCount, width], found: contexts?.shape ?? [])
    }
    let repeated = try tokens.expanded(to: [contexts.shape[0]] + tokens.shape[1...])
    return try Tensor.concatenated([repeated, contexts], axis: 1).gathered(trie.rowOfSymbol, axis: 1) + positions
  }
}
