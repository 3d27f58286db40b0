import CLIP
import Tokenization
import Torch

/// The vocabulary entries whose embeddings are nearest to learned vectors, by Euclidean distance: the only
/// interpretation of a context vector that the papers offer (CoOp, §4.2; the reference's `interpret_prompt.py`). It is
/// a weak one: a vector may be far from every word.
public struct NearestWords: Sendable {
  private let textEncoder: TextEncoder
  private let tokenizer: Tokenizer
  /// The number of entries whose distances are in memory at once.
  private static let chunk = 8192

  public init(in clip: CLIPModel) {
    textEncoder = clip.textEncoder
    tokenizer = clip.tokenizer
  }

  /// A vocabulary entry near a vector.
  public struct Match: Sendable, Codable, Equatable {
    public let id: Int
    /// The entry in readable form: `VocabularyEntry/word`.
    public let word: String
    /// The entry in the vocabulary's spelling, such as `cat</w>`.
    public let token: String
    public let distance: Double
  }

  /// - Parameters:
  ///   - vectors: `[K, D]`.
  ///   - count: the number of entries for each vector.
  /// - Returns: for each vector, its nearest entries, the nearest first; of equally near ones, the lower id first.
  /// - Complexity: O(K · V · D) for V entries, in 64-bit floats: the difference of two squares would lose 32-bit ones.
  public func callAsFunction(to vectors: Tensor, count: Int) throws -> [[Match]] {
    guard vectors.shape.count == 2, vectors.shape[1] == textEncoder.width else {
      throw TorchError.shape(
        operation: "nearest words", expected: "vectors [K, \(textEncoder.width)]", found: vectors.shape)
    }
    let vectors = try vectors.on(.cpu).converted(to: .float64)  // not every device has that precision
    let lengths = try squaredLengths(of: vectors)
    var nearest = [Nearest](repeating: Nearest(limit: count), count: lengths.count)
    for start in stride(from: 0, to: textEncoder.vocabularySize, by: Self.chunk) {
      let ids = start..<min(start + Self.chunk, textEncoder.vocabularySize)
      let entries = try textEncoder.embeddings(of: Array(ids)).on(.cpu).converted(to: .float64)  // [ids.count, D]
      let entryLengths = try squaredLengths(of: entries)
      let products = try vectors.matmul(entries.transposed()).doubles()  // [K, ids.count]
      for (vector, length) in lengths.enumerated() {
        for (entry, entryLength) in entryLengths.enumerated() {
          // |v − e|² = |v|² + |e|² − 2 v · e
          let squared = length + entryLength - 2 * products[vector * ids.count + entry]
          nearest[vector].consider(ids.lowerBound + entry, squared)
        }
      }
    }
    return nearest.map { $0.entries.map(match) }
  }

  private func squaredLengths(of rows: Tensor) throws -> [Double] {
    try (rows * rows).mean(over: [1]).doubles().map { $0 * Double(textEncoder.width) }
  }

  private func match(_ entry: (id: Int, squared: Double)) -> Match {
    Match(
      id: entry.id, word: tokenizer.entry(entry.id)?.word ?? "entry \(entry.id)",
      token: tokenizer.name(of: entry.id) ?? "", distance: max(0, entry.squared).squareRoot())
  }
}

/// The nearest entries found so far, nearest first.
private struct Nearest {
  let limit: Int
  private(set) var entries: [(id: Int, squared: Double)] = []

  init(limit: Int) { self.limit = limit }

  mutating func consider(_ id: Int, _ squared: Double) {
    guard entries.count < limit || squared < entries.last?.squared ?? -.infinity else { return }
    let place = entries.firstIndex { squared < $0.squared } ?? entries.count
    entries.insert((id, squared), at: place)
    if entries.count > limit { entries.removeLast() }
  }
}

/// The context vectors in a file of prompts, without class names.
public struct LearnedContexts: Sendable {
  /// `[S, M, D]`: S is 1 where all classes share their vectors, else C.
  public let vectors: Tensor
  /// Whether each class has vectors of its own.
  public let isClassSpecific: Bool
  /// CoCoOp's meta-network; `nil` for other methods.
  private let metaNetwork: MetaNetwork?

  init(_ vectors: Tensor, isClassSpecific: Bool, metaNetwork: MetaNetwork?) {
    self.vectors = vectors
    self.isClassSpecific = isClassSpecific
    self.metaNetwork = metaNetwork
  }

  /// Whether an image shifts the vectors.
  public var isConditional: Bool { metaNetwork != nil }

  /// The vectors shifted by images, or unchanged where images do not shift them.
  ///
  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: `[B, M, D]`, or ``vectors``.
  public func shifted(by imageFeatures: Tensor) throws -> Tensor {
    guard let metaNetwork else { return vectors }
    return try vectors + metaNetwork(imageFeatures.on(vectors.device)).unsqueezed(at: 1)
  }
}
