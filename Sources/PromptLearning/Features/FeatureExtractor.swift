import CLIP
import Foundation
import Images
import Support
import Torch

/// Encodes image files a batch at a time, while other threads decode what comes next.
///
/// What it gives is data, on the CPU, wherever the model computes.
public struct FeatureExtractor: Sendable {
  /// The number of images in a batch on the CPU: enough to keep the cores busy, few enough that their hidden layers stay
  /// small.
  public static let batchSize = 32

  /// The number of images in a batch on a device.
  static func batchSize(on device: Device) -> Int {
    device.isAccelerator ? CLIPModel.imagesPerAcceleratorPass : batchSize
  }

  private let clip: CLIPModel
  private let cache: FeatureCache?
  private let reading: PhotoReading

  /// - Parameters:
  ///   - cache: the cache of the files' features; `nil` computes them.
  ///   - reading: the options of reading photos.
  public init(_ clip: CLIPModel, cache: FeatureCache? = nil, reading: PhotoReading = PhotoReading()) {
    self.clip = clip
    self.cache = cache
    self.reading = reading
  }

  /// Unit features of files, preprocessed as in testing: resized and cropped at the centre.
  ///
  /// - Parameter progress: called with the number of files done; it may throw to stop.
  /// - Returns: `[files.count, E]`, unit rows.
  public func features(of files: [URL], progress: (Int) throws -> Void = { _ in }) throws -> Tensor {
    try embeddings(of: files, progress: progress).unitRows()
  }

  /// Embeddings of files: the image tower's output before normalisation to unit length.
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

  /// Embeddings of the files that can be read, and the errors of the others. The cache is used only where all can be
  /// read.
  ///
  /// - Parameter progress: called with the number of files done; it may throw to stop.
  /// - Throws: the errors of `progress`, and errors that do not concern a file.
  public func readableEmbeddings(
    of files: [URL], progress: (Int) throws -> Void = { _ in }
  ) throws -> ReadableEmbeddings {
    /// An error that leaves the cache without saving.
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
    var parts = FeatureParts()
    var readable: [Int] = []
    var unreadable: [UnreadablePhoto] = []
    var done = 0
    try files.forEachPrefetched(
      every: Self.batchSize(on: clip.device), threads: Threads.count,
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
      if !squares.isEmpty { try parts.append(clip.imageEmbeddings(ofSquares: squares)) }
      done += batch.count
      try progress(done)
    }
    return ReadableEmbeddings(
      embeddings: try parts.whole(width: clip.imageFeatureWidth), readable: readable, unreadable: unreadable)
  }

  /// Embeddings of squares that are made from items, such as augmented views of files: from the cache, or computed and
  /// saved there.
  ///
  /// - Parameters:
  ///   - preparation: a description of how pixels are made, with everything that determines them.
  ///   - key: the file of an item, and a description of what else determines its pixels.
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
      preparation: preparation + modelDetail, items: items, width: clip.imageFeatureWidth, compute: compute)
  }

  /// What the hash of the weights leaves open: how the tower reads them, and the prompts in it. Two checkpoints may
  /// differ in their configuration alone, such as in the activation.
  private var modelDetail: String {
    let tower =
      switch clip.configuration.image {
      case .visionTransformer(let tower): "\(tower)"
      case .modifiedResNet(let tower): "\(tower)"
      case .efficientNetLite(let tower): "\(tower)"
      }
    let device = clip.device.isAccelerator ? ", on \(clip.device.kind.rawValue) \(clip.device.name ?? "")" : ""
    return "; \(tower), \(clip.configuration.activation), in \(clip.precision.rawValue)\(clip.imageEncoder.detail)"
      + device
  }

  /// What the image tower gives of single photos as they are tested; `nil` where nothing is kept.
  package var photoFeatures: PhotoFeatures? {
    cache.map { PhotoFeatures($0, preparation: preparation + modelDetail, width: clip.imageFeatureWidth) }
  }

  /// Embeddings of squares that are made from items; the next batch of squares is prefetched.
  func embeddings<Item: Sendable>(
    of items: [Item], progress: (Int) throws -> Void = { _ in }, square: @escaping @Sendable (Item) throws -> Image
  ) throws -> Tensor {
    var parts = FeatureParts()
    var done = 0
    try items.forEachPrefetched(every: Self.batchSize(on: clip.device), threads: Threads.count, by: square) {
      items, squares in
      try parts.append(clip.imageEmbeddings(ofSquares: squares))
      done += items.count
      try progress(done)
    }
    return try parts.whole(width: clip.imageFeatureWidth)
  }
}

/// The features of batches, on the CPU. Those of a device come while it has the next batch to work on, and this thread
/// prepares the batch after.
private struct FeatureParts {
  private var read: [Tensor] = []
  private var begun: TensorReading?

  mutating func append(_ features: Tensor) throws {
    guard features.device.isAccelerator else { return read.append(features) }
    // Begun before the next batch is, so that it does not wait for that; waited for after.
    let next = try TensorReading(of: features)
    if let begun { read.append(try begun.value()) }
    begun = next
  }

  /// `[images, width]`.
  mutating func whole(width: Int) throws -> Tensor {
    if let begun { read.append(try begun.value()) }
    begun = nil
    return try read.isEmpty ? .zeros([0, width]) : .concatenated(read, axis: 0)
  }
}

/// The results of encoding files that may be unreadable.
public struct ReadableEmbeddings: Sendable {
  /// `[readable.count, E]`, as the image tower gives them.
  public let embeddings: Tensor
  /// The indices of the files that could be read, in their order.
  public let readable: [Int]
  /// The unreadable files, in their order.
  public let unreadable: [UnreadablePhoto]
}

/// A photo that could not be read.
public struct UnreadablePhoto: Sendable, Equatable {
  public let file: URL
  public let error: ImageError
}
