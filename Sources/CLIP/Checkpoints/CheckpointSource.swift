import Foundation
import Support
import Torch

/// The tensors of a checkpoint, provided to the layers of a model.
///
/// Loading is strict both ways: a tensor that is missing or of another shape is refused when a layer requests it, and
/// ``finish()`` refuses a model with tensors that no layer requested.
public struct CheckpointSource: WeightSource {
  public let precision: Precision
  let tensors: CheckpointTensors
  private var unread: Set<String>

  /// The tensors of a checkpoint.
  ///
  /// - Parameter precision: the precision of the products in linear layers; all tensors are read as 32-bit floats.
  public init(_ tensors: CheckpointTensors, precision: Precision = .float32) {
    self.precision = precision
    self.tensors = tensors
    unread = Set(tensors.names)
  }

  /// The tensors of one file, in any supported format.
  public init(contentsOf url: URL) throws { try self.init(CheckpointTensors(openTensorFile(at: url))) }

  /// Tensors in memory, with any library's names; `name` is the file's name in errors.
  public init(_ tensors: [String: Tensor], name: String) throws {
    try self.init(CheckpointTensors(TensorsInMemory(path: name, tensors: tensors)))
  }

  private var file: String { URL(filePath: tensors.path).lastPathComponent }

  /// The tensor `name` as 32-bit floats.
  ///
  /// - Throws: ``CLIPError/missingTensor(name:file:nearest:)``, ``CLIPError/tensorShape(name:file:expected:found:)``,
  ///   ``CLIPError/elementType(tensor:file:found:)``, ``CLIPError/notFinite(tensor:file:)``.
  public mutating func take(_ name: String, _ expected: [Int]) throws -> Tensor {
    let tensor = try read(name, expected)
    unread.remove(name)
    return tensor
  }

  /// Marks a tensor as taken although it could not be.
  mutating func giveUp(_ name: String) { unread.remove(name) }

  private func read(_ name: String, _ expected: [Int]) throws -> Tensor {
    let spelled = tensors.spelled(name)
    if let type = tensors.elementType(of: name), Tensor.Kind(rawValue: type)?.isFloat != true {
      throw CLIPError.elementType(tensor: spelled, file: file, found: type)
    }
    guard let shape = tensors.shape(of: name) else {
      let others = unread.map(tensors.spelled) + tensors.unexpected + tensors.passedOver
      throw CLIPError.missingTensor(name: spelled, file: file, nearest: spelled.nearest(among: others.sorted()))
    }
    guard shape == expected else {
      throw CLIPError.tensorShape(name: spelled, file: file, expected: expected, found: shape)
    }
    let tensor = try tensors.tensor(name).converted(to: .float32)
    // The mean of a tensor is finite exactly where all its elements are (short of an overflow that no real weight
    // causes).
    guard try tensor.mean(over: Array(tensor.shape.indices)).scalar().isFinite else {
      throw CLIPError.notFinite(tensor: spelled, file: file)
    }
    return tensor
  }

  /// - Throws: ``CLIPError/unreadTensors(names:file:)`` where a tensor was not taken.
  public mutating func finish() throws {
    let names = unread.map(tensors.spelled) + tensors.unexpected
    guard names.isEmpty else { throw CLIPError.unreadTensors(names: names.sorted(), file: file) }
  }
}

/// Tensors in memory, without a file.
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
