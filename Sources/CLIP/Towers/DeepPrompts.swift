import Torch

/// Learned rows that stand among the others of a transformer, and are replaced in front of each of its first blocks
/// (Jia et al., *Visual Prompt Tuning*, ECCV 2022; Khattak et al., *MaPLe*, CVPR 2023, §3.2).
///
/// The rows of block ℓ take the place of what block ℓ − 1 has made of its own. From the last of these blocks on they go
/// through the tower as every row does.
///
/// A row whose output is replaced needs no query, no output projection and no MLP: there the rows are keys and values
/// alone. Those of an image tower are the same for all images, and are computed once for all.
public struct DeepPrompts: Sendable {
  /// J values, `[M, D]` each: the rows in front of block 0, 1, … J − 1. Positions are already added to the first.
  public let values: [Tensor]

  /// J: how many blocks have rows of their own.
  public var depth: Int { values.count }
  /// M: how many rows each of them has.
  public var length: Int { values.first?.shape.first ?? 0 }

  /// - Parameter values: at least one, of one shape `[M, D]`.
  /// - Throws: ``CLIPError/deepPrompts(problem:remedy:)``.
  public init(_ values: [Tensor]) throws {
    guard let shape = values.first?.shape, shape.count == 2, shape[0] > 0, values.allSatisfy({ $0.shape == shape })
    else {
      throw CLIPError.deepPrompts(
        problem: "Deep prompts need the same number of rows in each block, found \(values.map(\.shape))", remedy: nil)
    }
    self.values = values
  }

  /// - Parameters:
  ///   - first: `[M, D]`, in front of block 0.
  ///   - deeper: `[J − 1, M, D]`, in front of the blocks after it.
  public init(first: Tensor, deeper: Tensor) throws {
    try self.init([first] + (deeper.shape[0] == 0 ? [] : DeepPrompts(blocks: deeper).values))
  }

  /// - Parameter blocks: `[J, M, D]`, in front of J blocks.
  public init(blocks: Tensor) throws {
    try self.init(
      (0..<blocks.shape[0]).map { try blocks.sliced($0..<$0 + 1, axis: 0).reshaped(Array(blocks.shape[1...])) })
  }

  /// The same with another value in front of block 0.
  func replacingFirst(_ first: Tensor) throws -> DeepPrompts { try DeepPrompts([first] + values.dropFirst()) }
}

/// What rows attend to where deep prompts stand behind all other rows.
struct DeepLayout: Sendable {
  /// The keys of each other row, where prompts are keys alone.
  let apart: AttentionPattern
  /// The keys of each row, prompts included.
  let together: AttentionPattern
  /// The rows that are read at the end: `[R]`, and their keys.
  let read: Indices
  let readPattern: AttentionPattern

  /// The layout where every row attends to every row.
  static func full(reading rows: Indices) -> DeepLayout {
    DeepLayout(apart: .full, together: .full, read: rows, readPattern: .full)
  }
}

/// A prompt trie whose context vectors all stand on the stem that its prompts share, so that they may be replaced in
/// front of inner blocks: a node's state then still depends on its path alone.
public struct DeepTrie: Sendable {
  public let prepared: PreparedTrie
  let layout: DeepLayout
  let positions: Indices  // [M], of the contexts

  public var trie: PromptTrie { prepared.trie }
}

/// A prompt trie between whose start symbol and all that follows it rows are inserted in front of an inner block
/// (Guo, Gu: *MMRL*, CVPR 2025, §3.2).
///
/// Positions are added in front of block 0, so the rows do no more than lengthen the stem that all prompts share, and a
/// node's state still depends on its path alone. What the blocks below make of the prompts is constant.
public struct ExtendedTrie: Sendable {
  public let trie: PromptTrie
  let hidden: Tensor  // [1, N, D], the input of the block
  let projected: Tensor?  // [1, N, 3D], what that block projects of it
  let layout: DeepLayout
  /// The block, from 0, in front of which rows are inserted.
  public let block: Int
}

