import Torch

/// CLIP's text transformer over a prompt trie.
///
/// The result equals that of encoding each prompt alone, padded to the model's L positions, up to the rounding of sums;
/// ``PromptTrie`` has the reason.
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

  /// The projection from D to E.
  private enum Projection {
    case matrix(Tensor)  // [D, E]
    case biased(FrozenLinear)
    case none
  }

  init(
    _ weights: inout some WeightSource, _ tower: CLIPConfiguration.TextTower, embeddingWidth: Int,
    activation: Activation
  )
    throws
  {
    width = tower.width
    tokenLimit = tower.tokenLimit
    tokenEmbedding = try weights.take("token_embedding.weight", [tower.vocabularySize, tower.width])
    positionalEmbedding = try weights.take("positional_embedding", [tower.tokenLimit, tower.width])
    transformer = try Transformer(
      &weights, "transformer", layers: tower.layers,
      BlockShape(
        width: tower.width, heads: tower.heads, mlpWidth: tower.mlpWidth,
        hasLayerScale: tower.hasLayerScale, normEpsilon: tower.normEpsilon, activation: activation))
    outputNorm = try weights.layerNorm("ln_final", width: tower.width, epsilon: tower.normEpsilon)
    projection =
      switch tower.projection {
      case .matrix: .matrix(try weights.take("text_projection", [tower.width, embeddingWidth]))
      case .biased: .biased(try weights.linear("text_projection", from: tower.width, to: embeddingWidth))
      case .none: .none
      }
  }

  /// The part of the first layer that depends on the vocabulary alone, computed once for all images and steps.
  ///
  /// - Throws: ``CLIPError/promptTooLong(symbols:limit:)``.
  public func prepared(_ trie: PromptTrie) throws -> PreparedTrie {
    guard trie.depth <= tokenLimit else {
      throw CLIPError.promptTooLong(symbols: trie.depth, limit: tokenLimit)
    }
    let positions = try positionalEmbedding.gathered(trie.tokenPositions, axis: 0)
    let embedded = try (tokenEmbedding.gathered(trie.tokens, axis: 0) + positions).unsqueezed(at: 0)  // [1, V, D]
    return PreparedTrie(trie: trie, embedded: embedded, projected: try transformer.firstProjection(of: embedded))
  }

  /// - Parameters:
  ///   - prompts: C prompts.
  ///   - contexts: `[B, M, D]`, one set of context vectors for each image; `nil` where the prompts refer to none.
  /// - Returns: `[B, C, E]`, not of unit length; B is 1 without contexts.
  /// - Throws: ``CLIPError/contexts(expected:found:)``.
  public func callAsFunction(_ prompts: PreparedTrie, contexts: Tensor? = nil) throws -> Tensor {
    let trie = prompts.trie
    let learned = try contextRows(of: trie, contexts)  // [B, N - V, D]
    let embedded = try arranged(trie, prompts.embedded, learned)  // [B, N, D]
    let projected = try prompts.projected.map {
      try arranged(trie, $0, learned.flatMap(transformer.firstProjection(of:)))  // [B, N, 3D]
    }
    let read = try transformer(
      embedded, projected: projected, attending: .sparse(trie.ancestors), at: trie.leaves,
      attending: .sparse(trie.leafAncestors))
    return try self.projected(outputNorm(read)).gathered(trie.leafOfPrompt, axis: 1)
  }

  /// The same with context vectors that are replaced in front of each of the first blocks.
  ///
  /// - Parameters:
  ///   - prompts: C prompts whose contexts stand behind the start symbol.
  ///   - contexts: of block 0, without positions, and of the blocks after it.
  /// - Returns: `[1, C, E]`, not of unit length.
  /// - Throws: ``CLIPError/contexts(expected:found:)``, ``CLIPError/depth(_:tower:blocks:)``.
  public func callAsFunction(_ prompts: DeepTrie, contexts: DeepPrompts) throws -> Tensor {
    let (trie, prepared) = (prompts.trie, prompts.prepared)
    guard contexts.values[0].shape == [trie.contextCount, width] else {
      throw CLIPError.contexts(expected: [trie.contextCount, width], found: contexts.values[0].shape)
    }
    let first = try contexts.values[0] + positionalEmbedding.gathered(prompts.positions, axis: 0)
    let read = try transformer(
      prepared.embedded, projected: prepared.projected, prompts: contexts.replacingFirst(first), prompts.layout,
      tower: "text")
    return try projected(outputNorm(read)).gathered(trie.leafOfPrompt, axis: 1)
  }

  /// What the blocks below one make of prompts, `[1, N, D]`, and what that block projects of it.
  func constants(of prompts: PreparedTrie, before block: Int) throws -> (hidden: Tensor, projected: Tensor?) {
    let hidden = try transformer.lower(
      block, prompts.embedded, projected: prompts.projected, attending: .sparse(prompts.trie.ancestors))
    return (hidden, try transformer.projection(before: block, of: hidden))
  }

  /// The same where rows are inserted behind the start symbol in front of a block, and replaced in front of those after
  /// it.
  ///
  /// - Parameters:
  ///   - prompts: C prompts, without context vectors.
  ///   - rows: without positions, of that block and of those after it.
  /// - Returns: `[1, C, E]`, not of unit length.
  /// - Throws: ``CLIPError/contexts(expected:found:)``, ``CLIPError/depth(_:tower:blocks:)``.
  public func callAsFunction(_ prompts: ExtendedTrie, inserting rows: DeepPrompts) throws -> Tensor {
    let read = try transformer(
      prompts.hidden, projected: prompts.projected, prompts: rows, prompts.layout, tower: "text", from: prompts.block)
    return try projected(outputNorm(read)).gathered(prompts.trie.leafOfPrompt, axis: 1)
  }

  /// The same where tokens of each class's own stand behind the start symbol from a block on (TCP: Yao et al., CVPR 2024).
  ///
  /// - Parameters:
  ///   - contexts: `[1, M, D]`.
  ///   - classTokens: `[C, T, D]`, for the T positions behind the start.
  ///   - chains: of this trie, for T tokens.
  /// - Returns: `[1, C, E]`, not of unit length.
  public func callAsFunction(
    _ prompts: PreparedTrie, contexts: Tensor, classTokens: Tensor, chains: PromptChains
  ) throws -> Tensor {
    let trie = prompts.trie
    let learned = try contextRows(of: trie, contexts)  // [1, N - V, D]
    let embedded = try arranged(trie, prompts.embedded, learned)  // [1, N, D]
    let projected = try prompts.projected.map {
      try arranged(trie, $0, learned.flatMap(transformer.firstProjection(of:)))  // [1, N, 3D]
    }
    let read = try transformer(
      embedded, projected: projected, attending: .sparse(trie.ancestors),
      newRows: classTokens.reshaped([1, -1, width]), from: chains)
    return try self.projected(outputNorm(read))
  }

  /// How many blocks the tower has.
  public var layerCount: Int { transformer.layerCount }

  /// The same for a trie that is used once.
  public func callAsFunction(_ trie: PromptTrie, contexts: Tensor? = nil) throws -> Tensor {
    try self(prepared(trie), contexts: contexts)
  }

  /// The embeddings of the context nodes, `[B, N - V, D]`; `nil` where there are none.
  private func contextRows(of trie: PromptTrie, _ contexts: Tensor?) throws -> Tensor? {
    guard trie.contextCount > 0 || contexts != nil else { return nil }
    guard let contexts, contexts.shape.count == 3, contexts.shape[1...] == [trie.contextCount, width] else {
      throw CLIPError.contexts(expected: [1, trie.contextCount, width], found: contexts?.shape ?? [])
    }
    return try contexts.gathered(trie.contexts, axis: 1)
      + positionalEmbedding.gathered(trie.contextPositions, axis: 0)
  }

  /// Rows of vocabulary nodes `[1, V, K]` and of context nodes `[B, N - V, K]` in the order of the nodes: `[B, N, K]`.
  private func arranged(_ trie: PromptTrie, _ vocabulary: Tensor, _ learned: Tensor?) throws -> Tensor {
    guard let learned else { return try vocabulary.gathered(trie.rowOfNode, axis: 1) }
    let repeated = try vocabulary.expanded(to: [learned.shape[0]] + vocabulary.shape[1...])
    return try Tensor.concatenated([repeated, learned], axis: 1).gathered(trie.rowOfNode, axis: 1)
  }

  /// `[B, leaves, D]` → `[B, leaves, E]`.
  private func projected(_ x: Tensor) throws -> Tensor {
    switch projection {
    case .matrix(let matrix): try x.matmul(matrix)
    case .biased(let layer): try layer(x)
    case .none: x
    }
  }

  /// The peak memory of one image's pass.
  ///
  /// The sum counts widths D for each node, with an MLP of P = 4D. For a gradient, each layer keeps the inputs of its
  /// two norms (2), q, k and v (3) and the activation's input (4). Any pass also holds, besides its input and output, a
  /// row of q, k, v and two of the MLP's (13 in all). A process takes a third more than this sum, which is added.
  ///
  /// - Parameter isTraining: whether hidden states are kept for a gradient.
  package func microbatchBytes(of trie: PromptTrie, isTraining: Bool) -> Int {
    microbatchBytes(
      of: trie, rows: trie.nodes.count, rowLayers: trie.nodes.count * transformer.layerCount, isTraining: isTraining)
  }

  /// The same where the prompts have rows of their own from a block on.
  package func microbatchBytes(of trie: PromptTrie, _ chains: PromptChains, isTraining: Bool) -> Int {
    let rowLayers = trie.nodes.count * chains.block + chains.rowCount * (transformer.layerCount - chains.block)
    return microbatchBytes(
      of: trie, rows: max(trie.nodes.count, chains.rowCount), rowLayers: rowLayers, isTraining: isTraining)
  }

  /// The same with `count` rows behind the start symbol, where the blocks below them are computed once.
  package func microbatchBytes(of prompts: ExtendedTrie, inserting count: Int, isTraining: Bool) -> Int {
    let rows = prompts.trie.nodes.count + count
    return microbatchBytes(
      of: prompts.trie, rows: rows, rowLayers: rows * (transformer.layerCount - prompts.block), isTraining: isTraining)
  }

  private func microbatchBytes(of trie: PromptTrie, rows: Int, rowLayers: Int, isTraining: Bool) -> Int {
    let mlp = transformer.shape.mlpWidth
    let passing = rows * (5 * width + 2 * mlp)
    let kept = isTraining ? rowLayers * (5 * width + mlp) : 0
    // Attention along paths has a row of q, k, v and of its result for every position of every prompt.
    let paths = device.isAccelerator ? trie.leaves.count * trie.depth * 4 * width : 0
    return (passing + kept + paths * (isTraining ? transformer.layerCount : 1)) * MemoryLayout<Float>.size * 4 / 3
  }

  /// Where the tower computes.
  public var device: Device { tokenEmbedding.device }

  /// The number of entries in the vocabulary.
  public var vocabularySize: Int { tokenEmbedding.shape[0] }

  /// The embeddings of vocabulary entries, without positions: `[ids.count, D]`.
  public func embeddings(of ids: [Int]) throws -> Tensor {
    try tokenEmbedding.gathered(Indices(ids), axis: 0)
  }
}
