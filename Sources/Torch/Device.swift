import CTorch
import Support

/// A place where tensors are and are computed with: the CPU, or an accelerator.
///
/// A tensor knows its device, and an operation computes where its operands are; operands of two devices are refused. So
/// a model whose weights are on a device computes there, and no layer names one.
///
/// The kernels of an accelerator are in a library of their own beside libtorch's. It is opened when a device is first
/// asked for, which must come before the first gradient: libtorch decides then, once, what it can compute on.
public struct Device: Sendable, Hashable {
  /// A kind of device. The raw value is its name on the command line.
  public enum Kind: String, Sendable, CaseIterable {
    case cpu
    /// NVIDIA's, and AMD's where libtorch was built for ROCm, which names them so too.
    case cuda
    /// Apple's.
    case mps
    /// Intel's.
    case xpu
    /// libtorch's type for devices that it does not know: the device of tests.
    case spare
  }

  public let kind: Kind
  /// The number among those of its kind, from 0.
  public let index: Int

  package init(_ kind: Kind, index: Int = 0) { (self.kind, self.index) = (kind, index) }

  public static let cpu = Device(.cpu)

  /// Whether tensors must be moved here, and operations are only begun when a call returns.
  public var isAccelerator: Bool { kind != .cpu }
}

extension Device: CustomStringConvertible {
  /// `cpu`, `cuda:0`, `mps`.
  public var description: String {
    switch kind {
    case .cpu, .mps: kind.rawValue
    case .cuda, .xpu, .spare: "\(kind.rawValue):\(index)"
    }
  }
}

/// What somebody asks for where a device is needed.
public enum DeviceChoice: Sendable, Hashable {
  /// An accelerator that answers, else the CPU.
  case automatic
  case device(Device)

  /// Reads `auto`, `cpu`, `cuda`, `cuda:1`, `mps`, `xpu` or `xpu:1`; `nil` for anything else.
  public init?(_ text: String) {
    if text == "auto" {
      self = .automatic
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let kind = parts.first.flatMap({ Device.Kind(rawValue: String($0)) }), kind != .spare, parts.count <= 2
    else { return nil }
    guard parts.count == 2 else {
      self = .device(Device(kind))
      return
    }
    guard [.cuda, .xpu].contains(kind), parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let index = Int(parts[1]),
      index < 128
    else { return nil }
    self = .device(Device(kind, index: index))
  }

  /// The device, set up for this process: equal sums in the same order each time, without rounding to TF32.
  ///
  /// - Throws: ``TorchError`` that says why a device that was asked for by name cannot be had.
  public func resolved() throws -> Device {
    try Libtorch.check()
    let device: Device
    switch self {
    case .automatic:
      let kinds = Device.Kind.allCases.filter { $0 != .cpu }
      device = kinds.first { DeviceFacts.asked(of: $0).count > 0 }.map { Device($0) } ?? .cpu
    case .device(let asked):
      if let problem = DeviceFacts.asked(of: asked.kind).problem(with: asked) { throw problem }
      device = asked
    }
    try checked("\(device)", ct_use_device(device.code))
    if device.isAccelerator { _ = try? TF32Use(false) }  // unless a model has it on
    return device
  }
}

extension DeviceChoice {
  /// Why an accelerator that this libtorch was built for cannot be had, in one line; `nil` where one answers, and of a
  /// build for the CPU alone.
  public static var reasonForCPU: String? {
    for kind in [Device.Kind.cuda, .xpu] {
      let facts = DeviceFacts.asked(of: kind)
      if facts.count > 0 { return nil }
      if !facts.library.isEmpty, kind == .xpu || !facts.library.contains("xpu") {
        return facts.problem(with: Device(kind))?.problem
      }
    }
    return nil
  }
}

/// What is known of one kind of device, from which follows what is wrong.
package struct DeviceFacts: Sendable {
  /// How many answer.
  package var count: Int
  /// The version of CUDA that libtorch was built with, such as 13000; 0 without.
  package var runtimeVersion = 0
  /// The newest CUDA that the driver runs; 0 without a driver.
  package var driverVersion = 0
  /// The file with the kernels beside libtorch's; empty where there is none.
  package var library = ""
  /// The reason why that could not be opened.
  package var failure = ""
  /// The folder of the libtorch that is loaded.
  package var folder = ""

  package init(count: Int, folder: String = "") { (self.count, self.folder) = (count, folder) }

  static func asked(of kind: Device.Kind) -> DeviceFacts {
    let found = ct_accelerator_of(Device(kind).code.kind)
    var facts = DeviceFacts(count: Int(found.count), folder: Libtorch.folder)
    (facts.runtimeVersion, facts.driverVersion) = (Int(found.runtime_version), Int(found.driver_version))
    (facts.library, facts.failure) = (String(cString: found.library), String(cString: found.failure))
    return facts
  }

  /// The reason why a device cannot be had; `nil` where it can.
  package func problem(with device: Device) -> TorchError? {
    let (kind, cpu) = (device.kind.rawValue, "or compute here with --device cpu")
    if device.index < count { return nil }
    if count > 0 {
      let names = (0..<count).map { Device(device.kind, index: $0).description }
      return .device(
        "There is no \(device): this machine has \(count == 1 ? "one" : "\(count)"), \(names.joined(separator: ", "))",
        remedy: "Take one of these, or --device auto")
    }
    if !failure.isEmpty {
      return .device(
        "\(library) in \(folder) could not be opened: \(failure)",
        remedy: "Leave PyTorch where pip has put it, with NVIDIA's libraries beside it, \(cpu)")
    }
    switch device.kind {
    case .cuda where runtimeVersion > 0 && driverVersion == 0:
      return .device(
        "No GPU answers: libtorch \(Libtorch.version) was built for CUDA \(Self.text(runtimeVersion)), and this machine has"
          + " no NVIDIA driver",
        remedy: "Install the driver and see that nvidia-smi lists the GPU, \(cpu)")
    case .cuda where runtimeVersion > 0 && driverVersion < runtimeVersion / 1000 * 1000:
      return .device(
        "The NVIDIA driver is too old: it runs CUDA \(Self.text(driverVersion)), and libtorch \(Libtorch.version) was built"
          + " for CUDA \(Self.text(runtimeVersion))",
        remedy: "Update the driver, take a PyTorch that is built for its CUDA, \(cpu)")
    case .cuda where !library.isEmpty:
      return .device(
        "No GPU answers, although libtorch \(Libtorch.version) was built for them",
        remedy: "See that nvidia-smi lists the GPU and that CUDA_VISIBLE_DEVICES does not hide it, \(cpu)")
    case .mps:
      return .device(
        "No GPU of Apple's answers to libtorch \(Libtorch.version) in \(folder)", remedy: "Compute with --device cpu")
    default:
      let build = library.isEmpty ? "a build for the CPU alone" : "a build with \(library)"
      return .device(
        "libtorch \(Libtorch.version) in \(folder) is \(build), and --device \(kind) was asked for",
        remedy:
          "Install PyTorch \(Libtorch.version) for \(kind) with pip, then LIBTORCH=…/site-packages/torch make build, "
          + cpu)
    }
  }

  /// "13.0" for 13000.
  private static func text(_ version: Int) -> String { "\(version / 1000).\(version % 1000 / 10)" }
}

extension Device {
  /// The device's name as its driver has it, such as "NVIDIA H200"; `nil` where there is none to be had.
  public var name: String? {
    var bytes = [CChar](repeating: 0, count: 256)
    let status = ct_device_name(code, &bytes, Int64(bytes.count))
    ct_message_free(status.message)
    let text = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return status.code == 0 && !text.isEmpty ? text : nil
  }

