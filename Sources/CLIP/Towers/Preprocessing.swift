import Foundation
import Images
import Torch

/// The conversion of a picture to the input that an image tower was trained on.
public struct Preprocessing: Sendable, Equatable {
  /// The way in which a picture that is not square becomes square.
  public enum ResizeMode: String, Sendable, CaseIterable {
    /// The smaller edge becomes `size`, and the centre is cut out.
    case shortest
    /// Both edges become `size`, whatever the proportions.
    case squash
    /// The longer edge becomes `size`, and the rest of the square is black.
    case longest
  }

  /// The edge of the square input, in pixels.
  public var size: Int
  /// The mean of each colour channel, for intensities in 0…1.
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

  /// Reads `preprocess_cfg`; `size` is the image tower's input size.
  ///
  /// Older files have no such section or only the statistics. open_clip then uses OpenAI's, and so does this; defaults
  /// that were used are reported as assumptions.
  static func read(
    _ file: inout ConfigurationFile, size: Int
  ) throws -> (preprocessing: Preprocessing, assumptions: [String]) {
    var preprocessing = Preprocessing.openAI(size: size)
    guard file.has("preprocess_cfg") else {
      return (
        preprocessing,
        ["no preprocess_cfg: OpenAI's mean and deviation, bicubic, shortest edge, as open_clip takes them"]
      )
    }
    var section = try file.section("preprocess_cfg")
    var assumptions: [String] = []
    preprocessing.mean = try section.channels("mean")
    preprocessing.standardDeviation = try section.channels("std")
    guard preprocessing.standardDeviation.allSatisfy({ $0 > 0 }) else {
      throw section.wrong("std", expected: "three positive numbers", found: preprocessing.standardDeviation)
    }
    if section.has("interpolation") {
      // "random" applies to training: open_clip tests with cubic convolution then.
      let filters = Interpolation.allCases.map(\.rawValue)
      preprocessing.interpolation =
        Interpolation(rawValue: try section.text("interpolation", oneOf: filters + ["random"])) ?? .bicubic
    } else {
      assumptions.append("no interpolation: bicubic, as open_clip takes it")
    }
    if section.has("resize_mode") {
      let mode = try section.text("resize_mode", oneOf: ResizeMode.allCases.map(\.rawValue))
      preprocessing.resizeMode = ResizeMode(rawValue: mode) ?? .shortest
    } else {
      assumptions.append("no resize_mode: shortest, as open_clip takes it")
    }
    try section.finishPreprocessing(size: size)
    return (preprocessing, assumptions)
  }

  /// The model's square input for a picture, as in testing.
  public func square(_ image: Image) throws -> Image {
    try image.seen(as: view(width: image.width, height: image.height))
  }

  /// The model's square input for a photo file. Only the pixels of the square are computed, so that a photo of any size
  /// or shape is read in the memory of a few of its rows where its format allows.
  ///
  /// - Throws: `ImageError`, with the file's path.
  public func square(at url: URL, reading: PhotoReading) throws -> Image {
    try reading.image(at: url, seenAs: view)
  }

  /// The view of a picture of the given size.
  ///
  /// - Throws: `ImageError` where the size does not fit an `Int`.
  public func view(width: Int, height: Int) throws -> ImageView {
    let whole = ImageView.Rectangle(width: width, height: height)
    switch resizeMode {
    case .shortest:
      return try .shorterEdge(size, ofWidth: width, height: height, interpolation: interpolation)
        .centerCropped(to: size)
    case .squash: return ImageView(of: whole, width: size, height: size, interpolation: interpolation)
    case .longest:
      // The longer edge becomes `size`; an edge is rounded to the nearest pixel, a half to the even one.
      let ratio = max(Double(width) / Double(size), Double(height) / Double(size))
      func edge(_ length: Int) -> Int { Int((Double(length) / ratio).rounded(.toNearestOrEven)) }
      return ImageView(of: whole, width: edge(width), height: edge(height), interpolation: interpolation)
        .centerCropped(to: size)
    }
  }

  /// The pixels of square images, as intensities in 0…1, minus the mean, divided by the standard deviation.
  ///
  /// - Parameter squares: B images of `size` × `size`.
  /// - Returns: `[B, 3, size, size]`.
  public func normalized(_ squares: [Image]) throws -> Tensor {
    try check(squares)
    let (plane, tables) = (size * size, tables)
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

  /// The same to the bit on another device, to which the bytes are moved.
  ///
  /// - Parameter table: of ``table(on:)``.
  func normalized(_ squares: [Image], by table: Tensor) throws -> Tensor {
    try check(squares)
    return try .pixels(of: squares.map(\.pixels), size: size, table: table)
  }

  /// The value of each byte in each channel, `[3, 256]`, on a device.
  func table(on device: Device) throws -> Tensor { try Tensor(tables.flatMap { $0 }, shape: [3, 256]).on(device) }

  /// The value of each byte, by channel.
  private var tables: [[Float]] {
    zip(mean, standardDeviation).map { mean, deviation in (0...255).map { (Float($0) / 255 - mean) / deviation } }
  }

  private func check(_ squares: [Image]) throws {
    for image in squares where image.width != size || image.height != size {
      throw TorchError.shape(
        operation: "normalise", expected: "[\(size), \(size)]", found: [image.height, image.width])
    }
  }
}

extension ConfigurationFile {
  /// Takes the other keys of a preprocessing section: the size, which must be the tower's; the colours, which must be
  /// red, green and blue; and the fill of the rest of a square, which must be black.
  fileprivate mutating func finishPreprocessing(size: Int) throws {
    if has("size") {
      let stated = isList("size") ? try positiveIntegers("size", count: 2) : [try positiveInteger("size")]
      guard stated.allSatisfy({ $0 == size }) else {
        throw wrong("size", expected: "the image_size \(size) of vision_cfg", found: stated)
      }
    }
    _ = try supported("mode", ["RGB"], default: "RGB")
    if has("fill_color") { try requireZero("fill_color") }
    try finish()
  }
}
