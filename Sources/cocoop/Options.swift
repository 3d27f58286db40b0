import ArgumentParser
import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

extension Precision: ExpressibleByArgument {}

extension DeviceChoice: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }

  public var defaultValueDescription: String {
    switch self {
    case .automatic: "auto"
    case .device(let device): device.description
    }
  }
}

extension MemoryBudget: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

/// The most that decoded photos may take: a size, or 0.
struct PhotoMemoryLimit: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    guard let bytes = argument == "0" ? 0 : MemoryBudget(argument)?.bytes else { return nil }
    self.bytes = bytes
  }
}

/// What every computing command takes.
struct ComputeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where to compute; auto takes an accelerator that answers, else the CPU.",
      valueName: "auto|cpu|cuda|cuda:N|mps|xpu"))
  var device = DeviceChoice.automatic

  @Option(help: ArgumentHelp("Threads to compute with (default: the cores that this process may use).", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "The most memory that one pass of prompts may take, such as 4GiB (default: half of what is free).",
      valueName: "bytes"))
  var memoryBudget: MemoryBudget?

  func budget(on device: Device) -> MemoryBudget { memoryBudget ?? .automatic(on: device) }

  /// Sets up the process, before the first tensor, and says where it computes if that was left open.
  ///
  /// - Parameter sharing: the number of processes that share this machine's cores.
  /// - Throws: `TorchError` where the device that was asked for cannot be had, or another libtorch is loaded than this
  ///   program was built for.
  @discardableResult
  func apply(quiet: Bool, sharing: Int = 1) throws -> Device {
    let place = try device.resolved()  // first of all: libtorch decides once what it can compute on
    try Self.apply(threads: threads, sharing: sharing)
    if device == .automatic, !quiet {
      if place.isAccelerator {
        StandardError.write("computing on \(place.title)\n")
      } else if let reason = DeviceChoice.reasonForCPU {
        StandardError.write("computing on the CPU: \(reason)".onOneLine + "\n")
      }
    }
    if !quiet, let reason = place.recorderFailure {
      StandardError.write("note: training steps are not recorded: \(reason)".onOneLine + "\n")
    }
    return place
  }

  /// The same for a command that computes on the CPU wherever others do.
  ///
  /// - Parameter sharing: the number of processes that share this machine's cores.
  @discardableResult
  func applyOnCPU(_ command: String, sharing: Int = 1) throws -> Device {
    if case .device(let asked) = device, asked.isAccelerator {
      throw ValidationError("\(command) computes on the CPU: leave --device \(asked) out.")
    }
    let place = try DeviceChoice.device(.cpu).resolved()
    try Self.apply(threads: threads, sharing: sharing)
    return place
  }

  /// Sets up memory and threads.
  static func apply(threads: Int?, sharing: Int = 1) throws {
    Libtorch.keepFreedMemory()
    let share = max(1, AvailableCores.count / sharing)
    if let threads {
      try Threads.use(threads)
    } else if ProcessInfo.processInfo.environment["OMP_NUM_THREADS"] == nil, share < Threads.count {
      try Threads.use(share)  // libtorch knows of affinity, and nothing of quotas
    }
  }
}

extension Orientation: ExpressibleByArgument {}

/// The options of commands that read photos.
struct PhotoOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The largest photo that is read, in megapixels: a small file may claim any size.", valueName: "n"))
  var maxMegapixels = DecodingLimits.standard.maximumPixels / 1_000_000

  func validate() throws {
    guard (1...100_000).contains(maxMegapixels) else {
      throw ValidationError("--max-megapixels must be from 1 to 100000, found \(maxMegapixels).")
    }
  }

  var limits: DecodingLimits { DecodingLimits(megapixels: maxMegapixels) }
}

/// The option for the EXIF orientation of photos.
struct OrientationOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "exif turns photos upright, as their EXIF says; ignored takes them as stored, as the reference does (default: "
        + "exif for your own photos, ignored for published datasets; a run remembers).",
      valueName: "exif|ignored"))
  var orientation: Orientation?
}

extension PhotoDecoding: ExpressibleByArgument {}

