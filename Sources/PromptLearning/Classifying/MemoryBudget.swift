import Foundation
import Torch

/// The most memory that one pass of images and classes through the text encoder may take, in addition to the model.
///
/// A budget only decides how images and classes are grouped: results agree up to the rounding of sums.
public struct MemoryBudget: Sendable, Hashable, Codable {
  public let bytes: Int

  /// - Throws: ``LearningError/setting(name:expected:found:)`` for less than 1 MiB.
  public init(bytes: Int) throws {
    guard bytes >= 1 << 20 else {
      throw LearningError.setting(name: "The memory budget", expected: "1 MiB or more", found: "\(bytes) bytes")
    }
    self.bytes = bytes
  }

  public init(from decoder: any Decoder) throws {
    try self.init(bytes: decoder.singleValueContainer().decode(Int.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(bytes)
  }

  /// Reads "4GiB", "512 MiB", "1.5GB", "800m" or a number of bytes; `nil` for anything else.
  public init?(_ text: String) {
    let units: [(String, Double)] = [
      ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9),
      ("tb", 1e12), ("k", 0x1p10), ("m", 0x1p20), ("g", 0x1p30), ("t", 0x1p40), ("b", 1), ("", 1),
    ]
    let lower = text.lowercased().filter { !$0.isWhitespace }
    guard let (suffix, unit) = units.first(where: { lower.hasSuffix($0.0) }),
      let number = Double(lower.dropLast(suffix.count)), number.isFinite, (0..<0x1p60).contains(number * unit),
      let budget = try? MemoryBudget(bytes: Int(number * unit))
    else { return nil }
    self = budget
  }

  /// Half of the memory that was free when this was first used.
  public static let automatic: MemoryBudget = {
    let free = availableBytes ?? Int(ProcessInfo.processInfo.physicalMemory / 2)
    return MemoryBudget(unchecked: max(1 << 20, free / 2))
  }()

  /// Half of the memory that a device has free now; of the CPU, ``automatic``, which also serves where a device does not
  /// tell.
  public static func automatic(on device: Device) -> MemoryBudget {
    device.memory.map { MemoryBudget(unchecked: max(1 << 20, $0.free / 2)) } ?? automatic
  }

  /// The budget on a device: ``automatic`` is that of the CPU, and an accelerator has memory of its own.
  func resolved(on device: Device) -> MemoryBudget {
    device.isAccelerator && self == .automatic ? .automatic(on: device) : self
  }

  /// Half of it, or of what a pass has taken where that is less.
  func halved(below taken: Int) -> MemoryBudget { MemoryBudget(unchecked: max(1 << 20, min(bytes, taken) / 2)) }

  /// What decoded photos may take together in a training: a quarter of the memory that was free at first.
  public static let automaticForPhotos = automatic.bytes / 2

  /// An equal part for each of `count` processes, 1 MiB at least.
  public func divided(by count: Int) -> MemoryBudget { MemoryBudget(unchecked: max(1 << 20, bytes / max(1, count))) }

  private init(unchecked bytes: Int) { self.bytes = bytes }

  /// The memory that Linux could give to a new program without swapping; `nil` elsewhere.
  private static var availableBytes: Int? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
  }
}
