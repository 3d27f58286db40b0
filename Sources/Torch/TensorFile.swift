/// A file of named tensors, whatever its format: ``SafetensorsFile`` or a file of `torch.save`.
///
/// Opening checks what the file says of itself; elements are read when a tensor is asked for, and only then.
public protocol TensorFile: Sendable {
  /// Where the file lies, as messages name it.
  var path: String { get }
  /// The names of all tensors, sorted.
  var names: [String] { get }
  /// The shape of a tensor, or `nil` where the file has none of that name.
  func shape(of name: String) -> [Int]?
  /// The element type that ``tensor(_:)`` gives, or `nil` where there is no such tensor or its type is not read here.
  func kind(of name: String) -> Tensor.Kind?
  /// The element type as the file states it, such as "F32" or "I8", or "qint8" for one that torch has quantized; `nil`
  /// where there is no such tensor.
  func elementType(of name: String) -> String?
  /// The free text that the file carries, by key.
  var metadata: [String: String] { get }
  /// A copy of a tensor.
  ///
  /// - Throws: ``TorchError`` where the file has no tensor of that name, or its elements cannot be read.
  func tensor(_ name: String) throws -> Tensor
}

extension TensorFile {
  public func elementType(of name: String) -> String? { kind(of: name)?.rawValue }
  public var metadata: [String: String] { [:] }
}
