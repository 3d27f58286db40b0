import CLIP
import Images
import Testing
import TestSupport
import Torch

@Suite("Pictures become the numbers that a checkpoint asks for")
struct PreprocessingTests {
  static let preprocessing = Preprocessing(size: 2, mean: [0, 0.5, 1], standardDeviation: [1, 0.25, 2])

  @Test("each channel by its own mean and deviation, channels before rows before columns")
  func channels() throws {
    let image = try Image(width: 2, height: 2, pixels: [0, 0, 0, 255, 255, 255, 51, 102, 153, 1, 2, 3])
    let expected: [[Double]] = [
      [0, 255, 51, 1].map { $0 / 255 },
      [0, 255, 102, 2].map { ($0 / 255 - 0.5) / 0.25 },
      [0, 255, 153, 3].map { ($0 / 255 - 1) / 2 },
    ]
    let pixels = try Self.preprocessing.normalized([image, image])
    #expect(pixels.shape == [2, 3, 2, 2])
    for (found, value) in zip(try pixels.floats(), expected.joined().map { $0 } + expected.joined()) {
      #expect(abs(Double(found) - value) <= 1e-6)
    }
  }

  @Test("shortest scales and cuts, squash only scales")
  func resizeModes() throws {
    let pixels = (0..<6 * 4 * 3).map { UInt8($0 * 3) }
    let image = try Image(width: 6, height: 4, pixels: pixels)
    var preprocessing = Self.preprocessing
    #expect(
      try preprocessing.square(image)
        == image.resized(shorterEdge: 2, interpolation: .bicubic).centerCropped(to: 2))
    preprocessing.resizeMode = .squash
    preprocessing.interpolation = .bilinear
    #expect(try preprocessing.square(image) == image.resized(width: 2, height: 2, interpolation: .bilinear))
  }

  @Test("a picture that is not of the size is refused")
  func size() throws {
    let image = try Image(width: 3, height: 2, pixels: [UInt8](repeating: 0, count: 18))
    #expect(message { try Self.preprocessing.normalized([image]) } == "normalise: expected [2, 2], found [2, 3].")
  }

  @Test("an image's features depend on no other image of its batch")
  func batches() throws {
    let clip = try TinyCLIP.clip
    let images = try ["arrow/000.jpg", "bird/000.jpg", "clock/000.jpg"].map {
      try Image(contentsOf: TinyCLIP.photo($0))
    }
    let together = try clip.imageFeatures(of: images)
    let alone = try Tensor.concatenated(images.map { try clip.imageFeatures(of: [$0]) }, axis: 0)
    #expect(try together.isClose(to: alone, within: 1e-6))
    #expect(try clip.imageFeatures(of: []).shape == [0, clip.embeddingWidth])
  }
}
