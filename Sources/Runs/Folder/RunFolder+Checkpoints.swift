import Foundation
import PromptLearning
import Support

extension RunFolder {
  static let checkpointFolderName = "checkpoint"
  var checkpointFolder: URL { url.appending(path: Self.checkpointFolderName) }
  var checkpointURL: URL { checkpointFolder.appending(path: "training.safetensors") }
  /// The previous checkpoint, for the case that the newest is damaged.
  private var previousURL: URL { checkpointFolder.appending(path: "previous.safetensors") }
  /// The next checkpoint, until it is complete.
  private var nextURL: URL { checkpointFolder.appending(path: ".next.partial") }

  /// The possible files of a checkpoint, the newest first.
  var checkpointFiles: [URL] {
    [checkpointURL, previousURL].map { reading("\(Self.checkpointFolderName)/\($0.lastPathComponent)") }
  }

  /// The newest readable checkpoint, and a newer damaged file that was skipped.
  ///
  /// - Throws: ``RunError/nothingToResume(path:)``, ``RunError/damagedCheckpoint(path:reason:)``, and
  ///   `LearningError.version`.
  func checkpoint() throws -> (artifact: Artifact, url: URL, damaged: URL?) {
    var damage: (url: URL, problem: String)?
    for file in checkpointFiles where Self.exists(file) {
      do {
        return (try Artifact(contentsOf: file), file, damage?.url)
      } catch let error as LearningError {
        if error.kind == .version { throw error }
        damage = damage ?? (file, error.problem)
      } catch let error as any UserFacingError {
        damage = damage ?? (file, error.problem)
      }
    }
    guard let damage else { throw RunError.nothingToResume(path: url.path) }
    throw RunError.damagedCheckpoint(path: url.path, reason: damage.problem)
  }

  /// Writes a checkpoint completely, and keeps the previous one.
  ///
  /// At every instant there is a complete one under one of the two names.
  func write(checkpoint: Artifact) throws {
    guard mkdir(checkpointFolder.path, 0o755) == 0 || errno == EEXIST else { throw writingError() }
    do {
      try checkpoint.write(to: nextURL)
      guard !Self.exists(checkpointURL) || Renaming.move(checkpointURL.path, to: previousURL.path),
        Renaming.move(nextURL.path, to: checkpointURL.path)
      else { throw writingError() }
      try AtomicFile.syncFolder(of: checkpointURL)
    } catch let error as WritingError {
      throw WritingError.failed(path: checkpointURL.path, reason: error.reason)
    }
  }

  private func writingError() -> WritingError {
    .failed(path: checkpointURL.path, reason: String(cString: strerror(errno)))
  }

  /// Removes the file that a finished training no longer needs.
  func removePreviousCheckpoint() { unlink(previousURL.path) }

  /// Replaces `metrics.jsonl` by these lines.
  func write(metrics: [EpochReport]) throws {
    try AtomicFile.write(Data(metrics.map(Self.line).joined().utf8), to: metricsURL)
  }

  /// The line of one epoch in `metrics.jsonl`.
  static func line(of report: EpochReport) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
  }

  /// The results of the epochs, as far as lines can be read.
  public func metrics() -> [EpochReport] {
    guard let text = try? String(contentsOf: metricsURL, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(EpochReport.self, from: Data($0.utf8)) }
  }
}
