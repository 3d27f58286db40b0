import Explanations
import Foundation
import PromptLearning
import Torch

/// What a run leaves behind: `run.json`, `prompts.safetensors`, `metrics.jsonl`, and `checkpoint/` while it trains.
public struct RunFolder: Sendable {
  public let url: URL

  /// What `run.json` says.
  public struct Record: Sendable, Codable {
    public let version: Int
    public let configuration: RunConfiguration
    public let model: ModelIdentity
    /// Of the classes that the prompts were learned on, by label.
    public let classNames: [String]
    public let libtorch: String
    /// Of training, without loading; `nil` until it is finished.
    public var trainingSeconds: Double?

    static let version = 1
  }

  /// What to do where there is a run already.
  public enum Existing: Sendable { case refuse, replace, resume }

  /// Opens a folder that `train` has written.
  ///
  /// - Throws: ``ExperimentError/notARun(path:reason:)``.
  public init(existing url: URL) throws {
    self.url = url
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw ExperimentError.notARun(path: url.path, reason: "there is nothing at this path")
    }
    guard FileManager.default.fileExists(atPath: recordURL.path) else {
      throw ExperimentError.notARun(path: url.path, reason: "it has no run.json")
    }
  }

  /// Makes the folder of a new run, or takes the one that is there as `existing` says.
  ///
  /// A folder with other files in it is never touched.
  public init(creating url: URL, existing: Existing) throws {
    self.url = url
    let files = FileManager.default
    let contents = (try? files.contentsOfDirectory(atPath: url.path)) ?? []
    let isRun = contents.contains("run.json")
    guard contents.isEmpty || isRun else { throw ExperimentError.foreignFolder(path: url.path) }
    switch existing {
    case .refuse: if isRun { throw ExperimentError.runExists(path: url.path) }
    case .replace: if isRun { try files.removeItem(at: url) }
    case .resume: return
    }
    do {
      try files.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: url.path, reason: "the folder cannot be made")
    }
  }

  public var promptsURL: URL { url.appending(path: "prompts.safetensors") }
  var checkpointURL: URL { url.appending(path: "checkpoint/training.safetensors") }
  private var recordURL: URL { url.appending(path: "run.json") }
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
  /// - Throws: ``ExperimentError/notARun(path:reason:)`` while there are none.
  public func prompts() throws -> PromptCheckpoint {
    guard FileManager.default.fileExists(atPath: promptsURL.path) else {
      throw ExperimentError.notARun(path: url.path, reason: "its training is not finished; continue it with --resume")
    }
    return try PromptCheckpoint(contentsOf: promptsURL)
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
