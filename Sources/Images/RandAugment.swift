import Foundation

/// RandAugment as Dassl draws it: each of a few operations is one of sixteen, and all are equally strong (Cubuk, Zoph,
/// Shlens, Le: *RandAugment*, NeurIPS 2020; the operations and their ranges are those of `randaugment.py` in Dassl).
///
/// Pixels are Pillow's to the last bit. A picture is squashed to a square first; nothing is cropped or mirrored.
public struct RandAugment: Sendable, Equatable {
  /// The operations of a view, one after the other.
  public let count: Int
  /// Their strength, from 0 to 30.
  public let magnitude: Int

  public enum Operation: String, Sendable, CaseIterable {
    case autoContrast, equalize, invert, rotate, posterize, solarize, solarizeAdd, color, contrast, brightness
    case sharpness, shearX, shearY, cutout, translateX, translateY
  }

  /// One operation with what else is drawn for it.
  public struct Draw: Sendable, Equatable {
    public let operation: Operation
    /// Whether a rotation, a shear or a shift goes the other way.
    public let isReversed: Bool
    /// Where a rectangle is cut out: shares of the width and of the height, in 0 ..< 1.
    public let place: Place

    public struct Place: Sendable, Equatable {
      public let x, y: Double
      public init(x: Double, y: Double) { (self.x, self.y) = (x, y) }
    }

    public init(_ operation: Operation, isReversed: Bool = false, place: Place = Place(x: 0, y: 0)) {
      (self.operation, self.isReversed, self.place) = (operation, isReversed, place)
    }
  }

  /// - Throws: ``ImageError`` if `count` is below 0 or `magnitude` is not in 0...30.
  public init(count: Int = 2, magnitude: Int = 10) throws {
    guard count >= 0 else {
      throw ImageError.randAugment("number of operations", found: count, expected: "0 or more")
    }
    guard (0...30).contains(magnitude) else {
      throw ImageError.randAugment("magnitude", found: magnitude, expected: "from 0 to 30")
    }
    (self.count, self.magnitude) = (count, magnitude)
  }

  /// Draws the operations of one view. Every operation draws equally many numbers, whether it needs them or not.
  public func draws(using generator: inout some RandomNumberGenerator) -> [Draw] {
    let operations = Operation.allCases
    return (0..<count).map { _ in
      let operation = operations[Int.random(in: operations.indices, using: &generator)]
      let isReversed = Double.random(in: 0..<1, using: &generator) > 0.5
      let x = Double.random(in: 0..<1, using: &generator)
      let y = Double.random(in: 0..<1, using: &generator)
      return Draw(operation, isReversed: isReversed, place: Draw.Place(x: x, y: y))
    }
  }

  /// The picture after one operation.
  public func callAsFunction(_ draw: Draw, on image: Image) -> Image {
    let sign: Double = draw.isReversed ? -1 : 1
    switch draw.operation {
    case .autoContrast: return image.withFullContrast()
    case .equalize: return image.equalized()
    case .invert: return image.mapped { 255 - $0 }
    case .rotate: return image.rotated(by: sign * strength(0, 30))
    case .posterize: return image.posterized(bits: Int(strength(4, 8)))
    case .solarize: return image.solarized(from: strength(0, 256))
    case .solarizeAdd:
      let addition = strength(0, 110)
      return image.mapped { UInt8(min(255, Double($0) + addition)) }.solarized(from: 128)
    case .color: return image.blended(from: image.inGrey(), by: strength(0.1, 1.9))
    case .contrast: return image.blended(from: image.inItsMeanGrey(), by: strength(0.1, 1.9))
    case .brightness: return image.blended(from: image.mapped { _ in 0 }, by: strength(0.1, 1.9))
    case .sharpness: return image.blended(from: image.smoothed(), by: strength(0.1, 1.9))
    case .shearX: return image.transformed(by: [1, sign * strength(0, 0.3), 0, 0, 1, 0])
    case .shearY: return image.transformed(by: [1, 0, 0, sign * strength(0, 0.3), 1, 0])
    case .cutout: return image.withoutRectangle(edge: strength(0, 40), at: draw.place)
    case .translateX: return image.transformed(by: [1, 0, sign * strength(0, 100), 0, 1, 0])
    case .translateY: return image.transformed(by: [1, 0, 0, 0, 1, sign * strength(0, 100)])
    }
  }

  private func strength(_ lowest: Double, _ highest: Double) -> Double {
    Double(magnitude) / 30 * (highest - lowest) + lowest
  }

  /// The view of a photo, squashed to a square of `size` pixels.
  ///
  /// - Throws: ``ImageError``, which names the file.
  public func callAsFunction(
    _ url: URL, size: Int, interpolation: Interpolation = .bicubic, from memory: PhotoMemory,
    using generator: inout some RandomNumberGenerator
  ) throws -> Image {
    let square = try memory.image(at: url) { width, height in
      ImageView(
        of: .init(width: width, height: height), width: size, height: size, interpolation: interpolation)
    }
    return draws(using: &generator).reduce(square) { self($1, on: $0) }
  }
}