extension TextEncoder {
  /// The trie with what rows behind the start symbol need.
  ///
  /// - Parameters:
  ///   - trie: of prompts without context vectors that all begin with one start symbol.
  ///   - count: K, how many rows are inserted.
  ///   - block: from 0, in front of which.
  /// - Throws: ``CLIPError/deepPrompts(problem:remedy:)`` for other prompts, ``CLIPError/depth(_:tower:blocks:)`` for a
  ///   block that the tower does not have.
  public func prepared(_ trie: PromptTrie, inserting count: Int, before block: Int) throws -> ExtendedTrie {
    guard trie.contextCount == 0, trie.nodes.count(where: { $0.parent == nil }) == 1 else {
      throw CLIPError.deepPrompts(
        problem: "Rows behind the start symbol need prompts of words alone that begin with one symbol", remedy: nil)
    }
    guard (0..<layerCount).contains(block) else {
      throw CLIPError.depth(block + 1, tower: "text", blocks: layerCount)
    }
    let (hidden, projected) = try constants(of: prepared(trie), before: block)
    return ExtendedTrie(
      trie: trie, hidden: hidden, projected: projected, layout: try DeepLayout(trie, inserting: count), block: block)
  }

  /// The trie with what deep prompts need.
  ///
  /// - Throws: ``CLIPError/deepPrompts(problem:remedy:)`` where the context vectors do not stand behind the start
  ///   symbol of every prompt: with a class name in front of them, or among them, they would leave the common stem.
  public func preparedForDeepPrompts(_ trie: PromptTrie) throws -> DeepTrie {
    let count = trie.contextCount
    let stem = (0..<count).map(PromptSymbol.context)
    let paths = trie.ends.indices.map { trie.path(of: $0).map { trie.nodes[$0].symbol } }
    guard count > 0, paths.allSatisfy({ $0.count > count + 1 && Array($0[1...count]) == stem }),
      trie.nodes.count(where: { $0.symbol.contextIndex != nil }) == count
    else {
      throw CLIPError.deepPrompts(
        problem: "Deep prompts need the class name at the end, behind all context vectors",
        remedy: "Take the position 'end'")
    }
    return DeepTrie(
      prepared: try prepared(trie), layout: try DeepLayout(trie),
      positions: try Indices(Array(1...count)))
  }
}

extension DeepLayout {
  /// The rows of a trie's nodes, then those that are inserted behind its start symbol.
  fileprivate init(_ trie: PromptTrie, inserting count: Int) throws {
    let inserted = Array(trie.nodes.count..<trie.nodes.count + count)
    var paths: [[Int]] = []  // of nodes
    for (index, node) in trie.nodes.enumerated() { paths.append((node.parent.map { paths[$0] } ?? []) + [index]) }
    let start = paths.first { $0.count == 1 } ?? []
    let extended = paths.map { $0.count == 1 ? $0 : start + inserted + $0.dropFirst() }
    let leaves = Set(trie.ends).sorted()
    apart = .sparse(try SparsePattern(extended))
    together = .sparse(try SparsePattern(extended + inserted.indices.map { start + inserted[...$0] }))
    read = try Indices(leaves)
    readPattern = .sparse(try SparsePattern(leaves.map { extended[$0] }))
  }

  /// The rows of a trie's vocabulary nodes, then those of its contexts.
  fileprivate init(_ trie: PromptTrie) throws {
    let vocabulary = trie.nodes.indices.filter { trie.nodes[$0].symbol.tokenID != nil }
    let contexts = trie.nodes.indices.filter { trie.nodes[$0].symbol.contextIndex != nil }
    var row = [Int](repeating: 0, count: trie.nodes.count)
    for (index, node) in (vocabulary + contexts).enumerated() { row[node] = index }
    var paths: [[Int]] = []  // of rows, by node
    for (index, node) in trie.nodes.enumerated() { paths.append((node.parent.map { paths[$0] } ?? []) + [row[index]]) }
    let leaves = Set(trie.ends).sorted()
    apart = .sparse(try SparsePattern(vocabulary.map { paths[$0] }))
    together = .sparse(try SparsePattern((vocabulary + contexts).map { paths[$0] }))
    read = try Indices(leaves.map { row[$0] })
    readPattern = .sparse(try SparsePattern(leaves.map { paths[$0] }))
  }
}

extension CLIPError {
  /// Deep prompts that a tower or its prompts have no place for.
  public static func deepPrompts(problem: String, remedy: String?) -> Self { other(problem, remedy: remedy) }

  /// Deep prompts for more blocks than a tower has.
  public static func depth(_ depth: Int, tower: String, blocks: Int) -> Self {
    deepPrompts(
      problem: "Prompts for \(depth) blocks were given, but the \(tower) tower has \(blocks)",
      remedy: "Give a depth from 1 to \(blocks)")
  }

  /// An image tower without a row of tokens.
  public static func noPlaceForPrompts(model: String, tower: String) -> Self {
    deepPrompts(
      problem: "Prompts stand among the tokens of a vision transformer, but the image tower of \(model) is \(tower)",
      remedy: "Take a model with a ViT, or a method that learns in the text tower alone")
  }
}
