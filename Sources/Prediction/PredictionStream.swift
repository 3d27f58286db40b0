import CLIP
import Foundation
import Images
import PromptLearning
import Support
import Synchronization
import Torch
import WebDataset

/// Names any number of photos in the order given, in the memory of a few batches: while the model computes, other
/// threads read and decode what comes next.
public struct PredictionStream: Sendable {
  private let predictor: Predictor
  private let batchSize: Int
  private let top: Int
  private let reading: PhotoReading
  private let known: PhotoFeatures?

  /// - Parameters:
  ///   - batchSize: photos that go through the model together.
  ///   - top: how many classes to tell of each.
  ///   - reading: how photos are read.
  ///   - cache: where features of the same files may be found and are kept; `nil` computes them.
  public init(
    _ predictor: Predictor, batchSize: Int, top: Int, reading: PhotoReading = PhotoReading(), cache: FeatureCache? = nil
  ) {
    self.predictor = predictor
    self.reading = reading
    self.batchSize = batchSize
    self.top = top
    known = FeatureExtractor(predictor.clip, cache: cache, reading: reading).photoFeatures
  }

  /// A photo that was read or is known, or the reason why it was not read.
  private struct Decoded: Sendable {
    enum Content: Sendable {
      case square(Image)
      /// `[E]`.
      case features([Float])
    }

    let file: String
    /// The photo's path, if its name has another Unicode form there.
    let otherSpelling: String?
    let key: PhotoFeatures.Name?
    let content: Result<Content, any Error>
    /// Whether it is not computed together with those before it.
    let beginsBatch: Bool
  }

  /// - Parameters:
  ///   - check: called often; it may throw to stop.
  ///   - emit: called with every photo in the order given, including those that cannot be read; it may throw to stop.
  /// - Returns: the photos that were found under another Unicode form of their names.
  /// - Throws: the errors of the list of photos, `check` and `emit`, and errors that do not concern one photo alone, such
  ///   as `LearningError` where the precision is too small for the model.
  @discardableResult
  public func run(
    _ photos: PhotoList, checking check: () throws -> Void = {}, emit: (Prediction) throws -> Void
  ) throws -> [String] {
    var otherSpellings: [String] = []
    let list = Mutex(photos.makeIterator(limits: reading.limits))
    let prefetch = OrderedPrefetch(
      threads: Threads.count, capacity: 2 * batchSize, next: { try list.withLock { try $0.next() } },
      make: { [self] in decoded($0.photo, beginsBatch: $0.beginsBatch) })
    defer {
      prefetch.stop()
      known?.keep()
    }
    var batch: [Decoded] = []
    while let next = try prefetch.next(checking: check) {
      switch next {
      case .success(let photo):
        if photo.beginsBatch {
          try name(batch, emit)
          batch = []
        }
        if photo.otherSpelling != nil { otherSpellings.append(photo.file) }
        batch.append(photo)
        guard batch.count == batchSize else { continue }
        try name(batch, emit)
        batch = []
      case .failure(let error):
        try name(batch, emit)
        throw error
      }
    }
    try name(batch, emit)
    return otherSpellings
  }

  private func decoded(_ photo: Photo, beginsBatch: Bool) -> Decoded {
    let otherSpelling = photo.otherSpelling
    // A photo that changes while it is read is kept under what it was before.
    let key = known == nil ? nil : photo.file(otherSpelling).flatMap(PhotoFeatures.Name.init)
    let content = Result<Decoded.Content, any Error> {
      if let key, let features = known?.features(of: key) { return .features(features) }
      return .square(
        try photo.image(at: otherSpelling, reading: reading, seenAs: predictor.preprocessing.view))
    }
    return Decoded(
      file: photo.name, otherSpelling: otherSpelling, key: key, content: content, beginsBatch: beginsBatch)
  }

  private func name(_ batch: [Decoded], _ emit: (Prediction) throws -> Void) throws {
    guard !batch.isEmpty else { return }
    var candidates = try predictor.candidates(forEmbeddings: embeddings(of: batch), top: top)[...]
    for photo in batch {
      switch photo.content {
      case .success:
        guard let top = candidates.removeFirst() else { throw predictor.notNumbers(of: photo.file) }
        try emit(Prediction(file: photo.file, top: top))
      case .failure(let error as any UserFacingError) where error is ImageError || error is TarError:
        try emit(Prediction(file: photo.file, top: [], error: error.explanation))
      case .failure(let error): throw error
      }
    }
  }

  /// What the image tower gives of the photos that could be read: `[photos, E]`.
  private func embeddings(of batch: [Decoded]) throws -> Tensor {
    let squares = batch.compactMap { photo in
      if case .success(.square(let square)) = photo.content { square } else { nil }
    }
    let encoded = try predictor.clip.imageEmbeddings(ofSquares: squares)
    guard let known else { return encoded }
    let width = predictor.clip.imageFeatureWidth
    var computed = try encoded.floats()[...]
    var rows: [Float] = []
    for photo in batch {
      switch photo.content {
      case .success(.features(let features)): rows += features
      case .success(.square):
        let features = Array(computed.prefix(width))
        computed = computed.dropFirst(width)
        rows += features
        if let key = photo.key { known.add(features, of: key) }
      case .failure: continue
      }
    }
    return try Tensor(rows, shape: [rows.count / width, width])
  }
}
