import Datasets
import Explanations
import Foundation
import PromptLearning
import Torch

/// What a run leaves behind: `run.json`, `prompts.safetensors`, `metrics.jsonl`, `checkpoint/` while it trains, and
/// `split.json` where the images were divided for it.
public struct RunFolder: Sendable {
  public let url: URL

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
    public let libtorch: String
    /// Of training, in bytes; a continued training divides its passes in the same way.
    public let memoryBudget: MemoryBudget?
    /// Of training, without loading; `nil` until it is finished.
    public var trainingSeconds: Double?

    static let version = 1

    init(
      _ configuration: RunConfiguration?, imported: ImportedPrompts? = nil, model: ModelIdentity, classNames: [String],
      memoryBudget: MemoryBudget? = nil, trainingSeconds: Double? = nil
    ) {
      version = Self.version
      self.configuration = configuration
      self.imported = imported
      self.model = model
      self.classNames = classNames
      libtorch = Libtorch.version
      self.memoryBudget = memoryBudget
      self.trainingSeconds = trainingSeconds
    }

    /// Where the model, the data and the half of the classes are, as far as the run knows them.
    public var modelPath: String? { configuration?.model ?? imported?.model }
    public var root: String? { configuration?.root ?? imported?.root }
    public var data: String? { configuration?.data ?? imported?.data }
    public var classes: ClassSubset? { configuration?.classes ?? imported?.classes }
    public var seed: Int? { configuration?.seed ?? imported?.seed }
  }

  /// What to do where there is a run already.
  public enum Existing: Sendable { case refuse, replace, resume }

  /// Opens a folder that `train` has written.
  ///
  /// - Throws: ``ExperimentError/notARun(path:reason:)``.
  public init(existing url: URL) throws {
    self.url = url
    try checkRun()
  }

  /// The folder of a new run, or of one to continue, once it is known that the run may be kept there.
  ///
  /// Leaves the disk as it was: what a new run replaces stays until ``begin(_:)``. A folder with other files in it and
  /// no run is never touched.
  ///
  /// - Throws: ``ExperimentError``, or `WritingError` where nothing can be written.
  public init(creating url: URL, existing: Existing) throws {
    self.url = url
    if existing == .resume {
      try checkRun()
      return
    }
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    let isRun = contents.contains(Self.recordName)
    guard contents.isEmpty || isRun else { throw ExperimentError.foreignFolder(path: url.path) }
    if isRun, existing == .refuse { throw ExperimentError.runExists(path: url.path) }
    try NewFolders(upTo: url).removeEmpty()
  }

  /// Whether a folder holds a run.
  public static func isRun(_ url: URL) -> Bool {
    FileManager.default.fileExists(atPath: url.appending(path: recordName).path)
  }

  private func checkRun() throws {
    for (path, reason) in [(url.path, "there is nothing at this path"), (recordURL.path, "it has no run.json")]
    where !FileManager.default.fileExists(atPath: path) {
      throw ExperimentError.notARun(path: url.path, reason: reason)
    }
  }

  /// Puts a new run in the place of whatever run is there; other files that a person has put beside it stay.
  ///
  /// - Parameter division: the parts of the dataset, where nothing but this run would know them.
  func begin(_ record: Record, division: SplitFile? = nil) throws {
    _ = try NewFolders(upTo: url)
    for old in [promptsURL, probeURL, checkpointURL.deletingLastPathComponent(), metricsURL, divisionURL]
    where FileManager.default.fileExists(atPath: old.path) {
      do {
        try FileManager.default.removeItem(at: old)
      } catch {
        throw WritingError.failed(path: old.path, reason: "the file of the run before cannot be removed")
      }
    }
    try division?.write(to: divisionURL)
    try write(record)
  }

  /// `dataset` in the parts that this run learned from and kept apart for testing, where it has kept them.
  ///
  /// - Throws: `DatasetError`.
  public func divided(_ dataset: Dataset) throws -> Dataset {
    guard FileManager.default.fileExists(atPath: divisionURL.path) else { return dataset }
    let split = try SplitFile(contentsOf: divisionURL)
    return try dataset.divided(as: split, of: divisionURL.path)
  }

  public var promptsURL: URL { url.appending(path: "prompts.safetensors") }
  public var probeURL: URL { url.appending(path: "probe.safetensors") }
  var checkpointURL: URL { url.appending(path: "checkpoint/training.safetensors") }
  private var recordURL: URL { url.appending(path: Self.recordName) }
  private static let recordName = "run.json"
  private var divisionURL: URL { url.appending(path: "split.json") }
  private var metricsURL: URL { url.appending(path: "metrics.jsonl") }

  /// - Throws: ``ExperimentError/notARun(path:reason:)`` where `run.json` cannot be understood.
  public func record() throws -> Record {
    guard let data = try? Data(contentsOf: recordURL), let record = try? JSONDecoder().decode(Record.self, from: data)
    else { throw ExperimentError.notARun(path: url.path, reason: "its run.json cannot be read") }
    guard record.version == Record.version else {
      throw LearningError.version(path: recordURL.path, found: record.version, readable: Record.version)
    }
    return record
  }

  func write(_ record: Record) throws {
    try WholeFile.write(JSONEncoder.readable.encode(record) + Data("\n".utf8), to: recordURL)
  }

  /// The finished prompts.
  ///
  /// - Throws: ``ExperimentError/unfinished(path:)`` while there are none.
  public func prompts() throws -> PromptCheckpoint {
    guard FileManager.default.fileExists(atPath: promptsURL.path) else {
      throw ExperimentError.unfinished(path: url.path)
    }
    return try PromptCheckpoint(contentsOf: promptsURL)
  }

  /// The finished linear probe.
  ///
  /// - Throws: ``ExperimentError/unfinished(path:)`` while there is none.
  public func probe() throws -> LinearProbeCheckpoint {
    guard FileManager.default.fileExists(atPath: probeURL.path) else {
      throw ExperimentError.unfinished(path: url.path)
    }
    return try LinearProbeCheckpoint(contentsOf: probeURL)
  }

  /// The newest checkpoint of an unfinished training.
  func checkpoint() throws -> PromptCheckpoint {
    guard FileManager.default.fileExists(atPath: checkpointURL.path) else {
      throw ExperimentError.nothingToResume(path: url.path)
    }
    return try PromptCheckpoint(contentsOf: checkpointURL)
  }

  func write(checkpoint: PromptCheckpoint) throws {
    try FileManager.default.createDirectory(
      at: checkpointURL.deletingLastPathComponent(), withIntermediateDirectories: true)
    try checkpoint.write(to: checkpointURL)
  }

  /// Rewrites `metrics.jsonl`, one line an epoch; it is short, and so it is always whole.
  func write(metrics: [EpochReport]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let lines = try metrics.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
    try WholeFile.write(Data(lines.joined().utf8), to: metricsURL)
  }

  func metrics() -> [EpochReport] {
    guard let text = try? String(contentsOf: metricsURL, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(EpochReport.self, from: Data($0.utf8)) }
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