/// How much of a photo is decoded.
struct PhotoDecodingOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "exact decodes every pixel of a photo; scaled lets a large JPEG be reduced by 2, 4 or 8 as it is decoded, which "
        + "is faster and an approximation (default: as the run has learned, else exact).",
      valueName: "exact|scaled"))
  var photoDecoding: PhotoDecoding?
}

/// What frozen layers multiply in.
struct PrecisionOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Of the products of frozen layers: float32, or an approximation that is faster on processors and GPUs made for it, "
        + "as docs/devices.md tells: tf32, bfloat16, float16.", valueName: "type"))
  var precision = Precision.float32
}

/// The options of commands that cache the features of images for the next command.
struct CacheOptions: ParsableArguments {
  @Flag(help: "Compute image features anew, and keep none for the next time.")
  var noCache = false

  var folder: URL? { noCache ? nil : FeatureCache.standardFolder }
}

/// The options of a training that several processes may share.
struct ProcessOptions: ParsableArguments {
  @Option(help: "auto is one of several processes where torchrun, Slurm or MPI has started it so; off is always one.")
  var processes = Choice.auto

  @Option(
    help: ArgumentHelp("How long a process waits for another before it gives up.", valueName: "seconds"))
  var processTimeout = 60

  enum Choice: String, ExpressibleByArgument, CaseIterable { case auto, off }

  func validate() throws {
    guard (1...86_400).contains(processTimeout) else {
      throw ValidationError("--process-timeout must be from 1 to 86400, found \(processTimeout).")
    }
  }

  /// This process's place among several; `nil` where there is one.
  ///
  /// - Throws: `LaunchError`.
  func launched() throws -> LaunchedProcess? {
    processes == .off ? nil : try LaunchedProcess(in: ProcessInfo.processInfo.environment)
  }

  /// Meets the other processes.
  ///
  /// - Throws: `ProcessGroupError`.
  func meet(as process: LaunchedProcess?) throws -> any Communicator {
    guard let process else { return Alone() }
    return try ProcessGroup(process, timeout: .seconds(processTimeout))
  }
}

/// The option for the folder of benchmarks.
struct RootOption: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of benchmarks, for data that is a benchmark's name.", valueName: "folder"))
  var root: String?
}

/// The options for the photos in a data folder.
struct DataFolderOptions: ParsableArguments {
  @Flag(help: "Take the photos in sub-folders of a class folder too, as torchvision's ImageFolder does.")
  var recursive = false
}

/// The data of a command that accepts it as an argument too.
enum GivenData {
  /// - Throws: `ValidationError` where both are given.
  static func once(_ argument: String?, option: String?) throws -> String? {
    if let argument, let option {
      throw ValidationError("Give the data once: as an argument ('\(argument)') or as --data ('\(option)').")
    }
    return argument ?? option
  }
}

/// The options of a command's output.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as one JSON document.")
  var json = false

  @Flag(help: "Print nothing but the result.")
  var quiet = false

  /// The same options, of a process that prints nothing.
  var silenced: OutputOptions {
    var options = self
    options.quiet = true
    return options
  }

  /// Prints `value` as JSON, or otherwise the text.
  func print(_ value: some Encodable, text: () -> String) throws {
    if json {
      Swift.print(String(decoding: try JSONEncoder.readable.encode(value), as: UTF8.self))
    } else {
      Swift.print(text())
    }
    fflush(nil)  // before any remark that follows on standard error
  }

  /// A remark on standard error.
  func remark(_ text: String) {
    if !quiet { StandardError.write(text + "\n") }
  }

  /// Prints the notices about a dataset.
  func remark(_ notices: [Notice]) {
    for notice in notices { remark("note: \(notice).") }
  }

  /// Prints the assumptions about a checkpoint and its ignored tensors, where there are any.
  func remarkAssumptions(of clip: CLIPModel) {
    for notice in clip.notices { remark("note: \(notice).".onOneLine) }
  }

  func progress(_ label: String) -> ProgressLine { ProgressLine(label, isQuiet: quiet) }
}
