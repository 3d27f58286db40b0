import CTorch
import Synchronization

/// A list of integers that says which elements are gathered, on whatever device these are: the list is copied there when
/// it is first used, and kept.
public struct Indices: Sendable {
  /// The integers, from 0.
  public let list: [Int]
  private let onCPU: Tensor  // [count]
  private let copies = Copies()

  /// The copies on other devices.
  private final class Copies: Sendable {
    let byDevice = Mutex<[Device: Tensor]>([:])
  }

  public init(_ list: [Int]) throws {
    self.list = list
    onCPU = try Tensor(list, shape: [list.count])
  }

  public var count: Int { list.count }

  /// `[count]`, on the device.
  public func on(_ device: Device) throws -> Tensor {
    guard device.isAccelerator else { return onCPU }
    return try copies.byDevice.withLock { copies in
      if let copy = copies[device] { return copy }
      let copy = try onCPU.on(device)
      copies[device] = copy
      return copy
    }
  }
}

extension Tensor {
  /// The elements with the given indices along `axis`, in the order of `indices`.
  ///
  /// - Parameter indices: K integers in `0 ..< shape[axis]`.
  public func gathered(_ indices: Indices, axis: Int) throws -> Tensor {
    try gathered(indices.on(device), axis: axis)
  }
}
