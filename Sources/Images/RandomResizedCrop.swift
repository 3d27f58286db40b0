import Foundation

/// A crop of random area, shape and place, resized to a square: torchvision's `RandomResizedCrop`
/// (Szegedy et al., *Going Deeper with Convolutions*, CVPR 2015, §6).
public struct RandomResizedCrop: Sendable, Equatable {
  /// The side of the result, in pixels.
  public let size: Int
  /// The area of the crop as a fraction of the picture's area, drawn uniformly.
  public let scale: ClosedRange<Double>
  /// The ratio of the crop's width to its height, drawn log-uniformly.
  public let ratio: ClosedRange<Double>
  public let interpolation: Interpolation

  /// A rectangle inside a picture, in pixels.
  public struct Region: Sendable, Equatable {
    public let x: Int
    public let y: Int
    public let width: Int
    public let height: Int
  }

  /// - Throws: ``ImageError`` if `size` is below 1, `scale` exceeds 0...1 or `ratio` is not positive.
  public init(
    size: Int, scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 3 / 4...4 / 3,
    interpolation: Interpolation = .bicubic
  ) throws {
    guard size > 0 else { throw ImageError.size(width: size, height: size) }
    guard scale.lowerBound > 0, scale.upperBound <= 1 else {
      throw ImageError.range(
        name: "scale", lower: scale.lowerBound, upper: scale.upperBound, expected: "above 0 and at most 1")
    }
    guard ratio.lowerBound > 0, ratio.upperBound.isFinite else {
      throw ImageError.range(
        name: "ratio", lower: ratio.lowerBound, upper: ratio.upperBound, expected: "positive and finite")
    }
    (self.size, self.scale, self.ratio, self.interpolation) = (size, scale, ratio, interpolation)
  }

  /// - Throws: ``ImageError`` if the result is too large.
  public func callAsFunction(_ image: Image, using generator: inout some RandomNumberGenerator) throws -> Image {
    try image.seen(as: view(width: image.width, height: image.height, using: &generator))
  }

  /// Draws a view of a picture of the given size.
  public func view(width: Int, height: Int, using generator: inout some RandomNumberGenerator) -> ImageView {
    let region = region(width: width, height: height, using: &generator)
    return ImageView(
      of: .init(x: region.x, y: region.y, width: region.width, height: region.height), width: size, height: size,
      interpolation: interpolation)
  }

  /// Draws a crop's region in a picture of the given size: up to ten tries, then the largest central crop in `ratio`.
  public func region(width: Int, height: Int, using generator: inout some RandomNumberGenerator) -> Region {
    let area = Double(width) * Double(height)
    let logarithms = log(ratio.lowerBound)...log(ratio.upperBound)
    for _ in 0..<10 {
      let target = area * Double.random(in: scale, using: &generator)
      let shape = exp(Double.random(in: logarithms, using: &generator))
      let cropWidth = (target * shape).squareRoot().rounded(.toNearestOrEven)
      let cropHeight = (target / shape).squareRoot().rounded(.toNearestOrEven)
      guard (1...Double(width)).contains(cropWidth), (1...Double(height)).contains(cropHeight) else { continue }
      let y = Int.random(in: 0...height - Int(cropHeight), using: &generator)
      let x = Int.random(in: 0...width - Int(cropWidth), using: &generator)
      return Region(x: x, y: y, width: Int(cropWidth), height: Int(cropHeight))
    }
    return centralRegion(width: width, height: height)
  }

  private func centralRegion(width: Int, height: Int) -> Region {
    let shape = Double(width) / Double(height)
    var (cropWidth, cropHeight) = (width, height)
    if shape < ratio.lowerBound {
      cropHeight = max(1, Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven)))
    } else if shape > ratio.upperBound {
      cropWidth = max(1, Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven)))
    }
    return Region(
      x: (width - cropWidth) / 2, y: (height - cropHeight) / 2, width: cropWidth, height: cropHeight)
  }
}

/// The augmentation of each training picture: a random resized crop, then a mirror image in half of the cases.
public struct TrainingAugmentation: Sendable, Equatable {
  public let crop: RandomResizedCrop
  /// The probability of the mirror image, in 0...1.
  public let flipProbability: Double

  /// - Throws: ``ImageError`` if `flipProbability` is not in 0...1.
  public init(crop: RandomResizedCrop, flipProbability: Double = 0.5) throws {
    guard (0...1).contains(flipProbability) else {
      throw ImageError.probability(name: "a flip", found: flipProbability)
    }
    (self.crop, self.flipProbability) = (crop, flipProbability)
  }

  /// - Throws: ``ImageError`` if the result is too large.
  public func callAsFunction(_ image: Image, using generator: inout some RandomNumberGenerator) throws -> Image {
    flipped(try crop(image, using: &generator), using: &generator)
  }

  /// Augments a photo file, of which no more is decoded at a time than the crop needs.
  ///
  /// - Throws: ``ImageError``, with the file's path.
  public func callAsFunction(
    _ url: URL, reading: PhotoReading, using generator: inout some RandomNumberGenerator
  ) throws -> Image {
    let view = try reading.image(at: url) { crop.view(width: $0, height: $1, using: &generator) }
    return flipped(view, using: &generator)
  }

  /// The same of a photo that is kept decoded while there is room.
  ///
  /// - Throws: ``ImageError``, which names the file.
  public func callAsFunction(
    _ url: URL, from memory: PhotoMemory, using generator: inout some RandomNumberGenerator
  ) throws -> Image {
    let view = try memory.image(at: url) { crop.view(width: $0, height: $1, using: &generator) }
    return flipped(view, using: &generator)
  }

  private func flipped(_ view: Image, using generator: inout some RandomNumberGenerator) -> Image {
    Double.random(in: 0..<1, using: &generator) < flipProbability ? view.flippedHorizontally() : view
  }
}
