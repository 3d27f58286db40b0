import CLIP
import CStartup
import Embedded
import Foundation
import Images
import PromptLearning
import Runs
import Support
import Torch

/// What `doctor` finds: the installation, the machine, and what is wrong with them. Paths have `~` for the home folder
/// and `USER` for the user's name.
struct Checkup: Encodable {
  let version: String
  let tool: String
  let resources: [Resource]
  let system: String
  let libtorch: Library
  /// What `--device auto` takes.
  let device: String
  /// The reason where that is the CPU.
  let deviceReason: String?
  /// The values of `--precision` that it takes.
  let precisions: [Precision]
  let processor: Processor
  let threads: ThreadUse
  let memory: Memory?
  let disks: [Disk]
  let caches: [Cache]
  let models: [Model]
  let readsHEIF: Bool
  let problems: [Problem]

  struct Resource: Encodable {
    let name: String
    let isThere: Bool
  }

  struct Library: Encodable {
    let version: String
    /// The file that this process has loaded; `nil` where the system does not tell.
    let path: String?
  }

  struct Processor: Encodable {
    let name: String
    /// The instruction sets that libtorch and the image code choose among.
    let features: [String]
    let hasBFloat16: Bool
  }

  struct ThreadUse: Encodable {
    let inUse: Int
    let available: Int
    let cores: Int
    /// The control groups' quota in cores; `nil` without one.
    let quota: Double?
    let ompNumThreads: String?
  }

  struct Memory: Encodable {
    let availableMiB: Double
    let totalMiB: Double
  }

  struct Disk: Encodable {
    let purpose: String
    let path: String
    let freeMiB: Double?
  }

  struct Cache: Encodable {
    let name: String
    let path: String
    let files: Int
    let mebibytes: Double
    let limitMiB: Double?
  }

  struct Model: Encodable {
    let name: String
    /// The time to load it and to embed an image; `nil` where that fails.
    let seconds: Double?
  }

  struct Problem: Encodable, Equatable {
    let problem, remedy: String

    init(_ problem: String, remedy: String) { (self.problem, self.remedy) = (problem, remedy) }
  }

  /// The targets whose resources the tool reads.
  static let targetsWithResources = [
    "Acquisition", "CocoopServer", "Embedded", "NamedModels", "Report", "Reproduction", "Tokenization",
  ]

  /// Less than this, in MiB, is a problem.
  private static let (leastMemory, leastDisk) = (512.0, 512.0)

  init() {
    let anonymous = AnonymousPaths()
    var problems: [Problem] = []
    version = COCOOP_VERSION
    system = Self.systemDescription
    tool = anonymous(Bundle.main.executableURL?.resolvingSymlinksInPath().path ?? CommandLine.arguments[0])

    resources = Self.targetsWithResources.map { target in
      let name = "cocoop_\(target).resources"
      return Resource(name: name, isThere: FileSystem.folderExists(Bundle.main.bundleURL.appending(path: name).path))
    }
    let missing = resources.filter { !$0.isThere }.map(\.name)
    if !missing.isEmpty {
      problems.append(
        Problem(
          "\(missing.joined(separator: ", ")) should lie in the folder of \(tool), and does not",
          remedy: "Install cocoop again: its folder belongs together"))
    }

    libtorch = Library(version: Libtorch.version, path: Self.path(ofLibrary: "libtorch_cpu").map { anonymous($0) })
    switch Result(catching: { try DeviceChoice.automatic.resolved() }) {
    case .success(let found):
      device = found.title
      precisions = Precision.allCases.filter { $0.isAvailable(on: found) }
    case .failure(let error):
      (device, precisions) = ("none", [])
      let told = error as? any UserFacingError
      problems.append(Problem(told?.problem ?? "\(error)", remedy: told?.remedy ?? "Install cocoop again"))
    }
    deviceReason = DeviceChoice.reasonForCPU
    processor = Processor.ofThisMachine
    threads = ThreadUse.ofThisProcess
    if let problem = threads.problem { problems.append(problem) }

    memory = Memory.ofThisMachine
    if let memory, memory.availableMiB < Self.leastMemory {
      problems.append(
        Problem(
          String(format: "Only %.0f MiB of memory are free", memory.availableMiB),
          remedy: "End other programs: tiny-clip needs 400 MiB, and larger models more"))
    }

    let cache = FeatureCache.standardFolder
    disks = [("runs", FileSystem.currentFolder), ("the cache", cache.path)].map { purpose, path in
      Disk(purpose: purpose, path: anonymous(path), freeMiB: Self.freeMiB(at: path))
    }
    for disk in disks where (disk.freeMiB ?? .infinity) < Self.leastDisk {
      problems.append(
        Problem(
          String(format: "Only %.0f MiB are free at %@, for %@", disk.freeMiB ?? 0, disk.path, disk.purpose),
          remedy: "Make room there"))
    }
    if let reason = Self.reasonNotToWrite(into: cache) {
      problems.append(
        Problem(
          "The cache \(anonymous(cache.path)) cannot be written to: \(reason)",
          remedy: "Mend its permissions, or name another folder in XDG_CACHE_HOME: else features are computed anew"))
    }
    caches = Self.caches(in: cache, anonymous)

    if missing.isEmpty {
      let (model, problem) = Self.tinyCLIP()
      models = [model]
      if let problem { problems.append(problem) }
    } else {
      models = []
    }
    readsHEIF = ["libheif.so.1", "libheif.1.dylib"].contains { (name: String) in dlopen(name, RTLD_LAZY) != nil }
    self.problems = problems.map { Problem(anonymous($0.problem), remedy: anonymous($0.remedy)) }
  }

