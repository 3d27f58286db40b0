import CTorch

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

  /// Sets this process up for products in this precision on a device. Only TF32 needs that: it is switched on, or off
  /// for any other precision. There is one switch, so the model that was loaded last decides.
  ///
  /// - Throws: ``TorchError`` where the device does not support the precision.
  public func use(on device: Device) throws {
    if let problem = problem(on: device) { throw TorchError.device(problem, remedy: "Take float32") }
    if device.isAccelerator { try TF32.use(self == .tf32) }
  }
}

/// libtorch's switch for products of float32 with factors rounded to TF32, of which a process has one.
package enum TF32 {
  /// Whether it is on.
  package static var isUsed: Bool { ct_uses_tf32() }

  package static func use(_ isUsed: Bool) throws { try checked("TF32", ct_use_tf32(isUsed)) }
}
