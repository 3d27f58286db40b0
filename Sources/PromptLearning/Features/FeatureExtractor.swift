import CLIP
import Explanations
import Foundation
import Images
import Torch

/// Encodes image files a batch at a time: decoding runs on all cores, and so does the encoder.
public struct FeatureExtractor: Sendable {
  /// Enough images to keep the cores busy, few enough that their hidden layers stay small.
  public static let batchSize = 32

  private let clip: CLIPModel
  private let cache: FeatureCache?

  /// - Parameter cache: where features of the same files may be found and are kept; `nil` computes them.
  public init(_ clip: CLIPModel, cache: FeatureCache? = nil) {
    self.clip = clip
    self.cache = cache
  }

  /// Unit features of files as they are tested: resized and cropped at the centre.
  ///
  /// - Parameter progress: told how many files are done; it may throw to stop.
  /// - Returns: `[files.count, E]`, unit rows.
  public func features(of files: [URL], progress: (Int) throws -> Void = { _ in }) throws -> Tensor {
    try embeddings(of: files, progress: progress).unitRows()
  }

  /// The same before they are brought to unit length: what the image tower gives.
  ///
  /// - Returns: `[files.count, E]`.
  public func embeddings(of files: [URL], progress: (Int) throws -> Void = { _ in }) throws -> Tensor {
    let preprocessing = clip.configuration.preprocessing
    return try embeddings(
      of: files, preparation: "as tested: \(preprocessing)", key: { ($0, "") }, progress: progress
    ) { try preprocessing.square(Image(contentsOf: $0)) }
  }

  /// What the image tower makes of squares that are made from items, such as augmented views of files: found in the
  /// cache, or kept there.
  ///
  /// - Parameters:
  ///   - preparation: how pixels are made, with all that decides them.
  ///   - key: the file of an item, and what else decides its pixels.
  func embeddings<Item: Sendable>(
    of items: [Item], preparation: String, key: (Item) -> (file: URL, detail: String),
    progress: (Int) throws -> Void = { _ in }, square: @escaping @Sendable (Item) throws -> Image
  ) throws -> Tensor {
    guard let cache else { return try embeddings(of: items, progress: progress, square: square) }
    // Runs of before the choice know of float32 alone, and so do the names of what they kept.
    let precision = clip.precision == .float32 ? "" : ", in \(clip.precision.rawValue)"
    return try cache.features(preparation: preparation + precision, items: items.map(key), width: clip.embeddingWidth) {
      try embeddings(of: items, progress: progress, square: square)
    }
  }

  /// What the image tower makes of squares that are made from items; the next batch of squares is made meanwhile.
  func embeddings<Item: Sendable>(
    of items: [Item], progress: (Int) throws -> Void = { _ in }, square: @escaping @Sendable (Item) throws -> Image
  ) throws -> Tensor {
    var parts: [Tensor] = []
    var done = 0
    try items.split(every: Self.batchSize).forEachMadeAhead(by: { try $0.concurrentMap(square) }) { items, squares in
      parts.append(try clip.imageEmbeddings(ofSquares: squares))
      done += items.count
      try progress(done)
    }
    return try parts.isEmpty ? Tensor.zeros([0, clip.embeddingWidth]) : Tensor.concatenated(parts, axis: 0)
  }
}
