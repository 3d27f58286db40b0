import CLIP
import Images
import Support
import Testing
import TestSupport
import Torch

extension OnTheDevice {
  @Suite("Every kind of image tower gives on a device the features of the CPU")
  struct TowerTests {
    /// Of features, relative to the largest.
    static let tolerance: Float = 1e-6

    struct Tower: CustomTestStringConvertible, Sendable {
      let testDescription: String
      let configuration: CLIPConfiguration.ImageTower
    }

    static let towers = [
      Tower(
        testDescription: "a residual network",
        configuration: .modifiedResNet(.init(imageSize: 64, width: 16, blocks: [1, 2, 1, 1], heads: 8))),
      Tower(testDescription: "an EfficientNet-Lite", configuration: .efficientNetLite(.init())),
      Tower(
        testDescription: "a vision transformer",
        configuration: .visionTransformer(.init(imageSize: 64, patchSize: 16, width: 48, layers: 3, heads: 3))),
    ]

    @Test("features of photos, alone and among others", arguments: towers)
    func features(_ tower: Tower) throws {
      func model(on device: Device) throws -> CLIPModel {
        try CLIPModel(
          name: "small",
          configuration: CLIPConfiguration(
            embeddingWidth: 64, image: tower.configuration,
            text: .init(tokenLimit: 77, width: 32, heads: 2, layers: 1), activation: .gelu,
            preprocessing: FormulaWeights.preprocessing(size: 64)),
          weights: GeneratedSource(making: FormulaWeights.weight), on: device)
      }
      var generator = SeededGenerator(seed: 5)
      let squares = try (0..<5).map { _ in
        try Image(
          width: 64, height: 64, pixels: (0..<64 * 64 * 3).map { _ in UInt8.random(in: 0...255, using: &generator) })
      }
      let (cpu, device) = (try model(on: .cpu), try model(on: DeviceOfTests.device))
      let expected = try cpu.imageEmbeddings(ofSquares: squares)
      let found = try device.imageEmbeddings(ofSquares: squares)
      #expect(found.device == DeviceOfTests.device)
      let difference = try found.difference(from: expected)
      #expect(difference <= Self.tolerance, "features differ by \(difference)")
      let alone = try device.imageEmbeddings(ofSquares: [squares[3]])
        .difference(from: expected.sliced(3..<4, axis: 0))
      #expect(alone <= Self.tolerance, "the features of one photo differ by \(alone)")
    }

    @Test("photos move as bytes, at once, and their pixels have the bits of the CPU: all 256 values of each channel")
    func pixels() throws {
      let (cpu, device) = (try Models.smallOnCPU.get(), try Models.smallOnDevice.get())
      let size = cpu.configuration.preprocessing.size
      let squares = try (0..<3).map { image in
        try Image(width: size, height: size, pixels: (0..<size * size * 3).map { UInt8(($0 / 3 + image * 85) % 256) })
      }
      var found: Tensor?
      #expect(try DeviceOfTests.transfers { found = try device.pixels(ofSquares: squares) } == 1)
      let expected = try cpu.pixels(ofSquares: squares)
      #expect(found?.device == DeviceOfTests.device && found?.shape == expected.shape)
      #expect(try found?.bytes() == expected.bytes())
      #expect(Set(squares[0].pixels).count == 256)
      #expect(try device.pixels(ofSquares: []).shape == [0, 3, size, size])
      let error = #expect(throws: TorchError.self) {
        try device.pixels(ofSquares: [Image(width: 2, height: 1, pixels: [0, 0, 0, 0, 0, 0])])
      }
      #expect(error?.explanation == "normalise: expected [\(size), \(size)], found [1, 2].")
    }
  }
}
