import CLIP
import Datasets
import Foundation
import PromptLearning
import Support
import Torch

/// The files of a run: `run.json`, `prompts.safetensors`, `metrics.jsonl`, `checkpoint/`, and `split.json` where the
/// images were divided for it.
public struct RunFolder: Sendable {
  public let url: URL
  private let existing: Existing

  /// The treatment of an existing run.
  public enum Existing: Sendable { case refuse, replace, resume }

  /// Opens a folder that `train` has written.
  ///
  /// - Throws: ``RunError/notARun(path:reason:)``.
  public init(existing url: URL) throws {
    try Self.checkName(of: url)
    self.init(at: url, existing: .resume)
    for (exists, reason) in [(Self.exists(url), "there is nothing at this path"), (isRun, "it has no run.json")]
    where !exists {
      throw RunError.notARun(path: url.path, reason: reason)
    }
  }

  /// The folder of a new run, or of one to resume, after the check that the run may be saved there.
  ///
  /// Leaves the disk unchanged: what a new run replaces stays until ``begin(_:division:with:)``. A folder with other
  /// files and no run is never touched.
  ///
  /// - Throws: ``RunError``, or `WritingError` where nothing can be written.
  public init(creating url: URL, existing: Existing) throws {
    try Self.checkName(of: url)
    self.init(at: url, existing: existing)
    if RunLock.isHeld(at: url) { throw RunError.inUse(path: url.path) }
    try check()
    try CreatedDirectories(upTo: url).removeEmpty()
  }

  /// The folder that another process of the same training writes; it may not be there, and is not looked at.
  public init(ofOthers url: URL) throws {
    try Self.checkName(of: url)
    self.init(at: url, existing: .resume)
  }

  /// Checks that a path is UTF-8: Foundation, which writes runs, has paths as text.
  private static func checkName(of url: URL) throws {
    let path = url.path.replacing("\u{FFFD}", with: "")
    guard FileName.isText(url.path), path == url.path || FileName.isText(FileSystem.currentFolder) else {
      throw RunError.folderName(path: url.path)
    }
  }

  /// Makes a folder without checking it.
  init(at url: URL, existing: Existing) {
    self.url = url
    self.existing = existing
  }

  /// Whether a folder holds a run.
  public static func isRun(_ url: URL) -> Bool { RunFolder(at: url, existing: .resume).isRun }

  var isRun: Bool { Self.exists(reading(Self.recordName)) }

  /// Whether the run's learning is complete.
  public var isFinished: Bool {
    guard arriving == nil, hasArtifact, let record = try? record() else {
      return false
    }
    return record.imported != nil || record.trainingSeconds != nil
  }

  /// Whether there is an unfinished training with a checkpoint from which to resume.
  public var isResumable: Bool { isRun && !isFinished && checkpointFiles.contains(where: Self.exists) }

  /// Locks the folder for writing, completes or removes the partial work of a killed process, and checks that the run
  /// may still be saved here.
  ///
  /// - Parameter needsLock: whether a file system without locks is refused.
  /// - Throws: ``RunError``, such as ``RunError/inUse(path:)``, and `WritingError`.
  public func claim(waiting: Bool = false, needsLock: Bool = true) throws -> RunLock {
    let lock = try RunLock(at: url, waiting: waiting, isRequired: needsLock)
    try check()
    try settle()
    removeLeftovers()
    return lock
  }

  private func check() throws {
    if existing == .resume {
      guard isRun else { throw RunError.noRunToResume(path: url.path) }
      return
    }
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    let isForeign = contents.contains { $0 != RunLock.name && !Self.isLeftover($0) && !FileSystem.isRemnant($0) }
    guard isRun || !isForeign else { throw RunError.foreignFolder(path: url.path) }
    if isRun, existing == .refuse { throw RunError.runExists(path: url.path) }
  }

  // MARK: Files

  /// The file with the run's result: the existing one, or the one that a finished run of prompts would have.
  public var artifactURL: URL { artifactFile.url }
  /// Whether that file is there.
  public var hasArtifact: Bool { Self.exists(artifactURL) }

  func artifactURL(of method: Method) -> URL { url.appending(path: method.artifactName) }

  private var artifactFile: (url: URL, method: Method) {
    let files = Method.all.map { (url: artifactURL(of: $0), method: $0) }
    return files.first { Self.exists($0.url) } ?? files[0]
  }

  var metricsURL: URL { url.appending(path: Self.metricsName) }
  var divisionURL: URL { url.appending(path: Self.divisionName) }
  private var recordURL: URL { url.appending(path: Self.recordName) }

  static let recordName = "run.json"
  static let metricsName = "metrics.jsonl"
  static let divisionName = "split.json"

  static func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  /// `dataset` with the splits that this run used, where it has saved them.
  ///
  /// - Throws: `DatasetError`.
  public func divided(_ dataset: Dataset) throws -> Dataset {
    let file = reading(Self.divisionName)
    guard Self.exists(file) else { return dataset }
    let split = try SplitFile(contentsOf: file)
    return try dataset.divided(as: split, of: file.path)
  }

