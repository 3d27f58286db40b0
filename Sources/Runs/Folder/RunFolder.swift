import CLIP
import Datasets
import Foundation
import PromptLearning
import Support
import Torch

/// What a run leaves behind: `run.json`, `prompts.safetensors`, `metrics.jsonl`, `checkpoint/`, and `split.json` where the
/// images were divided for it.
public struct RunFolder: Sendable {
  public let url: URL
  private let existing: Existing

  /// What to do where there is a run already.
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

  /// The folder of a new run, or of one to continue, once it is known that the run may be kept there.
  ///
  /// Leaves the disk as it was: what a new run replaces stays until ``begin(_:division:with:)``. A folder with other
  /// files in it and no run is never touched.
  ///
  /// - Throws: ``RunError``, or `WritingError` where nothing can be written.
  public init(creating url: URL, existing: Existing) throws {
    try Self.checkName(of: url)
    self.init(at: url, existing: existing)
    if RunLock.isHeld(at: url) { throw RunError.inUse(path: url.path) }
    try check()
    try CreatedDirectories(upTo: url).removeEmpty()
  }

  /// Runs are written by Foundation, whose paths are text.
  private static func checkName(of url: URL) throws {
    let path = url.path.replacing("\u{FFFD}", with: "")
    guard FileName.isText(url.path), path == url.path || FileName.isText(FileSystem.currentFolder) else {
      throw RunError.folderName(path: url.path)
    }
  }

  /// Without looking.
  init(at url: URL, existing: Existing) {
    self.url = url
    self.existing = existing
  }

  /// Whether a folder holds a run.
  public static func isRun(_ url: URL) -> Bool { RunFolder(at: url, existing: .resume).isRun }

  var isRun: Bool { Self.exists(reading(Self.recordName)) }

  /// Whether the run has all that it was to learn.
  public var isFinished: Bool {
    guard arriving == nil, hasArtifact, let record = try? record() else {
      return false
    }
    return record.imported != nil || record.trainingSeconds != nil
  }

  /// Whether there is an unfinished training with a checkpoint to go on from.
  public var isResumable: Bool { isRun && !isFinished && checkpointFiles.contains(where: Self.exists) }

  /// Takes the right to write into the folder, finishes or takes away what a killed process has left half done, and sees
  /// that the run may still be kept here.
  ///
  /// - Throws: ``RunError``, such as ``RunError/inUse(path:)``, and `WritingError`.
  public func claim(waiting: Bool = false) throws -> RunLock {
    let lock = try RunLock(at: url, waiting: waiting)
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
    let isForeign = contents.contains { $0 != RunLock.name && !Self.isLeftover($0) }
    guard isRun || !isForeign else { throw RunError.foreignFolder(path: url.path) }
    if isRun, existing == .refuse { throw RunError.runExists(path: url.path) }
  }

  // MARK: Files

  /// Where what the run has learned is kept: the file that is there, or that a finished run of prompts would have.
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

  /// `dataset` in the parts that this run learned from and kept apart for testing, where it has kept them.
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

  /// - Parameter place: where the run will be, where that is another folder.
  func write(_ record: Record, for place: URL? = nil) throws {
    var record = record
    record.places = record.places ?? RunPlaces(of: place ?? url)
    try AtomicFile.write(JSONEncoder.readable.encode(record) + Data("\n".utf8), to: recordURL)
  }

  /// What the run has learned.
  ///
  /// - Throws: ``RunError/unfinished(path:epoch:of:)`` or ``RunError/stillTraining(path:)`` while there is
  ///   nothing, and `LearningError`.
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
  /// For people: sorted, indented, slashes as they are.
  public static var readable: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return encoder
  }
}

extension RunFolder {
  /// What `run.json` says.
  public struct Record: Sendable, Codable {
    public let version: Int
    /// Of a training here; `nil` for prompts that were imported.
    public let configuration: RunConfiguration?
    /// Where prompts that were imported come from; `nil` for those of a training here.
    public let imported: ImportedPrompts?
    public let model: ModelIdentity
    /// Of the classes that the prompts were learned on, by label; empty where an imported file leaves them unknown.
    public let classNames: [String]
    /// The classes that the data has besides; absent where there are none, and from runs of before this was kept.
    public let otherClasses: [String]?
    /// How many photos were left out of the training because they cannot be read; absent where none was.
    public let skippedPhotos: Int?
    public let libtorch: String
    /// How many threads an operation used where the run began: with another number sums are rounded otherwise. Absent from
    /// runs of before this was kept, and where nothing is computed.
    public let threads: Int?
    /// Of training, in bytes; a continued training divides its passes in the same way.
    public let memoryBudget: MemoryBudget?
    /// What it learns from; absent from runs of before this was compared, and where nothing is trained.
    public let trainingImages: TrainingImages?
    /// Where the run was made; absent from runs of before this was kept.
    public internal(set) var places: RunPlaces?
    /// Of training, without loading; `nil` until it is finished.
    public var trainingSeconds: Double?

    static let version = 1

    package init(
      _ configuration: RunConfiguration?, imported: ImportedPrompts? = nil, model: ModelIdentity, classNames: [String],
      otherClasses: [String] = [], skippedPhotos: Int = 0, threads: Int? = nil, memoryBudget: MemoryBudget? = nil,
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
      self.memoryBudget = memoryBudget
      self.trainingImages = trainingImages
      self.trainingSeconds = trainingSeconds
    }

    /// Where the model, the data and the half of the classes are, as far as the run knows them.
    public var modelPath: String? { configuration?.model ?? imported?.model }
    public var root: String? { configuration?.root ?? imported?.root }
    public var data: String? { configuration?.data ?? imported?.data }
    public var classes: ClassSubset? { configuration?.classes ?? imported?.classes }
    /// The classes of the data that the run is about.
    public var choice: ClassChoice { configuration?.choice ?? classes.map { .part($0) } ?? .all }
    public var seed: Int? { configuration?.seed ?? imported?.seed }
  }
}

/// The images that a training learns from, as far as they must be the same where it goes on.
public struct TrainingImages: Sendable, Codable, Equatable {
  public let count: Int
  /// Of the labels and paths, in their order.
  public let sha256: String

  init(of dataset: Dataset) {
    count = dataset.training.count
    sha256 = FileHash.sha256(of: dataset.training.map { "\($0.label)\t\($0.path)\n" }.joined())
  }
}
