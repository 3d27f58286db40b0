import Support
import Torch

/// The memory of some work, in MiB: of a device what tensors hold there, of the CPU what the process holds.
struct MemoryCount {
  private let device: Device
  private let before: Double?

  /// Begins to count.
  init(on device: Device) {
    self.device = device
    if device.isAccelerator {
      before = device.memoryUse.map { Self.mebibytes($0.now) }
      device.resetMemoryPeak()
    } else {
      before = ProcessMemory.residentMiB
      ProcessMemory.resetPeak()
    }
  }

  /// The peak since the count began; `nil` where the device does not tell.
  var peakMiB: Double? {
    device.isAccelerator ? device.memoryUse.map { Self.mebibytes($0.peak) } : ProcessMemory.peakMiB
  }

  /// What the work added.
  var addedMiB: Double? { peakMiB.flatMap { peak in before.map { peak - $0 } } }

  private static func mebibytes(_ bytes: Int) -> Double { Double(bytes) / 1_048_576 }
}