  // MARK: What works

  /// Loads the bundled model and embeds one of the bundled images.
  private static func tinyCLIP() -> (Model, Problem?) {
    let name = "tiny-clip"
    func failed(_ text: String) -> (Model, Problem?) {
      (
        Model(name: name, seconds: nil),
        Problem("\(name) does not work: \(text)", remedy: "Install cocoop again; if that does not help, report it")
      )
    }
    do {
      let start = ContinuousClock.now
      let clip = try ModelSource(name).load()
      let photo = Embedded.openclipart.appending(path: "images/bird/000.jpg")
      let square = try clip.configuration.preprocessing.square(PhotoReading().image(at: photo))
      let embedding = try clip.imageEmbeddings(ofSquares: [square]).floats()
      let length = embedding.map { $0 * $0 }.reduce(0, +)
      guard embedding.count == clip.embeddingWidth, length.isFinite, length > 0 else {
        return failed("an image gives no embedding")
      }
      return (Model(name: name, seconds: (ContinuousClock.now - start) / .seconds(1)), nil)
    } catch let error as any UserFacingError {
      return failed(error.problem)
    } catch {
      return failed("\(error)")
    }
  }

  /// The reason why the cache cannot be kept in a folder, which is made if need be and then taken away; `nil` if it can.
  private static func reasonNotToWrite(into folder: URL) -> String? {
    let wasThere = FileSystem.folderExists(folder.path)
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let probe = folder.appending(path: ".doctor-\(UUID().uuidString)")
      defer {
        try? FileManager.default.removeItem(at: probe)
        if !wasThere { rmdir(folder.path) }
      }
      let descriptor = open(probe.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { return SystemReason().text }
      close(descriptor)
      return nil
    } catch {
      // Foundation does not pass the system's reason on.
      return mkdir(folder.path, 0o700) == 0 ? nil : SystemReason().text
    }
  }

  // MARK: What there is

  /// The cached features, and whatever else lies beside them by the names of its folders.
  private static func caches(in folder: URL, _ anonymous: AnonymousPaths) -> [Cache] {
    let entries = (try? FileSystem.entries(of: folder.path)) ?? []
    let features = entries.filter { $0.kind == .file && $0.name.hasPrefix("features-") }
    let sizes = features.compactMap { FileStamp(of: folder.appending(path: $0.name).path)?.bytes }
    let path = anonymous(folder.path)
    let first = Cache(
      name: "image features", path: path, files: features.count, mebibytes: mebibytes(sizes),
      limitMiB: Double(FeatureCache(folder: folder, model: "").limit) / 1_048_576)
    return [first]
      + entries.filter { $0.kind == .folder }.map { entry in
        let inside = folder.appending(path: entry.name)
        let files = FileManager.default.enumerator(at: inside, includingPropertiesForKeys: nil)
        let sizes = (files?.allObjects as? [URL] ?? []).filter { FileSystem.fileExists($0.path) }
          .compactMap { FileStamp(of: $0.path)?.bytes }
        return Cache(
          name: entry.name, path: "\(path)/\(entry.name)", files: sizes.count, mebibytes: mebibytes(sizes),
          limitMiB: nil)
      }
  }

  private static func mebibytes(_ sizes: [some BinaryInteger]) -> Double {
    sizes.map { Double($0) }.reduce(0, +) / 1_048_576
  }

