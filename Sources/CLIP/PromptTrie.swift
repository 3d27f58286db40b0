import Torch

/// What stands at one position of a prompt.
public enum Symbol: Hashable, Sendable {
  /// An entry of the vocabulary.
  case token(Int)
  /// A context vector, by its index among those that a learner gives.
  case context(Int)
}

/// All prompts of a class list as one tree, so that what prompts share is computed once.
///
/// CLIP's text transformer is causal, and its feature is read at the end of the text. So what follows the end does not
/// matter, and two prompts that begin alike have the same hidden states there, to the last bit that arithmetic gives:
/// the states of a prompt depend on the path from the root and on nothing else.
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
    public let symbol: Symbol
    /// The index of the node before it, smaller than its own; `nil` at a root.
    public let parent: Int?
    /// Its position in every prompt that goes through it, from 0.
    public let depth: Int
  }

  /// N nodes, parents before children.
  public let nodes: [Node]
  /// For each of the C prompts, the node of its last symbol. Equal prompts share one.
  public let ends: [Int]
  /// The number of context vectors that the prompts refer to: one more than the largest index, or 0.
  public let contextCount: Int
  /// The length of the longest prompt.
  public let depth: Int

  // The same facts as the text encoder's tables.
  let vocabulary: Tensor  // [V], the token ids that occur
  let rowOfSymbol: Tensor  // [N], into vocabulary followed by contexts
  let positions: Tensor  // [N]
  let leaves: Tensor  // [R], the distinct ends
  let leafOfPrompt: Tensor  // [C], into leaves
  let ancestors: SparsePattern  // of each node, itself included
  let leafAncestors: SparsePattern  // of each leaf, itself included

  /// - Parameter prompts: one for each class, each from its start symbol to its end symbol; none may be empty.
  /// - Throws: ``CLIPError/emptyTrie`` where there is no prompt or an empty one.
  public init(_ prompts: [[Symbol]]) throws {
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
    contextCount = (nodes.compactMap(\.symbol.contextIndex).max() ?? -1) + 1

    let tokens = Set(nodes.compactMap(\.symbol.tokenID)).sorted()
    let rowOfToken = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
    vocabulary = try Tensor(tokens, shape: [tokens.count])
    rowOfSymbol = try Tensor(
      nodes.map { $0.symbol.row(ofToken: rowOfToken, tokenCount: tokens.count) }, shape: [nodes.count])
    positions = try Tensor(nodes.map(\.depth), shape: [nodes.count])

    let distinctEnds = Set(ends).sorted()
    let leafOfEnd = Dictionary(uniqueKeysWithValues: distinctEnds.enumerated().map { ($1, $0) })
    leaves = try Tensor(distinctEnds, shape: [distinctEnds.count])
    leafOfPrompt = try Tensor(ends.map { leafOfEnd[$0] ?? 0 }, shape: [ends.count])

    var paths: [[Int]] = []
    for (index, node) in nodes.enumerated() { paths.append((node.parent.map { paths[$0] } ?? []) + [index]) }
    ancestors = try SparsePattern(paths)
    leafAncestors = try SparsePattern(distinctEnds.map { paths[$0] })
  }

  /// The trie of some of the prompts; context vectors keep their indices.
  public func restricted(to prompts: Range<Int>) throws -> PromptTrie {
    try PromptTrie(
      ends[prompts].map { end in
        sequence(first: end) { nodes[$0].parent }.map { nodes[$0].symbol }.reversed()
      })
  }

  private struct Edge: Hashable {
    let parent: Int?
    let symbol: Symbol
  }
}

extension Symbol {
  var tokenID: Int? { if case .token(let id) = self { id } else { nil } }
  var contextIndex: Int? { if case .context(let index) = self { index } else { nil } }

  /// The row of this symbol in a table of the occurring tokens followed by the contexts.
  fileprivate func row(ofToken rows: [Int: Int], tokenCount: Int) -> Int {
    switch self {
    case .token(let id): rows[id] ?? 0
    case .context(let index): tokenCount + index
    }
  }
}
