import CLIP
import Support
import Testing
import Torch

@Suite("A prompt trie holds each beginning once")
struct PromptTrieTests {
  /// The example in ``PromptTrie``: [start v₁ v₂ cat . end], [start v₁ v₂ dog . end], [start v₁ v₂ hot dog . end].
  enum Word: Int {
    case start, cat, dog, hot, stop, end
    var symbol: PromptSymbol { .token(rawValue) }
  }
  static let stem: [PromptSymbol] = [Word.start.symbol, .context(0), .context(1)]
  static let drawn = [[Word.cat], [.dog], [.hot, .dog]].map { name in
    stem + (name + [.stop, .end]).map(\.symbol)
  }

  @Test("the drawn example: 19 positions, 13 nodes")
  func drawnExample() throws {
    let trie = try PromptTrie(Self.drawn)
    #expect(Self.drawn.map(\.count).reduce(0, +) == 19)
    #expect(trie.nodes.count == 13)
    let tails: [[Word]] = [[.cat, .stop, .end], [.dog, .stop, .end], [.hot, .dog, .stop, .end]]
    #expect(trie.nodes.map(\.symbol) == Self.stem + tails.joined().map(\.symbol))
    #expect(trie.nodes.map(\.parent) == [nil, 0, 1, 2, 3, 4, 2, 6, 7, 2, 9, 10, 11])
    #expect(trie.nodes.map(\.depth) == [0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 6])
    #expect(trie.ends == [5, 8, 12])
    #expect(trie.contextCount == 2)
    #expect(trie.depth == 7)
  }

  @Test("the path to each end spells the prompt again, in any order of prompts")
  func paths() throws {
    for prompts in [Self.drawn, Self.drawn.reversed(), Self.drawn + Self.drawn] {
      let trie = try PromptTrie(prompts)
      #expect(trie.nodes.count == 13)
      let spelled = trie.ends.map { end in
        sequence(first: end) { trie.nodes[$0].parent }.map { trie.nodes[$0].symbol }.reversed()
      }
      #expect(spelled.map { Array($0) } == prompts)
      #expect(trie.nodes.enumerated().allSatisfy { index, node in node.parent.map { $0 < index } ?? (node.depth == 0) })
    }
  }

  @Test("equal prompts share one end, and a prompt may end inside another")
  func sharedEnds() throws {
    let (a, b) = (PromptSymbol.token(1), PromptSymbol.token(2))
    let trie = try PromptTrie([[a, b, a], [a, b], [a, b, a], [b]])
    #expect(trie.ends == [2, 1, 2, 3])
    #expect(trie.nodes.map(\.parent) == [nil, 0, 1, nil])
    #expect(trie.contextCount == 0)
    #expect(trie.depth == 3)
  }

  @Test("no prompt, or an empty one, is refused")
  func empty() {
    let text = "There is no class to build prompts for. Name at least one class."
    for prompts in [[], [[]], [[.token(1)], []]] as [[[PromptSymbol]]] {
      #expect(throws: CLIPError.emptyTrie) { try PromptTrie(prompts) }
    }
    #expect(CLIPError.emptyTrie.explanation == text)
  }
}
