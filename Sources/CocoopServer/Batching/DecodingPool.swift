import CLIP
import Foundation
import Images
import NIOPosix

/// A few threads that turn the bytes of photos into the squares that the model sees, while the model computes.
struct DecodingPool: Sendable {
  private let threads: NIOThreadPool
  private let preprocessing: Preprocessing
  let reading: PhotoReading

  /// - Parameters:
  ///   - threads: each holds one decoded photo at a time, so their number bounds the memory of pixels.
  ///   - reading: how photos are read; their headers are believed, and nothing of one that is too large is decoded.
  init(threads: Int, preprocessing: Preprocessing, reading: PhotoReading) {
    self.threads = NIOThreadPool(numberOfThreads: threads)
    self.threads.start()
    self.preprocessing = preprocessing
    self.reading = reading
  }

  /// - Parameter name: what errors call the photo.
  /// - Throws: `ImageError`, or `CancellationError` where the task was cancelled before its turn.
  func square(_ data: Data, named name: String) async throws -> Image {
    try await threads.runIfActive { [preprocessing, reading] in
      try reading.image(decoding: data, named: name, seenAs: preprocessing.view)
    }
  }
}
