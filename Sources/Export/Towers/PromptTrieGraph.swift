import CLIP
import Torch

extension Graph {
  /// CLIP's text transformer over a prompt trie whose context vectors are shifted image by image (`TextEncoder`).
  ///
  /// - Parameters:
  ///   - contextVectors: `[M, D]`, before the shift.
  ///   - token: the conditional tokens, `[B, D]`, added to every context vector.
  /// - Returns: one text feature for each image and class, `[B, C, E]`, unit rows of 32 bits.
  mutating func classFeatures(
    of trie: PromptTrie, contextVectors: Tensor, token: Value, _ configuration: CLIPConfiguration, _ weights: Weights
  ) -> Value {
    let tower = configuration.text
    let count = trie.nodes.count
    // Position, vocabulary entry and context vector of a node never change, so that they are one constant.
    let rows = constant("text/rows", nodeRows(of: trie, contextVectors, tower, weights))  // [1, N, D]
    let shift = apply(
      "Mul", apply("Unsqueeze", token, integers([1]), name: "text/token"),
      constant("text/is_context", isContext(of: trie)), name: "text/shift")  // [B, 1, D] · [1, N, 1]
    let x = apply("Add", rows, shift, name: "text/nodes")  // [B, N, D]

    let leaves = Set(trie.ends).sorted()
    let paths = trie.pathsOfNodes
    let form = AttentionForm(paths, of: count, in: &self, name: "text/ancestors")
    let leafForm = AttentionForm(leaves.map { paths[$0] }, of: count, in: &self, name: "text/leaf_ancestors")
    let read = transformer(
      x,
      TransformerPlan(
        tensors: "transformer", path: "text", layers: tower.layers, width: tower.width, heads: tower.heads,
        mlpWidth: tower.mlpWidth, hasLayerScale: tower.hasLayerScale, normEpsilon: tower.normEpsilon,
        activation: configuration.activation),
      weights, attending: form, at: leaves, attending: leafForm)  // [B, leaves, D]
    let normed = layerNorm(
      read, weights, "ln_final", width: tower.width, epsilon: tower.normEpsilon, path: "text/output_norm")
    let projected = projection(normed, tower, weights, embeddingWidth: configuration.embeddingWidth)
    let leafOfEnd = Dictionary(uniqueKeysWithValues: zip(leaves, 0...))
    let leafOfClass = trie.ends.map { leafOfEnd[$0] ?? 0 }
    let features =
      leafOfClass == Array(leaves.indices)
      ? projected : self.rows(projected, leafOfClass, name: "text/classes")  // [B, C, E]
    return unitRows(cast(features, to: .float32, name: "text/features"), path: "text/features")
  }

  private mutating func projection(
    _ x: Value, _ tower: CLIPConfiguration.TextTower, _ weights: Weights, embeddingWidth: Int
  ) -> Value {
    switch tower.projection {
    case .matrix:
      let matrix = constant("text/projection/weight", weights["text_projection", [tower.width, embeddingWidth]])
      return apply("MatMul", x, matrix, name: "text/projection")
    case .biased:
      return linear(x, weights, "text_projection", from: tower.width, to: embeddingWidth, path: "text/projection")
    case .none: return x
    }
  }

  /// The embedding of each node with its position, `[1, N, D]`.
  private func nodeRows(
    of trie: PromptTrie, _ contextVectors: Tensor, _ tower: CLIPConfiguration.TextTower, _ weights: Weights
  ) -> LazyTensor {
    let vocabulary = weights["token_embedding.weight", [tower.vocabularySize, tower.width]]
    let positions = weights["positional_embedding", [tower.tokenLimit, tower.width]]
    return LazyTensor([1, trie.nodes.count, tower.width]) {
      var tokens: [Int] = []
      for case .token(let id) in trie.nodes.map(\.symbol) { tokens.append(id) }
      var position = -1
      let order = trie.nodes.map { node in
        switch node.symbol {
        case .token:
          position += 1
          return position
        case .context(let index): return tokens.count + index
        }
      }
      let entries = try vocabulary.make().gathered(Tensor(tokens, shape: [tokens.count]), axis: 0)
      let symbols = try Tensor.concatenated([entries, contextVectors], axis: 0)
        .gathered(Tensor(order, shape: [order.count]), axis: 0)
      let depths = trie.nodes.map(\.depth)
      return try (symbols + positions.make().gathered(Tensor(depths, shape: [depths.count]), axis: 0))
        .unsqueezed(at: 0)
    }
  }

  /// 1 at nodes of context vectors and 0 elsewhere, `[1, N, 1]`.
  private func isContext(of trie: PromptTrie) -> LazyTensor {
    LazyTensor([1, trie.nodes.count, 1]) {
      let elements = trie.nodes.map { node -> Float in if case .context = node.symbol { 1 } else { 0 } }
      return try Tensor(elements, shape: [1, elements.count, 1])
    }
  }
}

extension PromptTrie {
  /// For each node, its ancestors from the root on, and itself.
  var pathsOfNodes: [[Int]] {
    var paths: [[Int]] = []
    for (index, node) in nodes.enumerated() { paths.append((node.parent.map { paths[$0] } ?? []) + [index]) }
    return paths
  }
}