  /// - Throws: ``RunError/notARun(path:reason:)`` where `run.json` cannot be understood.
  public func record() throws -> Record {
    let file = reading(Self.recordName)
    let unreadable = RunError.notARun(path: url.path, reason: "its run.json cannot be read")
    guard let data = try? Data(contentsOf: file) else { throw unreadable }
    // The version is read first: another version's record may have any other form.
    struct Version: Decodable { let version: Int }
    guard let version = try? JSONDecoder().decode(Version.self, from: data).version else { throw unreadable }
    guard version == Record.version else {
      throw LearningError.version(path: file.path, found: version, readable: Record.version)
    }
    guard let record = try? JSONDecoder().decode(Record.self, from: data) else { throw unreadable }
    return record
  }

  /// - Parameter place: the run's final location, where it is another folder.
  func write(_ record: Record, for place: URL? = nil) throws {
    var record = record
    record.places = record.places ?? RunPlaces(of: place ?? url)
    try AtomicFile.write(JSONEncoder.readable.encode(record) + Data("\n".utf8), to: recordURL)
  }

  /// The result of the run's learning.
  ///
  /// - Throws: ``RunError/unfinished(path:epoch:of:)`` or ``RunError/stillTraining(path:)`` while there is none, and
  ///   `LearningError`.
  public func artifact() throws -> Artifact {
    let (file, method) = artifactFile
    guard arriving == nil, Self.exists(file) else { throw unfinished() }
    return try Artifact(contentsOf: file, noun: method.artifactNoun)
  }

  private func unfinished() -> RunError {
    if RunLock.isHeld(at: url) { return .stillTraining(path: url.path) }
    let training = (try? checkpoint())?.artifact.training
    return .unfinished(
      path: url.path, epoch: training.map { min($0.state.completedEpochs + 1, $0.configuration.epochs) },
      of: training?.configuration.epochs)
  }
}

extension JSONEncoder {
  /// An encoder for people: sorted, indented, with slashes unescaped.
  public static var readable: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return encoder
  }
}

extension RunFolder {
  /// The content of `run.json`.
  public struct Record: Sendable, Codable {
    public let version: Int
    /// The configuration of a training here; `nil` for imported prompts.
    public let configuration: RunConfiguration?
    /// The origin of imported prompts; `nil` for those of a training here.
    public let imported: ImportedPrompts?
    public let model: ModelIdentity
    /// The names of the learned classes, by label; empty where an imported file leaves them unknown.
    public let classNames: [String]
    /// The other classes of the data; absent where there are none, and from runs before this was recorded.
    public let otherClasses: [String]?
    /// The number of photos that were left out of the training because they cannot be read; absent where there is none.
    public let skippedPhotos: Int?
    public let libtorch: String
    /// The number of threads of an operation where the run started: with another number sums are rounded differently.
    /// Absent from runs before this was recorded, and where nothing is computed.
    public let threads: Int?
    /// Where the run computed last, such as "cpu" or "cuda:0 (NVIDIA H200)": another device rounds sums otherwise. Absent
    /// from runs before this was recorded, and where nothing is computed.
    public let device: String?
    /// The memory of a training pass, in bytes; a resumed training divides its passes in the same way.
    public let memoryBudget: MemoryBudget?
    /// The training images; absent from runs before this was compared, and where nothing is trained.
    public let trainingImages: TrainingImages?
    /// The folders in which the run was made; absent from runs before this was recorded.
    public internal(set) var places: RunPlaces?
    /// The seconds of training, without loading; `nil` until it is finished.
    public var trainingSeconds: Double?

    static let version = 1

    package init(
      _ configuration: RunConfiguration?, imported: ImportedPrompts? = nil, model: ModelIdentity, classNames: [String],
      otherClasses: [String] = [], skippedPhotos: Int = 0, threads: Int? = nil, device: String? = nil,
      memoryBudget: MemoryBudget? = nil,
      trainingImages: TrainingImages? = nil,
      trainingSeconds: Double? = nil
    ) {
      version = Self.version
      self.configuration = configuration
      self.imported = imported
      self.model = model
      self.classNames = classNames
      self.otherClasses = otherClasses.isEmpty ? nil : otherClasses
      self.skippedPhotos = skippedPhotos == 0 ? nil : skippedPhotos
      libtorch = Libtorch.version
      self.threads = threads
      self.device = device
      self.memoryBudget = memoryBudget
      self.trainingImages = trainingImages
      self.trainingSeconds = trainingSeconds
    }

    /// The paths of the model and the data, and the half of the classes, as far as the run knows them.
    public var modelPath: String? { configuration?.model ?? imported?.model }
    public var root: String? { configuration?.root ?? imported?.root }
    public var data: String? { configuration?.data ?? imported?.data }
    public var classes: ClassSubset? { configuration?.classes ?? imported?.classes }
    /// The classes of the data that the run uses.
    public var choice: ClassChoice { configuration?.choice ?? classes.map { .part($0) } ?? .all }
    public var seed: Int? { configuration?.seed ?? imported?.seed }
  }
}

/// The training images, as far as they must be the same when a training resumes.
public struct TrainingImages: Sendable, Codable, Equatable {
  public let count: Int
  /// The hash of the labels and paths, in their order.
  public let sha256: String

  init(of dataset: Dataset) {
    count = dataset.training.count
    sha256 = FileHash.sha256(of: dataset.training.map { "\($0.label)\t\($0.path)\n" }.joined())
  }
}
