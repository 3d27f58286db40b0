import Datasets
import Explanations
import Foundation
import PromptLearning

/// What a run leaves behind: `run.json`, `prompts.safetensors`, `metrics.jsonl`, `checkpoint/`, and `split.json` where the
/// images were divided for it.
public struct RunFolder: Sendable {
  public let url: URL
  private let existing: Existing

  /// What to do where there is a run already.
  public enum Existing: Sendable { case refuse, replace, resume }

  /// Opens a folder that `train` has written.
  ///
  /// - Throws: ``ExperimentError/notARun(path:reason:)``.
  public init(existing url: URL) throws {
    try Self.checkName(of: url)
    self.init(at: url, existing: .resume)
    for (isThere, reason) in [(Self.isThere(url), "there is nothing at this path"), (isRun, "it has no run.json")]
    where !isThere {
      throw ExperimentError.notARun(path: url.path, reason: reason)
    }
  }

  /// The folder of a new run, or of one to continue, once it is known that the run may be kept there.
  ///
  /// Leaves the disk as it was: what a new run replaces stays until ``begin(_:division:with:)``. A folder with other
  /// files in it and no run is never touched.
  ///
  /// - Throws: ``ExperimentError``, or `WritingError` where nothing can be written.
  public init(creating url: URL, existing: Existing) throws {
    try Self.checkName(of: url)
    self.init(at: url, existing: existing)
    if RunLock.isHeld(at: url) { throw ExperimentError.inUse(path: url.path) }
    try check()
    try NewFolders(upTo: url).removeEmpty()
  }

  /// Runs are written by Foundation, whose paths are text.
  private static func checkName(of url: URL) throws {
    let path = url.path.replacing("\u{FFFD}", with: "")
    guard FileName.isText(url.path), path == url.path || FileName.isText(FileSystem.currentFolder) else {
      throw ExperimentError.folderName(path: url.path)
    }
  }

  /// Without looking.
  init(at url: URL, existing: Existing) {
    self.url = url
    self.existing = existing
  }

  /// Whether a folder holds a run.
  public static func isRun(_ url: URL) -> Bool { RunFolder(at: url, existing: .resume).isRun }

  var isRun: Bool { Self.isThere(reading(Self.recordName)) }

  /// Whether the run has all that it was to learn.
  public var isFinished: Bool {
    guard arriving == nil, hasArtifact, let record = try? record() else {
      return false
    }
    return record.imported != nil || record.trainingSeconds != nil
  }

  /// Whether there is an unfinished training with a checkpoint to go on from.
  public var isResumable: Bool { isRun && !isFinished && checkpointFiles.contains(where: Self.isThere) }

  /// Takes the right to write into the folder, finishes or takes away what a killed process has left half done, and sees
  /// that the run may still be kept here.
  ///
  /// - Throws: ``ExperimentError``, such as ``ExperimentError/inUse(path:)``, and `WritingError`.
  public func claim(waiting: Bool = false) throws -> RunLock {
    let lock = try RunLock(at: url, waiting: waiting)
    try check()
    try settle()
    removeLeftovers()
    return lock
  }

  private func check() throws {
    if existing == .resume {
      guard isRun else { throw ExperimentError.noRunToResume(path: url.path) }
      return
    }
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    let isForeign = contents.contains { $0 != RunLock.name && !Self.isLeftover($0) }
    guard isRun || !isForeign else { throw ExperimentError.foreignFolder(path: url.path) }
    if isRun, existing == .refuse { throw ExperimentError.runExists(path: url.path) }
  }

  // MARK: Files

  /// Where what the run has learned is kept: the file that is there, or that a finished run of prompts would have.
  public var artifactURL: URL { artifactFile.url }
  /// Whether that file is there.
  public var hasArtifact: Bool { Self.isThere(artifactURL) }

  func artifactURL(of method: Method) -> URL { url.appending(path: method.artifactName) }

  private var artifactFile: (url: URL, method: Method) {
    let files = Method.all.map { (url: artifactURL(of: $0), method: $0) }
    return files.first { Self.isThere($0.url) } ?? files[0]
  }

  var metricsURL: URL { url.appending(path: Self.metricsName) }
  var divisionURL: URL { url.appending(path: Self.divisionName) }
  private var recordURL: URL { url.appending(path: Self.recordName) }

  static let recordName = "run.json"
  static let metricsName = "metrics.jsonl"
  static let divisionName = "split.json"

  static func isThere(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  /// `dataset` in the parts that this run learned from and kept apart for testing, where it has kept them.
  ///
  /// - Throws: `DatasetError`.
  public func divided(_ dataset: Dataset) throws -> Dataset {
    let file = reading(Self.divisionName)
    guard Self.isThere(file) else { return dataset }
    let split = try SplitFile(contentsOf: file)
    return try dataset.divided(as: split, of: file.path)
  }

  /// - Throws: ``ExperimentError/notARun(path:reason:)`` where `run.json` cannot be understood.
  public func record() throws -> Record {
    let file = reading(Self.recordName)
    let unreadable = ExperimentError.notARun(path: url.path, reason: "its run.json cannot be read")
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
    try WholeFile.write(JSONEncoder.readable.encode(record) + Data("\n".utf8), to: recordURL)
  }

  /// What the run has learned.
  ///
  /// - Throws: ``ExperimentError/unfinished(path:epoch:of:)`` or ``ExperimentError/stillTraining(path:)`` while there is
  ///   nothing, and `LearningError`.
  public func artifact() throws -> Artifact {
    let (file, method) = artifactFile
    guard arriving == nil, Self.isThere(file) else { throw unfinished() }
    return try Artifact(contentsOf: file, noun: method.artifactNoun)
  }

  private func unfinished() -> ExperimentError {
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