  /// The space that is free where a path lies or would lie.
  private static func freeMiB(at path: String) -> Double? {
    var url = URL(filePath: path)
    while !FileSystem.exists(url.path), url.path != "/" { url = url.deletingLastPathComponent() }
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: url.path)
    guard let size = attributes?[.systemSize] as? NSNumber, size.doubleValue > 0 else { return nil }  // such as /proc
    return (attributes?[.systemFreeSize] as? NSNumber).map { $0.doubleValue / 1_048_576 }
  }

  /// The file of a library that this process has loaded (proc(5), `maps`).
  private static func path(ofLibrary name: String) -> String? {
    guard let maps = try? FileSystem.contents(of: "/proc/self/maps") else { return nil }
    let paths = maps.split(separator: UInt8(ascii: "\n")).compactMap { line in
      line.firstIndex(of: UInt8(ascii: "/")).map { FileName.spelling(of: line[$0...]) }
    }
    return paths.first { $0.contains("/\(name).") }
  }

  /// "Debian GNU/Linux 12 (bookworm), x86_64, glibc 2.36".
  private static var systemDescription: String {
    let release = (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? ""
    let name = release.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
      .map { $0.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" } }
    #if arch(x86_64)
      let architecture = "x86_64"
    #else
      let architecture = "arm64"
    #endif
    var parts = [name ?? ProcessInfo.processInfo.operatingSystemVersionString, architecture]
    #if canImport(Glibc)
      var text = [UInt8](repeating: 0, count: 64)
      let length = text.withUnsafeMutableBytes { confstr(Int32(_CS_GNU_LIBC_VERSION), $0.baseAddress, $0.count) }
      if length > 1 { parts.append(String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)) }
    #endif
    return parts.joined(separator: ", ")
  }
}

extension Checkup.Processor {
  private static let names = [
    "sse4_1", "avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16", "asimd", "bf16", "sve",
  ]

  static var ofThisMachine: Self {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func value(_ keys: [String]) -> String? {
      let line = text.split(separator: "\n").first { line in
        keys.contains { line.hasPrefix($0 + "\t") || line.hasPrefix($0 + ":") }
      }
      return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let flags = Set((value(["flags", "Features"]) ?? "").split(separator: " ").map(String.init))
    return Self(
      name: value(["model name", "CPU part"]) ?? "unknown processor", features: names.filter(flags.contains),
      hasBFloat16: Precision.bfloat16.isAvailable)
  }
}

extension Checkup.ThreadUse {
  static var ofThisProcess: Self {
    Self(
      inUse: Threads.count, available: AvailableCores.count, cores: ProcessInfo.processInfo.processorCount,
      quota: AvailableCores.quota(under: "/"), ompNumThreads: ProcessInfo.processInfo.environment["OMP_NUM_THREADS"])
  }

  /// More threads than cores wait for one another.
  fileprivate var problem: Checkup.Problem? {
    guard inUse > available else { return nil }
    return Checkup.Problem(
      "\(inUse) threads would compute on \(available) cores",
      remedy: "Give at most \(available) as --threads or OMP_NUM_THREADS")
  }
}

extension Checkup.Memory {
  /// `nil` where the system does not tell.
  static var ofThisMachine: Self? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
    func mebibytes(_ field: String) -> Double? {
      let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
      return line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }.map { $0 / 1024 }
    }
    guard let available = mebibytes("MemAvailable"), let total = mebibytes("MemTotal") else { return nil }
    return Self(availableMiB: available, totalMiB: total)
  }
}

/// Paths without the person: a home folder is `~`, and a component that is the user's name is `USER`.
struct AnonymousPaths {
  private let homes: [String]
  private let users: Set<String>

  /// The person who runs this process, by the system and by the environment.
  init() {
    let environment = ProcessInfo.processInfo.environment
    homes = [environment["HOME"] ?? "", NSHomeDirectory()]
      .map { $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
      .filter { $0.count > 1 && $0.hasPrefix("/") }
    users = Set([environment["USER"] ?? "", environment["LOGNAME"] ?? "", NSUserName()]).subtracting([""])
  }

  /// The text, in which paths may stand anywhere.
  func callAsFunction(_ text: String) -> String {
    let result = homes.reduce(text) { Self.replacing($1, in: $0) }
    let parts = result.split(separator: "/", omittingEmptySubsequences: false)
    // Outside paths, the name may be an ordinary word.
    return parts.enumerated().map { index, part in index > 0 && users.contains(String(part)) ? "USER" : String(part) }
      .joined(separator: "/")
  }

  /// A home folder is replaced where a path begins with it, not in the middle of one.
  private static func replacing(_ home: String, in text: String) -> String {
    var (result, rest) = ("", text[...])
    while let range = rest.range(of: home) {
      let (before, after) = (rest[..<range.lowerBound].last ?? result.last, rest[range.upperBound...].first)
      let isWhole = !isInName(before) && before != "/" && !isInName(after)
      result += rest[..<range.lowerBound] + (isWhole ? "~" : home)
      rest = rest[range.upperBound...]
    }
    return result + rest
  }

  private static func isInName(_ character: Character?) -> Bool {
    character.map { $0.isLetter || $0.isNumber || "._-~".contains($0) } ?? false
  }
}
