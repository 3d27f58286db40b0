import CLIP
import Foundation
import Images
import NIOPosix

/// A few threads that turn the bytes of photos into the squares that the model sees, while the model computes.
package struct DecodingPool: Sendable {
  private let threads: NIOThreadPool
  private let preprocessing: Preprocessing
  private let limits: DecodingLimits

  package struct Settings: Sendable {
    /// Threads that decode photos. Each holds one decoded photo at a time, so their number bounds the memory of pixels.
    package var threads = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount / 2))
    /// Pixels of one photo, of which a decoded one takes three bytes each. Its header is believed, and nothing of a
    /// larger one is decoded.
    package var pixels = 50_000_000

    package init() {}
  }

  init(_ settings: Settings, preprocessing: Preprocessing) {
    threads = NIOThreadPool(numberOfThreads: settings.threads)
    threads.start()
    self.preprocessing = preprocessing
    limits = DecodingLimits(maximumPixels: settings.pixels)
  }

  /// - Parameter name: what errors call the photo.
  /// - Throws: `ImageError`, or `CancellationError` where the task was cancelled before its turn.
  func square(_ data: Data, named name: String) async throws -> Image {
    try await threads.runIfActive { [preprocessing, limits] in
      try preprocessing.square(Image(decoding: data, named: name, limits: limits))
    }
  }
}
