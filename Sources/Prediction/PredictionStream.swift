import CLIP
import Foundation
import Images
import Support

/// Predicts any number of photos in the order given, in the memory of a few batches: while the model computes, another
/// thread reads and decodes the next photos.
public struct PredictionStream: Sendable {
  private let predictor: Predictor
  private let batchSize: Int
  private let top: Int
  private let reading: PhotoReading

  /// - Parameters:
  ///   - batchSize: the number of photos that go through the model together.
  ///   - top: the number of classes to report for each photo.
  ///   - reading: the options of reading photos.
  public init(_ predictor: Predictor, batchSize: Int, top: Int, reading: PhotoReading = PhotoReading()) {
    self.predictor = predictor
    self.reading = reading
    self.batchSize = batchSize
    self.top = top
  }

  /// A photo that was read, or the reason why it was not.
  private struct Decoded: Sendable {
    let file: String
    /// The photo's path, if its name has another Unicode form there.
    let otherSpelling: String?
    let square: Result<Image, any Error>
  }

  private enum Event: Sendable {
    case photo(Decoded)
    /// The list of photos itself cannot be read any further.
    case failure(any Error)
  }

  /// - Parameters:
  ///   - check: called often; it may throw to stop.
  ///   - emit: called with every photo in the order given, including those that cannot be read; it may throw to stop.
  /// - Returns: the photos that were found under another Unicode form of their names.
  /// - Throws: the errors of the list of photos, `check` and `emit`, and errors that do not concern one photo alone.
  @discardableResult
  public func run(
    _ photos: PhotoList, checking check: () throws -> Void = {}, emit: (Prediction) throws -> Void
  ) throws -> [String] {
    var otherSpellings: [String] = []
    let queue = BoundedQueue<Event>(capacity: 2 * batchSize)
    defer { queue.finish() }
    Thread.detachNewThread { [predictor, reading] in
      var iterator = photos.makeIterator()
      do {
        while let photo = try iterator.next() {
          let square = Result { try photo.image(reading: reading, seenAs: predictor.preprocessing.view) }
          let decoded = Decoded(file: photo.name, otherSpelling: photo.otherSpelling, square: square)
          guard queue.push(.photo(decoded)) else { return }
        }
        queue.finish()
      } catch {
        if queue.push(.failure(error)) { queue.finish() }
      }
    }
    var isLast = false
    while !isLast {
      var batch: [Decoded] = []
      while batch.count < batchSize {
        guard let event = try queue.pop(checking: check) else {
          isLast = true
          break
        }
        switch event {
        case .photo(let photo):
          if photo.otherSpelling != nil { otherSpellings.append(photo.file) }
          batch.append(photo)
        case .failure(let error):
          try name(batch, emit)
          throw error
        }
      }
      try name(batch, emit)
    }
    return otherSpellings
  }

  private func name(_ batch: [Decoded], _ emit: (Prediction) throws -> Void) throws {
    let squares = batch.compactMap { try? $0.square.get() }
    var candidates = try squares.isEmpty ? [] : predictor.candidates(for: squares, top: top)[...]
    for photo in batch {
      switch photo.square {
      case .success: try emit(Prediction(file: photo.file, top: candidates.removeFirst()))
      case .failure(let error as ImageError):
        try emit(Prediction(file: photo.file, top: [], error: error.explanation))
      case .failure(let error): throw error
      }
    }
  }
}
