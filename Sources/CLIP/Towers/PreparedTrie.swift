import Torch

/// A prompt trie with what no context vector changes in one text encoder's first layer: the embeddings of its vocabulary
/// nodes, and their queries, keys and values.
public struct PreparedTrie: Sendable {
  public let trie: PromptTrie
  let embedded: Tensor  // [1, V, D]
  /// `[1, V, 3D]`; `nil` where the first layer is the last, which is computed in another way.
  let projected: Tensor?
}
