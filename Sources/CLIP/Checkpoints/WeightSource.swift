import Images
import Support
import Torch

/// A source of a model's tensors, which are requested one by one, each by its name and shape.
///
/// A layer is constructed from its tensors, so a half-loaded model cannot exist. For a file, use ``CheckpointSource``.
public protocol WeightSource {
  /// The precision of the products in linear layers; all tensors are provided as 32-bit floats.
  var precision: Precision { get }

  /// The tensor `name`.
  ///
  /// - Throws: ``CLIPError`` where the source has no tensor of that name and shape.
  mutating func take(_ name: String, _ shape: [Int]) throws -> Tensor

  /// Ends the loading.
  ///
  /// - Throws: ``CLIPError/unreadTensors(names:file:)`` where a tensor of the model was not taken.
  mutating func finish() throws
}

extension WeightSource {
  /// The linear layer `path.weight` `[output, input]`, with `path.bias` where `hasBias`.
  mutating func linear(_ path: String, from input: Int, to output: Int, hasBias: Bool = true) throws -> FrozenLinear {
    try FrozenLinear(
      weight: take("\(path).weight", [output, input]), bias: hasBias ? take("\(path).bias", [output]) : nil,
      precision: precision)
  }

  /// The layer normalisation `path.weight`, `path.bias`.
  mutating func layerNorm(_ path: String, width: Int, epsilon: Double = 1e-5) throws -> LayerNorm {
    try LayerNorm(weight: take("\(path).weight", [width]), bias: take("\(path).bias", [width]), epsilon: epsilon)
  }

  /// The batch normalisation `path.weight`, `.bias`, `.running_mean`, `.running_var`.
  mutating func batchNorm(_ path: String, channels: Int, epsilon: Double) throws -> BatchNorm {
    try BatchNorm(
      weight: take("\(path).weight", [channels]), bias: take("\(path).bias", [channels]),
      mean: take("\(path).running_mean", [channels]), variance: take("\(path).running_var", [channels]),
      epsilon: epsilon)
  }
}

/// A source that provides another one's tensors on a device, one by one.
struct PlacedSource<Base: WeightSource>: WeightSource {
  private var base: Base
  private let device: Device

  init(_ base: Base, on device: Device) { (self.base, self.device) = (base, device) }

  var precision: Precision { base.precision }
  mutating func take(_ name: String, _ shape: [Int]) throws -> Tensor { try base.take(name, shape).on(device) }
  mutating func finish() throws { try base.finish() }
}

/// A source that generates tensors on request, of any name and shape.
package struct GeneratedSource: WeightSource {
  package let precision: Precision
  private let make: (_ name: String, _ shape: [Int]) throws -> Tensor

  package init(
    precision: Precision = .float32, making make: @escaping (_ name: String, _ shape: [Int]) throws -> Tensor
  ) {
    self.precision = precision
    self.make = make
  }

  package mutating func take(_ name: String, _ shape: [Int]) throws -> Tensor { try make(name, shape) }
  package mutating func finish() {}
}

/// A source of random tensors of any name and shape: uniform, with a scale that a layer's output keeps. Variances are
/// positive.
struct RandomSource: WeightSource {
  let precision: Precision
  private var generator: SeededGenerator

  init(seed: UInt64, precision: Precision = .float32) {
    self.precision = precision
    generator = SeededGenerator(seed: seed)
  }

  mutating func take(_ name: String, _ shape: [Int]) throws -> Tensor {
    let bound = (3 / Float(max(1, shape.dropFirst().reduce(1, *)))).squareRoot()
    let elements = (0..<shape.reduce(1, *)).map { _ in (Float(generator.next() >> 40) * 0x1p-23 - 1) * bound }
    return try Tensor(name.hasSuffix(".running_var") ? elements.map { 1 + abs($0) } : elements, shape: shape)
  }

  mutating func finish() {}
}
