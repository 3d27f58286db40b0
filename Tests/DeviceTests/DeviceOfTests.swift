import CTestDevice
import Testing
import Torch

/// All that runs on the device of tests, one suite after the other: it counts for the whole process.
@Suite("What accelerators compute is proved on a device of tests", .serialized, .enabled(if: DeviceOfTests.isThere))
struct OnTheDevice {}

/// libtorch's spare device type as Tests/CTestDevice implements it: on Linux alone.
enum DeviceOfTests {
  static let isThere = td_register()
  static let device = Device(.spare)

  /// How often `body` moved values between the device and the CPU.
  static func transfers(in body: () throws -> Void) rethrows -> Int {
    let before = td_transfers()
    try body()
    return Int(td_transfers() - before)
  }
}

extension Tensor {
  /// Values from a seed, from −1 to 1.
  static func drawn(_ shape: [Int], seed: UInt64, scale: Float = 1) throws -> Tensor {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    let values = (0..<shape.reduce(1, *)).map { _ -> Float in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Float(state >> 40) * 0x1p-23 - 1) * scale
    }
    return try Tensor(values, shape: shape)
  }

  /// The largest difference from another tensor, as a share of the largest value, wherever both are.
  func difference(from other: Tensor) throws -> Float {
    guard shape == other.shape else { return .infinity }
    let (own, others) = (try floats(), try other.floats())
    let scale = max(others.map(abs).max() ?? 0, .leastNormalMagnitude)
    let differences = zip(own, others).map { abs($0 - $1) }
    guard differences.allSatisfy(\.isFinite) else { return .infinity }
    return (differences.max() ?? 0) / scale
  }
}
