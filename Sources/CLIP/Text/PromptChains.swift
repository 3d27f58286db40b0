import Torch

/// The rows of prompts from a block on where each prompt has tokens of its own behind the start symbol.
///
/// Before that block the prompts are one ``PromptTrie``. From its attention on, every row behind the start attends to its
/// own class's tokens, so that the start alone stays common: a chain for each prompt.
///
/// ```
/// start ─┬─ t₁ ─ t₂ ─ cat ─ . ─ end        t₁ and t₂ are new rows of each class; what follows them comes from the trie's
///        └─ u₁ ─ u₂ ─ dog ─ . ─ end        nodes, as they are in front of the block
/// ```
public struct PromptChains: Sendable {
  /// The block, from 0, in front of which the new rows stand.
  let block: Int
  /// The number of rows.
  let rowCount: Int
  /// `[rowCount]`, into the trie's N nodes followed by the C · T new rows.
  let sources: Indices
  let ancestors: SparsePattern  // of each row, itself included
  let ends: Indices  // [C], the row of each prompt's last symbol
  let endAncestors: SparsePattern

  /// - Parameters:
  ///   - trie: of prompts that begin with one start symbol and at least `tokenCount` symbols that all share.
  ///   - tokenCount: T, the new rows of each prompt.
  ///   - block: from 1 to the last one.
  /// - Throws: ``CLIPError/emptyTrie`` where a prompt ends within the tokens.
  public init(_ trie: PromptTrie, tokenCount: Int, block: Int) throws {
    self.block = block
    var (sources, paths, ends): ([Int], [[Int]], [Int]) = ([0], [[0]], [])
    for prompt in trie.ends.indices {
      let nodes = trie.path(of: prompt)
      guard nodes.count > tokenCount + 1 else { throw CLIPError.emptyTrie }
      var path = [0]
      for (position, node) in nodes.enumerated().dropFirst() {
        path.append(sources.count)
        paths.append(path)
        sources.append(
          position <= tokenCount ? trie.nodes.count + prompt * tokenCount + position - 1 : node)
      }
      ends.append(sources.count - 1)
    }
    rowCount = sources.count
    self.sources = try Indices(sources)
    ancestors = try SparsePattern(paths)
    self.ends = try Indices(ends)
    endAncestors = try SparsePattern(ends.map { paths[$0] })
  }
}
