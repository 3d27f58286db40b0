import Support

/// An error of an operation on tensors.
public struct TorchError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension TorchError {
  /// Two operands that do not fit together.
  public static func shapes(operation: String, left: [Int], right: [Int]) -> Self {
    Self("\(operation): shapes \(left) and \(right) do not fit together")
  }

  /// One operand of the wrong shape; `expected` describes the right shapes.
  public static func shape(operation: String, expected: String, found: [Int]) -> Self {
    Self("\(operation): expected \(expected), found \(found)")
  }

  public static func elementCount(shape: [Int], found: Int) -> Self {
    Self("A tensor of shape \(shape) cannot be made of \(found) elements")
  }

  public static func kind(operation: String, expected: Tensor.Kind, found: Tensor.Kind?) -> Self {
    Self("\(operation): expected \(expected.rawValue) elements, found \(found?.rawValue ?? "another kind")")
  }

  /// libtorch refused, with its own message.
  public static func failed(operation: String, reason: String) -> Self { Self("\(operation) failed: \(reason)") }

  public static func threadCount(requested: Int, inUse: Int?) -> Self {
    if let inUse {
      return Self(
        "\(requested) threads were asked for, but this process already computes with \(inUse)",
        remedy: "Set the number of threads once, before the first operation")
    }
    return Self("Cannot compute with \(requested) threads", remedy: "Give a number from 1 to 1024")
  }

  public static func safetensors(path: String, _ fault: SafetensorsFault) -> Self {
    Self("\(path): \(fault.problem)", remedy: fault.remedy)
  }

  public static func archive(path: String, _ fault: TorchArchiveFault) -> Self {
    Self("\(path): \(fault.problem)", remedy: fault.remedy)
  }
}
