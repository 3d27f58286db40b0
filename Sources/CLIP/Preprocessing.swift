import Images
import Torch

/// From a picture to the numbers that an image tower was trained on.
public struct Preprocessing: Sendable, Equatable {
  /// How a picture that is not square becomes square.
  public enum ResizeMode: String, Sendable, CaseIterable {
    /// The smaller edge becomes `size`, and the centre is cut out.
    case shortest
    /// Both edges become `size`, whatever the proportions.
    case squash
  }

  /// The edge of the square input, in pixels.
  public var size: Int
  /// Of each colour channel, for intensities in 0…1.
  public var mean: [Float]
  public var standardDeviation: [Float]
  public var interpolation: Interpolation
  public var resizeMode: ResizeMode

  public init(
    size: Int, mean: [Float], standardDeviation: [Float], interpolation: Interpolation = .bicubic,
    resizeMode: ResizeMode = .shortest
  ) {
    self.size = size
    self.mean = mean
    self.standardDeviation = standardDeviation
    self.interpolation = interpolation
    self.resizeMode = resizeMode
  }

  /// Reads `preprocess_cfg`. A checkpoint that does not state its normalisation is refused: a guess would be silent.
  init(_ file: inout ConfigurationFile, size: Int) throws {
    var section = try file.section("preprocess_cfg")
    self.size = size
    mean = try section.channels("mean")
    standardDeviation = try section.channels("std")
    guard standardDeviation.allSatisfy({ $0 > 0 }) else {
      throw section.wrong("std", expected: "three positive numbers", found: standardDeviation)
    }
    let filter = try section.text("interpolation", oneOf: Interpolation.allCases.map(\.rawValue))
    interpolation = Interpolation(rawValue: filter) ?? .bicubic
    let mode = try section.text("resize_mode", oneOf: ResizeMode.allCases.map(\.rawValue))
    resizeMode = ResizeMode(rawValue: mode) ?? .shortest
    try section.finish()
  }

  /// The square of pixels that a picture is tested on.
  public func square(_ image: Image) throws -> Image {
    switch resizeMode {
    case .shortest: try image.resized(shorterEdge: size, interpolation: interpolation).centerCropped(to: size)
    case .squash: try image.resized(width: size, height: size, interpolation: interpolation)
    }
  }

  /// The pixels of square images, as intensities in 0…1, less the mean, over the standard deviation.
  ///
  /// - Parameter squares: B images of `size` × `size`.
  /// - Returns: `[B, 3, size, size]`.
  public func normalized(_ squares: [Image]) throws -> Tensor {
    for image in squares where image.width != size || image.height != size {
      throw TorchError.shape(
        operation: "normalise", expected: "[\(size), \(size)]", found: [image.height, image.width])
    }
    let plane = size * size
    let tables = zip(mean, standardDeviation).map { mean, deviation in
      (0...255).map { (Float($0) / 255 - mean) / deviation }
    }
    let elements = [Float](unsafeUninitializedCapacity: squares.count * 3 * plane) { buffer, initialized in
      for (index, image) in squares.enumerated() {
        image.pixels.withUnsafeBufferPointer { pixels in
          for (channel, table) in tables.enumerated() {
            let start = (index * 3 + channel) * plane
            table.withUnsafeBufferPointer { table in
              for position in 0..<plane { buffer[start + position] = table[Int(pixels[position * 3 + channel])] }
            }
          }
        }
      }
      initialized = squares.count * 3 * plane
    }
    return try Tensor(elements, shape: [squares.count, 3, size, size])
  }
}
