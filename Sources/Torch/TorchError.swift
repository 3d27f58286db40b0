import Support

/// An error of an operation on tensors.
public struct TorchError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?
  /// Whether a device had no memory left: a smaller pass may then succeed.
  public let isOutOfMemory: Bool

  private init(_ problem: String, remedy: String? = nil, isOutOfMemory: Bool = false) {
    (self.problem, self.remedy, self.isOutOfMemory) = (problem, remedy, isOutOfMemory)
  }
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

  /// A device has no memory left for a result.
  public static func outOfMemory(operation: String) -> Self {
    Self(
      "\(operation) failed: the device has no memory left",
      remedy: "Give --memory-budget with less than now, close what else computes there, or take --device cpu",
      isOutOfMemory: true)
  }

  /// A device that cannot be had.
  static func device(_ problem: String, remedy: String) -> Self { Self(problem, remedy: remedy) }

  /// A libtorch of another minor version than that whose headers this program was compiled with.
  package static func version(loaded: String, folder: String, built: String) -> Self {
    Self(
      "This program was built for libtorch \(built), and \(loaded) in \(folder) is loaded",
      remedy:
        "Install PyTorch \(built), or build for the other: LIBTORCH=…/torch make build, with the folder that holds lib/"
    )
  }

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
