import CLIP
import Datasets
import Foundation
import Support
import Torch

/// Tip-Adapter's files, as its authors' program keeps them in `caches/DATASET`: `keys_Kshots.pt` `[E, N]`,
/// `values_Kshots.pt` `[N, C]`, one-hot, and for Tip-Adapter-F `best_F_Kshots.pt` `[N, E]` (`utils.py`, `main.py`).
///
/// They hold neither α and β nor the names of classes.
package struct CacheFiles {
  /// `[N, E]`.
  let keys: Tensor
  /// N indices of classes.
  let labels: [Int]
  let classCount: Int
  /// The element type of the keys in their file.
  let precision: Tensor.Kind

  /// How a method's keys are kept.
  struct Format: Sendable {
    /// The beginning of the file's name.
    let prefix: String
    let isTransposed: Bool
  }

  /// Where keys lie: a file of them, or a folder that holds one, of which the most shots are taken; `nil` where there is
  /// none.
  static func file(at url: URL, _ format: Format) -> URL? {
    let prefix = format.prefix
    if url.lastPathComponent.hasPrefix(prefix), url.pathExtension == "pt" { return url }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    return names.filter { shots(in: $0, after: prefix) != nil }
      .max { (shots(in: $0, after: prefix) ?? 0) < (shots(in: $1, after: prefix) ?? 0) }
      .map { url.appending(path: $0) }
  }

  private static let valuePrefix = "values_"
  private static func name(_ prefix: String, shots: Int) -> String { "\(prefix)\(shots)shots.pt" }
  private static func shots(in name: String, after prefix: String) -> Int? {
    guard name.hasPrefix(prefix), name.hasSuffix("shots.pt") else { return nil }
    return Int(name.dropFirst(prefix.count).dropLast("shots.pt".count))
  }

  /// - Parameters:
  ///   - url: the file of keys; the values are looked for beside it.
  ///   - format: the method's.
  /// - Throws: ``LearningError/noCache(path:reason:)``, `TorchError`, `PickleError`.
  init(keys url: URL, _ format: Format) throws {
    let others = url.deletingLastPathComponent().appending(
      path: Self.valuePrefix + url.lastPathComponent.dropFirst(format.prefix.count))
    func refused(_ reason: String, _ file: URL = url) -> LearningError { .noCache(path: file.path, reason: reason) }
    guard FileManager.default.fileExists(atPath: others.path) else {
      throw refused("there is no \(others.lastPathComponent) beside it")
    }
    let (archive, stored) = (try TorchArchive(contentsOf: url), try TorchArchive(contentsOf: others))
    for (archive, file) in [(archive, url), (stored, others)] where archive.names != [""] {
      throw refused("it is no file of one tensor", file)
    }
    let ballots = try stored.tensor("").converted(to: .float32)
    let found = try archive.tensor("").converted(to: .float32)
    guard ballots.shape.count == 2, found.shape.count == 2, !(ballots.shape + found.shape).contains(0) else {
      throw refused("the shapes \(found.shape) and \(ballots.shape) of keys and values are not those of matrices")
    }
    keys = format.isTransposed ? try found.transposed() * 1 : found
    guard keys.shape[0] == ballots.shape[0] else {
      throw refused("it has \(keys.shape[0]) keys, but \(others.lastPathComponent) has values of \(ballots.shape[0])")
    }
    guard try keys.floats().allSatisfy(\.isFinite) else { throw refused("it holds a number that is not finite") }
    classCount = ballots.shape[1]
    let (values, count) = (try ballots.floats(), ballots.shape[1])
    labels = try (0..<ballots.shape[0]).map { row in
      let ballot = values[row * count..<(row + 1) * count]
      guard let label = ballot.firstIndex(of: 1), ballot.count(where: { $0 != 0 }) == 1 else {
        throw refused("row \(row) is not one-hot", others)
      }
      return label - row * count
    }
    precision = archive.kind(of: "") ?? .float32
  }

  /// The learned tensors and what is kept with them, but for α and β.
  var parameters: [String: Tensor] {
    get throws { ["keys": keys, "labels": try Tensor(labels.map(Float.init), shape: [labels.count])] }
  }

  /// α and β that a dataset begins with.
  static func initialStrengths(_ dataset: String) throws -> Tensor {
    let initial = CacheGrid(for: dataset).initial
    return try Tensor([initial.alpha, initial.beta], shape: [2])
  }

  /// The files that an artifact is written to, in a folder; `nil` where its method has no cache.
  package static func files(of artifact: Artifact, in folder: URL) throws -> (keys: URL, values: URL)? {
    guard let format = artifact.description.method.reference?.cache else { return nil }
    let labels = try artifact.parameter("labels", path: folder.path).floats()
    let shots = Dictionary(labels.map { ($0, 1) }, uniquingKeysWith: +).values.max() ?? 0
    return (
      folder.appending(path: name(format.prefix, shots: shots)), folder.appending(path: name(valuePrefix, shots: shots))
    )
  }

  /// Writes an artifact's keys and values into a folder, under the authors' names.
  package static func write(_ artifact: Artifact, precision: Tensor.Kind, toFolder folder: URL) throws {
    guard let format = artifact.description.method.reference?.cache, let files = try files(of: artifact, in: folder)
    else { throw LearningError.nothingLearned(path: folder.path) }
    let keys = try artifact.parameter("keys", path: folder.path)
    let labels = try artifact.parameter("labels", path: folder.path).floats().map { Int($0) }
    let classes = artifact.description.classNames.count
    var ballots = [Float](repeating: 0, count: labels.count * classes)
    for (row, label) in labels.enumerated() { ballots[row * classes + label] = 1 }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: folder.path, reason: "the folder cannot be made")
    }
    try TorchArchive.write(
      .tensor(Tensor(ballots, shape: [labels.count, classes]).converted(to: precision)), to: files.values)
    let stored = try format.isTransposed ? keys.transposed() * 1 : keys
    try TorchArchive.write(.tensor(stored.converted(to: precision)), to: files.keys)
  }
}
