import CLIP
import Foundation
import Images
import NIOPosix

/// A few threads that turn the bytes of photos into the squares that the model sees, while the model computes.
struct DecodingPool: Sendable {
  private let threads: NIOThreadPool
  private let preprocessing: Preprocessing
  private let limits: DecodingLimits

  /// - Parameters:
  ///   - threads: each holds one decoded photo at a time, so their number bounds the memory of pixels.
  ///   - maximumPixels: of a photo; its header is believed and nothing of a larger one is decoded.
  init(threads: Int, preprocessing: Preprocessing, maximumPixels: Int) {
    self.threads = NIOThreadPool(numberOfThreads: threads)
    self.threads.start()
    self.preprocessing = preprocessing
    limits = DecodingLimits(maximumPixels: maximumPixels)
  }

  /// - Parameter name: what errors call the photo.
  /// - Throws: `ImageError`, or `CancellationError` where the task was cancelled before its turn.
  func square(_ data: Data, named name: String) async throws -> Image {
    try await threads.runIfActive { [preprocessing, limits] in
      try preprocessing.square(Image(decoding: data, named: name, limits: limits))
    }
  }
}
