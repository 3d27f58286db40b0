import Explanations
import Foundation
import Images
import Torch

/// The tensors of a checkpoint, handed out one by one, each by its name and shape.
///
/// Loading is strict both ways. A layer is made from its tensors, so a half-loaded model cannot exist; and
/// `finish()` refuses a file with tensors that no layer asked for.
public struct Weights {
  private enum Source {
    case file(CheckpointTensors)
    /// Made when asked for.
    case made((_ name: String, _ shape: [Int]) throws -> Tensor)
  }

  private let source: Source
  /// Of the products of linear layers.
  let precision: Precision
  private var unread: Set<String>
  /// What is odd about the tensors, where loading goes on in spite of it; `nil` where the first fault ends it.
  private(set) var survey: TensorSurvey?

  /// The tensors of a checkpoint.
  ///
  /// - Parameter precision: of the products of linear layers; all tensors are read as 32-bit floats.
  public init(_ tensors: CheckpointTensors, precision: Precision = .float32) {
    self.init(tensors, precision: precision, isSurveyed: false)
  }

  /// - Parameter isSurveyed: whether faults are noted and not thrown.
  init(_ tensors: CheckpointTensors, precision: Precision = .float32, isSurveyed: Bool) {
    self.precision = precision
    source = .file(tensors)
    unread = Set(tensors.names)
    survey = isSurveyed ? TensorSurvey() : nil
  }

  /// The tensors of one file, whichever form its content has.
  public init(contentsOf url: URL) throws { try self.init(CheckpointTensors(openTensorFile(at: url))) }

  /// Tensors in memory, by any spelling; `name` stands for the file in errors.
  public init(_ tensors: [String: Tensor], name: String) throws {
    try self.init(CheckpointTensors(TensorsInMemory(path: name, tensors: tensors)))
  }

  /// Tensors of whatever name and shape is asked for.
  package init(
    precision: Precision = .float32, making make: @escaping (_ name: String, _ shape: [Int]) throws -> Tensor
  ) {
    self.precision = precision
    source = .made(make)
    unread = []
  }

  /// Tensors of whatever name and shape is asked for, with uniform random elements that keep the scale of what passes
  /// through a layer. Variances are positive.
  init(randomFrom seed: UInt64, precision: Precision = .float32) {
    var generator = SeededGenerator(seed: seed)
    self.init(precision: precision) { name, shape in
      let bound = (3 / Float(max(1, shape.dropFirst().reduce(1, *)))).squareRoot()
      let elements = (0..<shape.reduce(1, *)).map { _ in (Float(generator.next() >> 40) * 0x1p-23 - 1) * bound }
      return try Tensor(name.hasSuffix(".running_var") ? elements.map { 1 + abs($0) } : elements, shape: shape)
    }
  }

  /// The tensor `name` as 32-bit floats.
  ///
  /// - Throws: ``CLIPError/missingTensor(name:file:nearest:)``, ``CLIPError/tensorShape(name:file:expected:found:)``,
  ///   ``CLIPError/notFinite(tensor:file:)``.
  mutating func take(_ name: String, _ expected: [Int]) throws -> Tensor {
    switch source {
    case .made(let make): return try make(name, expected)
    case .file(let tensors):
      do {
        let tensor = try read(name, expected, from: tensors)
        try survey?.note(tensor, spelled: tensors.spelled(name))
        unread.remove(name)
        return tensor
      } catch let error as any Explained where survey != nil {
        unread.remove(name)
        return try survey?.standIn(for: expected, because: error, spelled: tensors.spelled(name)) ?? .zeros(expected)
      }
    }
  }

  private func read(_ name: String, _ expected: [Int], from tensors: CheckpointTensors) throws -> Tensor {
    let file = URL(filePath: tensors.path).lastPathComponent
    guard let shape = tensors.shape(of: name) else {
      let spelled = tensors.spelled(name)
      let others = unread.map(tensors.spelled) + tensors.strays
      throw CLIPError.missingTensor(name: spelled, file: file, nearest: spelled.nearest(among: others.sorted()))
    }
    guard shape == expected else {
      throw CLIPError.tensorShape(name: tensors.spelled(name), file: file, expected: expected, found: shape)
    }
    let tensor = try tensors.tensor(name).converted(to: .float32)
    // The mean of a tensor is finite exactly where all its elements are (short of an overflow no real weight causes).
    guard try tensor.mean(over: Array(tensor.shape.indices)).scalar().isFinite else {
      throw CLIPError.notFinite(tensor: tensors.spelled(name), file: file)
    }
    return tensor
  }

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

  /// - Throws: ``CLIPError/unreadTensors(names:file:)`` where a tensor was not taken.
  mutating func finish() throws {
    guard case .file(let tensors) = source else { return }
    let names = unread.map(tensors.spelled) + tensors.strays
    guard !names.isEmpty else { return }
    let file = URL(filePath: tensors.path).lastPathComponent
    let error = CLIPError.unreadTensors(names: names.sorted(), file: file)
    guard survey != nil else { throw error }
    survey?.note(unread: names.sorted(), because: error)
  }
}

/// Tensors that no file holds.
private struct TensorsInMemory: TensorFile {
  let path: String
  let tensors: [String: Tensor]

  var names: [String] { tensors.keys.sorted() }
  func shape(of name: String) -> [Int]? { tensors[name]?.shape }
  func kind(of name: String) -> Tensor.Kind? { tensors[name]?.kind }

  func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else { throw CLIPError.missingTensor(name: name, file: path, nearest: nil) }
    return tensor
  }
}
