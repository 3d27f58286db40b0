import Explanations
import Foundation
import Images
import Torch

/// The tensors of a checkpoint, handed out one by one, each by its name and shape.
///
/// Loading is strict both ways. A layer is made from its tensors, so a half-loaded model cannot exist; and
/// `finish()` refuses a file with tensors that no layer asked for.
public struct Weights {
  /// The name that errors give the file.
  let file: String
  private var unread: Set<String>
  private let shapes: [String: [Int]]
  private let load: (String) throws -> Tensor
  /// Where tensors are made when asked for; `nil` for those of a file.
  private let make: ((String, [Int]) throws -> Tensor)?

  /// The tensors of a safetensors file, which is mapped and not read at once.
  public init(contentsOf url: URL) throws {
    let safetensors = try SafetensorsFile(contentsOf: url)
    let shapes = safetensors.names.map { ($0, safetensors.shape(of: $0) ?? []) }
    self.init(file: url.lastPathComponent, shapes: Dictionary(uniqueKeysWithValues: shapes), load: safetensors.tensor)
  }

  /// Tensors in memory; `name` stands for the file in errors.
  public init(_ tensors: [String: Tensor], name: String) {
    self.init(file: name, shapes: tensors.mapValues(\.shape)) { tensor in
      guard let found = tensors[tensor] else { throw CLIPError.missingTensor(name: tensor, file: name, nearest: nil) }
      return found
    }
  }

  /// Tensors of whatever name and shape is asked for.
  package init(name: String, making make: @escaping (String, [Int]) throws -> Tensor) {
    self.init(file: name, shapes: [:], load: { try make($0, []) }, make: make)
  }

  /// Tensors of whatever name and shape is asked for, with uniform random elements that keep the scale of what passes
  /// through a layer. Variances are positive.
  init(randomFrom seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    self.init(name: "random weights") { name, shape in
      let bound = (3 / Float(max(1, shape.dropFirst().reduce(1, *)))).squareRoot()
      let elements = (0..<shape.reduce(1, *)).map { _ in (Float(generator.next() >> 40) * 0x1p-23 - 1) * bound }
      return try Tensor(name.hasSuffix(".running_var") ? elements.map { 1 + abs($0) } : elements, shape: shape)
    }
  }

  private init(
    file: String, shapes: [String: [Int]], load: @escaping (String) throws -> Tensor,
    make: ((String, [Int]) throws -> Tensor)? = nil
  ) {
    self.file = file
    self.shapes = shapes
    self.load = load
    self.make = make
    unread = Set(shapes.keys)
  }

  /// Whether there is a tensor of this name.
  func has(_ name: String) -> Bool { shapes[name] != nil }

  /// The tensor `name` as 32-bit floats.
  ///
  /// - Throws: ``CLIPError/missingTensor(name:file:nearest:)``, ``CLIPError/tensorShape(name:file:expected:found:)``,
  ///   ``CLIPError/notFinite(tensor:file:)``.
  mutating func take(_ name: String, _ expected: [Int]) throws -> Tensor {
    if let make { return try make(name, expected) }
    guard let shape = shapes[name] else {
      throw CLIPError.missingTensor(name: name, file: file, nearest: name.nearest(among: unread.sorted()))
    }
    guard shape == expected else {
      throw CLIPError.tensorShape(name: name, file: file, expected: expected, found: shape)
    }
    let tensor = try load(name).converted(to: .float32)
    // The mean of a tensor is finite exactly where all its elements are (short of an overflow no real weight causes).
    guard try tensor.mean(over: Array(tensor.shape.indices)).scalar().isFinite else {
      throw CLIPError.notFinite(tensor: name, file: file)
    }
    unread.remove(name)
    return tensor
  }

  /// The linear layer `path.weight` `[output, input]`, with `path.bias` where `hasBias`.
  mutating func linear(_ path: String, from input: Int, to output: Int, hasBias: Bool = true) throws -> FrozenLinear {
    try FrozenLinear(
      weight: take("\(path).weight", [output, input]), bias: hasBias ? take("\(path).bias", [output]) : nil)
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

  /// Passes over bookkeeping that training leaves in a file and that no forward pass reads.
  mutating func ignore(where isBookkeeping: (String) -> Bool) {
    unread = unread.filter { !isBookkeeping($0) }
  }

  /// - Throws: ``CLIPError/unreadTensors(names:file:)`` where a tensor was not taken.
  func finish() throws {
    guard unread.isEmpty else { throw CLIPError.unreadTensors(names: unread.sorted(), file: file) }
  }
}
