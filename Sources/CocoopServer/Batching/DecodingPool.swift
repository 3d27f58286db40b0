import CLIP
import Foundation
import Images
import NIOPosix

/// A few threads that turn the bytes of photos into the squares that the model sees, while the model computes.
package struct DecodingPool: Sendable {
  private let threads: NIOThreadPool
  private let preprocessing: Preprocessing
  let reading: PhotoReading

  package struct Settings: Sendable {
    /// Threads that decode photos. Each holds one decoded photo at a time, so their number bounds the memory of pixels.
    package var threads = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount / 2))
    /// The pixels of one photo. Its header is believed, and nothing of a larger one is decoded. A JPEG or PNG that is
    /// stored row by row is never whole in memory; others take up to seven bytes each.
    package var pixels = DecodingLimits.standard.maximumPixels
    /// Whether photos are turned as their EXIF says.
    package var orientation = Orientation.exif
    /// How much of a photo is decoded.
    package var photoDecoding = PhotoDecoding.exact

    package init() {}
  }

  init(_ settings: Settings, preprocessing: Preprocessing) {
    threads = NIOThreadPool(numberOfThreads: settings.threads)
    threads.start()
    self.preprocessing = preprocessing
    reading = PhotoReading(
      limits: DecodingLimits(maximumPixels: settings.pixels), orientation: settings.orientation,
      decoding: settings.photoDecoding)
  }

  /// - Parameter name: what errors call the photo.
  /// - Throws: `ImageError`, or `CancellationError` where the task was cancelled before its turn.
  func square(_ data: Data, named name: String) async throws -> Image {
    try await threads.runIfActive { [preprocessing, reading] in
      try reading.image(decoding: data, named: name, seenAs: preprocessing.view)
    }
  }
}
