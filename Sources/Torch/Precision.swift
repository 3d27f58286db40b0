import CTorch
import Synchronization

/// The precision of the products in frozen layers. Sums are in float32 whatever it is; anything but ``float32`` is an
/// approximation.
public enum Precision: String, Sendable, CaseIterable, Codable {
  case float32
  /// Factors of float32 rounded to 11 bits of precision as they are multiplied, in all products of the process, by GPUs
  /// that do so.
  case tf32
  /// Factors and results rounded to 8 bits of precision.
  case bfloat16
  /// Factors and results rounded to 11 bits of precision, in magnitude from 6e-8 to 65,504. A training scales its losses,
  /// so that small gradients are not lost.
  case float16

  /// Whether the CPU supports the precision.
  public var isAvailable: Bool { isAvailable(on: .cpu) }

  /// Whether a device supports the precision.
  public func isAvailable(on device: Device) -> Bool { problem(on: device) == nil }

  /// The reason why a device does not support the precision, as a sentence without its full stop; `nil` where it does.
  public func problem(on device: Device) -> String? {
    problem(on: device, capability: self == .tf32 ? device.computeCapability : nil)
  }

  /// - Parameter capability: that of the device; `nil` where it has none.
  package func problem(on device: Device, capability: Int?) -> String? {
    switch self {
    case .float32: nil
    case .tf32:
      capability ?? 0 >= Self.firstCapability
        ? nil : "\(device.title) has no TF32, which NVIDIA's GPUs have from the A100 on"
    case .bfloat16, .float16:
      device.isAccelerator || ct_has_products(kind) ? nil : "This processor has no products of \(rawValue)"
    }
  }

  /// The A100's, 8.0, in tenths.
  private static let firstCapability = 80

  /// The element type of a frozen weight.
  var kind: ct_kind {
    switch self {
    case .float32, .tf32: CT_FLOAT32
    case .bfloat16: CT_BFLOAT16
    case .float16: CT_FLOAT16
    }
  }

  /// Sets this process up for products in this precision on a device.
  ///
  /// - Returns: what a model keeps as long as it computes; `nil` on the CPU.
  /// - Throws: ``TorchError`` where the device does not support the precision, and where a model on an accelerator
  ///   rounds to TF32 and this one does not, or the reverse.
  package func use(on device: Device) throws -> TF32Use? {
    if let problem = problem(on: device) { throw TorchError.device(problem, remedy: "Take float32") }
    return device.isAccelerator ? try TF32Use(self == .tf32) : nil
  }
}

/// A use of libtorch's switch for products of float32 with factors rounded to TF32, of which a process has one: as long
/// as one use of it lasts, all have it the same way.
package final class TF32Use: Sendable {
  private static let uses = Mutex((count: 0, isOn: false))

  /// Whether products of float32 round to TF32, in cuBLAS or cuDNN.
  package static var isOn: Bool { ct_uses_tf32() }

  /// How this use has the switch.
  package let isOn: Bool

  package init(_ isOn: Bool) throws {
    try Self.uses.withLock { uses in
      guard uses.count == 0 || uses.isOn == isOn else {
        throw TorchError.device(
          "A model on an accelerator computes \(uses.isOn ? "in" : "without") TF32, which is on or off for a whole process",
          remedy: "Load both models in one precision, or the second one when the first is gone")
      }
      try checked("TF32", ct_use_tf32(isOn))
      uses = (uses.count + 1, isOn)
    }
    self.isOn = isOn  // last: what throws before is no use, and ends none
  }

  deinit { Self.uses.withLock { $0.count -= 1 } }
}
