import Support

/// What can go wrong in an operation on tensors.
public enum TorchError: UserFacingError, Equatable {
  /// Two operands that do not fit together.
  case shapes(operation: String, left: [Int], right: [Int])
  /// One operand of the wrong shape; `expected` says which shapes are right.
  case shape(operation: String, expected: String, found: [Int])
  case elementCount(shape: [Int], found: Int)
  case kind(operation: String, expected: Tensor.Kind, found: Tensor.Kind?)
  /// libtorch refused, with its own words.
  case failed(operation: String, reason: String)
  case threadCount(requested: Int, inUse: Int?)
  case safetensors(path: String, SafetensorsFault)
  case archive(path: String, TorchArchiveFault)

  public var problem: String {
    switch self {
    case .shapes(let operation, let left, let right): "\(operation): shapes \(left) and \(right) do not fit together"
    case .shape(let operation, let expected, let found): "\(operation): expected \(expected), found \(found)"
    case .elementCount(let shape, let found):
      "A tensor of shape \(shape) cannot be made of \(found) elements"
    case .kind(let operation, let expected, let found):
      "\(operation): expected \(expected.rawValue) elements, found \(found?.rawValue ?? "another kind")"
    case .failed(let operation, let reason): "\(operation) failed: \(reason)"
    case .threadCount(let requested, let inUse?):
      "\(requested) threads were asked for, but this process already computes with \(inUse)"
    case .threadCount(let requested, nil): "Cannot compute with \(requested) threads"
    case .safetensors(let path, let fault): "\(path): \(fault.problem)"
    case .archive(let path, let fault): "\(path): \(fault.problem)"
    }
  }

  public var remedy: String? {
    switch self {
    case .threadCount(_, .some): "Set the number of threads once, before the first operation"
    case .threadCount(_, nil): "Give a number from 1 to 1024"
    case .safetensors(_, let fault): fault.remedy
    case .archive(_, let fault): fault.remedy
    default: nil
    }
  }
}
