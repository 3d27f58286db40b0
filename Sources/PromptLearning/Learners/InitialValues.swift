import CLIP
import Images
import Torch

/// Initial values of contexts and layers, drawn from a generator that is passed in.
extension InitialContext {
  /// M context vectors, `[M, D]`.
  ///
  /// - Throws: ``LearningError/emptyContext(words:)``, ``LearningError/setting(name:expected:found:)``.
  func vectors(for clip: CLIPModel, using generator: inout SeededGenerator) throws -> Tensor {
    switch self {
    case .words(let words):
      let ids = clip.tokenizer.encode(words)
      guard !ids.isEmpty else { throw LearningError.emptyContext(words: words) }
      return try clip.textEncoder.embeddings(of: ids)
    case .random(let count):
      guard (1..<clip.textEncoder.tokenLimit).contains(count) else {
        throw LearningError.setting(
          name: "The number of context vectors", expected: "from 1 to \(clip.textEncoder.tokenLimit - 1)",
          found: "\(count)")
      }
      return try .normal([count, clip.textEncoder.width], deviation: 0.02, using: &generator)
    }
  }
}

extension Tensor {
  /// Draws from N(0, `deviation`²).
  static func normal(_ shape: [Int], deviation: Float, using generator: inout SeededGenerator) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) * deviation }, shape: shape)
  }

  /// Draws from −`bound` to `bound`.
  static func uniform(_ shape: [Int], bound: Float, using generator: inout SeededGenerator) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { _ in Float(2 * generator.uniform() - 1) * bound }, shape: shape)
  }
}
