import Torch

/// The symbol at one position of a prompt.
public enum PromptSymbol: Hashable, Sendable {
  /// An entry of the vocabulary.
  case token(Int)
  /// A context vector, by its index among the learner's.
  case context(Int)
}

/// All prompts of a class list as one tree, so that common beginnings are computed once.
///
/// CLIP's text transformer is causal, and its feature is read at the end of the text. So the positions after the end do
/// not matter, and two prompts with the same beginning have the same hidden states there, up to the rounding of sums:
/// the states of a prompt depend only on the path from the root.
///
/// ```
/// start ─ v₁ ─ v₂ ─┬─ cat ─ . ─ end        3 prompts of 6, 6 and 7 positions (77 when padded): 19 positions,
///                  ├─ dog ─ . ─ end        13 nodes. A node attends to its ancestors and itself.
///                  └─ hot ─ dog ─ . ─ end
/// ```
///
/// - Complexity: building takes O(total length of the prompts); the tables take O(nodes · depth).
public struct PromptTrie: Sendable {
  public struct Node: Sendable, Equatable {
    public let symbol: PromptSymbol
    /// The index of the node before it, smaller than its own; `nil` at a root.
    public let parent: Int?
    /// The position in every prompt that goes through it, from 0.
    public let depth: Int
  }

  /// N nodes, parents before children.
  public let nodes: [Node]
  /// The node of each prompt's last symbol, C indices. Equal prompts share one.
  public let ends: [Int]
  /// The number of context vectors that the prompts refer to: one more than the largest index, or 0.
  public let contextCount: Int
  /// The length of the longest prompt.
  public let depth: Int

  // The same facts as the text encoder's tables. Nodes of the vocabulary come first, then those of contexts.
  let tokens: Indices  // [V], the token id of each node of the vocabulary
  let tokenPositions: Indices  // [V]
  let contexts: Indices  // [N - V], the index of each context node's vector
  let contextPositions: Indices  // [N - V]
  let rowOfNode: Indices  // [N], into the two, one after the other
  let leaves: Indices  // [R], the distinct ends
  let leafOfPrompt: Indices  // [C], into leaves
  let ancestors: SparsePattern  // of each node, itself included
  let leafAncestors: SparsePattern  // of each leaf, itself included

  /// - Parameter prompts: one for each class, each from its start symbol to its end symbol; none may be empty.
  /// - Throws: ``CLIPError/emptyTrie`` where there is no prompt or an empty one.
  public init(_ prompts: [[PromptSymbol]]) throws {
    try self.init(prompts, contextCount: nil)
  }

  private init(_ prompts: [[PromptSymbol]], contextCount: Int?) throws {
    guard !prompts.isEmpty, prompts.allSatisfy({ !$0.isEmpty }) else { throw CLIPError.emptyTrie }
    var nodes: [Node] = []
    var children: [Edge: Int] = [:]
    ends = prompts.map { prompt in
      var last: Int?
      for (depth, symbol) in prompt.enumerated() {
        let edge = Edge(parent: last, symbol: symbol)
        last = children[edge] ?? nodes.count
        if last == nodes.count {
          children[edge] = nodes.count
          nodes.append(Node(symbol: symbol, parent: edge.parent, depth: depth))
        }
      }
      return last ?? 0
    }
    self.nodes = nodes
    depth = prompts.map(\.count).max() ?? 0
    self.contextCount = contextCount ?? (nodes.compactMap(\.symbol.contextIndex).max() ?? -1) + 1

    let (vocabulary, learned) = (
      nodes.indices.filter { nodes[$0].symbol.tokenID != nil },
      nodes.indices.filter { nodes[$0].symbol.contextIndex != nil }
    )
    tokens = try Indices(vocabulary.compactMap { nodes[$0].symbol.tokenID })
    tokenPositions = try Indices(vocabulary.map { nodes[$0].depth })
    contexts = try Indices(learned.compactMap { nodes[$0].symbol.contextIndex })
    contextPositions = try Indices(learned.map { nodes[$0].depth })
    var rows = [Int](repeating: 0, count: nodes.count)
    for (row, node) in (vocabulary + learned).enumerated() { rows[node] = row }
    rowOfNode = try Indices(rows)

    let distinctEnds = Set(ends).sorted()
    let leafOfEnd = Dictionary(uniqueKeysWithValues: distinctEnds.enumerated().map { ($1, $0) })
    leaves = try Indices(distinctEnds)
    leafOfPrompt = try Indices(ends.map { leafOfEnd[$0] ?? 0 })

    var paths: [[Int]] = []
    for (index, node) in nodes.enumerated() { paths.append((node.parent.map { paths[$0] } ?? []) + [index]) }
    ancestors = try SparsePattern(paths)
    leafAncestors = try SparsePattern(distinctEnds.map { paths[$0] })
  }

  /// The trie of some of the prompts, for the same context vectors.
  public func restricted(to prompts: Range<Int>) throws -> PromptTrie {
    try PromptTrie(prompts.map(symbols(of:)), contextCount: contextCount)
  }

  /// One trie of prompts for several readers, each of which has context vectors of its own and reads some of the
  /// prompts.
  ///
  /// - Parameter choices: for each reader, the prompts it reads.
  /// - Returns: the readers' prompts one after another; reader i's context vectors start at i · ``contextCount``.
  public func shared(byReadersOf choices: [[Int]]) throws -> PromptTrie {
    let prompts = choices.enumerated().flatMap { reader, prompts in
      prompts.map { symbols(of: $0).map { $0.shifted(by: reader * contextCount) } }
    }
    return try PromptTrie(prompts, contextCount: choices.count * contextCount)
  }

  private func symbols(of prompt: Int) -> [PromptSymbol] { path(of: prompt).map { nodes[$0].symbol } }

  /// The nodes of a prompt, from its root to its end.
  func path(of prompt: Int) -> [Int] { sequence(first: ends[prompt]) { nodes[$0].parent }.reversed() }

  private struct Edge: Hashable {
    let parent: Int?
    let symbol: PromptSymbol
  }
}

extension PromptSymbol {
  var tokenID: Int? { if case .token(let id) = self { id } else { nil } }
  fileprivate func shifted(by offset: Int) -> PromptSymbol { contextIndex.map { .context($0 + offset) } ?? self }
  var contextIndex: Int? { if case .context(let index) = self { index } else { nil } }
}

/// A prompt trie with the values of one text encoder that no context vector changes: the embeddings of the vocabulary
/// nodes, and their queries, keys and values in the first layer.
public struct PreparedTrie: Sendable {
  public let trie: PromptTrie
  let embedded: Tensor  // [1, V, D]
  /// The first layer's projections `[1, V, 3D]`; `nil` where the first layer is also the last, which is computed in
  /// another way.
  let projected: Tensor?
}
