import CLIP
import Foundation
import Images
import NIOPosix
import Support

/// A few threads that decode photos to the model's square inputs, while the model computes.
package struct DecodingPool: Sendable {
  private let threads: NIOThreadPool
  private let preprocessing: Preprocessing
  let reading: PhotoReading

  package struct Settings: Sendable {
    /// The number of threads that decode photos. Each holds one decoded photo at a time, so this bounds the memory of
    /// pixels.
    package var threads = max(1, min(4, AvailableCores.count / 2))
    /// The most pixels of one photo. The header is trusted, and a larger photo is not decoded at all. A JPEG or PNG
    /// that is stored row by row is never whole in memory; others take up to seven bytes for each pixel.
    package var pixels = DecodingLimits.standard.maximumPixels
    /// Whether photos are turned according to EXIF.
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

  /// - Parameter name: the photo's name in errors.
  /// - Throws: `ImageError`, or `CancellationError` where the task was cancelled before its turn.
  func square(_ data: Data, named name: String) async throws -> Image {
    try await threads.runIfActive { [preprocessing, reading] in
      try reading.image(decoding: data, named: name, seenAs: preprocessing.view)
    }
  }
}
