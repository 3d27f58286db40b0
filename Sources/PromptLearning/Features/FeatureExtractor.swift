import CLIP
import Foundation
import Images
import Support
import Torch

/// Encodes image files a batch at a time, while other threads decode what comes next.
public struct FeatureExtractor: Sendable {
  /// Enough images to keep the cores busy, few enough that their hidden layers stay small.
  public static let batchSize = 32

  private let clip: CLIPModel
  private let cache: FeatureCache?
  private let reading: PhotoReading

  /// - Parameters:
  ///   - cache: where features of the same files may be found and are kept; `nil` computes them.
  ///   - reading: how photos are read.
  public init(_ clip: CLIPModel, cache: FeatureCache? = nil, reading: PhotoReading = PhotoReading()) {
    self.clip = clip
    self.cache = cache
    self.reading = reading
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
    return try embeddings(of: files, preparation: preparation, key: { ($0, "") }, progress: progress) { [reading] in
      try preprocessing.square(at: $0, reading: reading)
    }
  }

  /// How the pixels of a file are made, for the cache's key.
  private var preparation: String {
    "as tested: \(clip.configuration.preprocessing)" + reading.keyDetail
  }

  /// What the image tower gives of the files that can be read, and why it gives nothing of the others. Found in the
  /// cache and kept there only where all can be read.
  ///
  /// - Parameter progress: told how many files are done; it may throw to stop.
  /// - Throws: what `progress` throws, and what is not the fault of a file.
  public func readableEmbeddings(
    of files: [URL], progress: (Int) throws -> Void = { _ in }
  ) throws -> ReadableEmbeddings {
    /// Leaves the cache without anything kept.
    struct Incomplete: Error { let found: ReadableEmbeddings }
    do {
      let whole = try cached(preparation, files.map { ($0, "") }) {
        let found = try encodeReadable(files, progress: progress)
        guard found.unreadable.isEmpty else { throw Incomplete(found: found) }
        return found.embeddings
      }
      return ReadableEmbeddings(embeddings: whole, readable: Array(files.indices), unreadable: [])
    } catch let incomplete as Incomplete {
      return incomplete.found
    }
  }

  private func encodeReadable(_ files: [URL], progress: (Int) throws -> Void) throws -> ReadableEmbeddings {
    let (preprocessing, reading) = (clip.configuration.preprocessing, reading)
    var parts: [Tensor] = []
    var readable: [Int] = []
    var unreadable: [UnreadablePhoto] = []
    var done = 0
    try files.forEachPrefetched(
      every: Self.batchSize, threads: Threads.count,
      by: { url in
        Result { try preprocessing.square(at: url, reading: reading) }
      }
    ) { batch, results in
      var squares: [Image] = []
      for (offset, (file, result)) in zip(batch, results).enumerated() {
        do {
          squares.append(try result.get())
          readable.append(done + offset)
        } catch let error as ImageError {
          unreadable.append(UnreadablePhoto(file: file, error: error))
        }
      }
      if !squares.isEmpty { parts.append(try clip.imageEmbeddings(ofSquares: squares)) }
      done += batch.count
      try progress(done)
    }
    let embeddings =
      try parts.isEmpty ? Tensor.zeros([0, clip.embeddingWidth]) : Tensor.concatenated(parts, axis: 0)
    return ReadableEmbeddings(embeddings: embeddings, readable: readable, unreadable: unreadable)
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
    try cached(preparation, items.map(key)) { try embeddings(of: items, progress: progress, square: square) }
  }

  private func cached(
    _ preparation: String, _ items: [(file: URL, detail: String)], compute: () throws -> Tensor
  ) throws -> Tensor {
    guard let cache else { return try compute() }
    return try cache.features(
      preparation: preparation + precisionDetail, items: items, width: clip.embeddingWidth, compute: compute)
  }

  /// Runs of before the choice know of float32 alone, and so do the names of what they kept.
  private var precisionDetail: String { clip.precision == .float32 ? "" : ", in \(clip.precision.rawValue)" }

  /// What the image tower gives of single photos as they are tested; `nil` where nothing is kept.
  package var photoFeatures: PhotoFeatures? {
    cache.map { PhotoFeatures($0, preparation: preparation + precisionDetail, width: clip.embeddingWidth) }
  }

  /// What the image tower makes of squares that are made from items; the next batch of squares is made meanwhile.
  func embeddings<Item: Sendable>(
    of items: [Item], progress: (Int) throws -> Void = { _ in }, square: @escaping @Sendable (Item) throws -> Image
  ) throws -> Tensor {
    var parts: [Tensor] = []
    var done = 0
    try items.forEachPrefetched(every: Self.batchSize, threads: Threads.count, by: square) { items, squares in
      parts.append(try clip.imageEmbeddings(ofSquares: squares))
      done += items.count
      try progress(done)
    }
    return try parts.isEmpty ? Tensor.zeros([0, clip.embeddingWidth]) : Tensor.concatenated(parts, axis: 0)
  }
}

/// What became of files whose images were to be encoded.
public struct ReadableEmbeddings: Sendable {
  /// `[readable.count, E]`, as the image tower gives them.
  public let embeddings: Tensor
  /// The indices of the files that could be read, in their order.
  public let readable: [Int]
  /// The others, in their order.
  public let unreadable: [UnreadablePhoto]
}

/// A photo that could not be read.
public struct UnreadablePhoto: Sendable, Equatable {
  public let file: URL
  public let error: ImageError
}