  /// NVIDIA's number of what a GPU can do, in tenths: 90 for 9.0; `nil` of other devices.
  var computeCapability: Int? {
    let found = ct_compute_capability(code)
    return found > 0 ? Int(found) : nil
  }

  /// The device and, where it has one, its name: "cuda:0 (NVIDIA H200)".
  public var title: String { name.map { "\(self) (\($0))" } ?? description }

  /// The kind of the device and, where it has one, its name, without a number: "cuda (NVIDIA H200)". What one such
  /// device has computed, another of the same make may go on with.
  public var make: String { name.map { "\(kind.rawValue) (\($0))" } ?? kind.rawValue }

  /// The bytes that are free and all that the device has; `nil` of the CPU, and where the device does not tell.
  public var memory: (free: Int, total: Int)? {
    guard isAccelerator else { return nil }
    var (free, total): (Int64, Int64) = (0, 0)
    let status = ct_device_memory(code, &free, &total)
    ct_message_free(status.message)
    return status.code == 0 ? (Int(free), Int(total)) : nil
  }

  /// The bytes that tensors hold on the device now, and the most since ``resetMemoryPeak()``; `nil` of the CPU, and where
  /// the device does not tell.
  public var memoryUse: (now: Int, peak: Int)? {
    guard isAccelerator else { return nil }
    var (now, peak): (Int64, Int64) = (0, 0)
    let status = ct_device_memory_use(code, &now, &peak)
    ct_message_free(status.message)
    return status.code == 0 ? (Int(now), Int(peak)) : nil
  }

  /// Restarts the count of the peak, where the device keeps one.
  public func resetMemoryPeak() { ct_message_free(ct_reset_device_peak(code).message) }

  /// Gives memory back that no tensor uses.
  package func releaseMemory() throws { try checked("release memory of \(self)", ct_release_device_memory(code)) }

  /// Waits until all that was begun on the device is done.
  public func wait() throws { try checked("wait for \(self)", ct_wait(code)) }

  var code: ct_device {
    let kind =
      switch kind {
      case .cpu: CT_CPU
      case .cuda: CT_CUDA
      case .mps: CT_MPS
      case .xpu: CT_XPU
      case .spare: CT_SPARE
      }
    return ct_device(kind: kind, index: Int32(index))
  }

  init(code: ct_device) {
    let kind: Kind =
      switch code.kind {
      case CT_CUDA: .cuda
      case CT_MPS: .mps
      case CT_XPU: .xpu
      case CT_SPARE: .spare
      default: .cpu
      }
    self.init(kind, index: Int(code.index))
  }
}

extension Tensor {
  /// Where the elements are.
  public var device: Device { Device(code: ct_device_of(storage.handle)) }

  /// The same values on a device; the same tensor where they are there.
  public func on(_ device: Device) throws -> Tensor {
    guard device != self.device else { return self }
    return try Tensor.result(of: "move \(shape) to \(device)") { ct_to_device(storage.handle, device.code, $0) }
  }
}

/// A tensor's values on their way from an accelerator to the CPU: what is asked of the device meanwhile is not waited for.
package final class TensorReading {
  private var reading: ct_reading

  package init(of tensor: Tensor) throws {
    reading = ct_reading()
    try checked("begin to read \(tensor.shape)", ct_reading_begin(tensor.storage.handle, &reading))
  }

  deinit { _ = try? value() }

  /// Waits for the values; asked once.
  package func value() throws -> Tensor {
    guard reading.impl != nil else { throw TorchError.failed(operation: "read", reason: "it was read before") }
    defer { reading = ct_reading() }
    return try Tensor.result(of: "read") { ct_reading_end(reading, $0) }
  }
}

extension [Tensor] {
  /// The same tensors on a device.
  public func on(_ device: Device) throws -> [Tensor] { try map { try $0.on(device) } }
}
