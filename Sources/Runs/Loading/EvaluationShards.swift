import CLIP
import ClassificationMetrics
import Datasets
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// The measuring of a run in shards: each leaves the answers to its images in a file, and a last call makes the figures
/// of all of them.
extension LoadedRun {
  /// What decides the answers to the images of a split, for ``ShardFolder/Job``.
  ///
  /// - Parameter options: values of options that decide about the answers alone.
  public func settings(
    on dataset: Dataset, split: Split, reading: PhotoReading, options: [String: Double]
  ) throws -> [String: String] {
    var settings = try fingerprint
    settings["device"] = clip.device.make
    settings["dataset"] = dataset.name
    settings["split"] = split.rawValue
    settings["classes"] = "\(dataset.classNames.count) (\(Self.hash(dataset.classNames)))"
    let images = dataset.examples(in: split)
    settings["images"] = "\(images.count) (\(Self.hash(images.lazy.map { "\($0.label) \($0.path)" })))"
    settings["orientation"] = reading.orientation.rawValue
    settings["photo decoding"] = reading.decoding.rawValue
    for (name, value) in options { settings["option \(name)"] = "\(value)" }
    return settings
  }

  /// The identity of the run's result and of its model.
  public var fingerprint: [String: String] {
    get throws {
      // Prompts of the reference may be a folder.
      let artifact = try? FileHash.sha256(of: [[UInt8](FileSystem.contents(of: path))])
      return [
        "run": artifact.map { String($0.prefix(12)) } ?? path, "model": String(record.model.sha256.prefix(12)),
        "precision": clip.precision.rawValue,
      ]
    }
  }

  /// The first digits of a hash of texts.
  package static func hash(_ texts: some Sequence<String>) -> String {
    String(FileHash.sha256(of: texts.lazy.map { Array($0.utf8) + [0] }).prefix(12))
  }

  /// Predicts the images of one shard and writes its file.
  ///
  /// - Returns: how many images it has.
  public func measure(
    _ shard: Shard, into folder: ShardFolder, on dataset: Dataset, split: Split,
    within budget: MemoryBudget = .automatic, cacheFolder: URL? = nil, reading: PhotoReading,
    progress: (Int) throws -> Void
  ) throws -> EvaluationShare {
    let share = try classifier(toName: split, of: dataset).answers(
      to: shard, on: dataset, split: split, within: budget, cache: cache(in: cacheFolder), reading: reading,
      progress: progress)
    let images = dataset.examples(in: split)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try folder.write(shard) { append in
      func add(_ line: Line) throws { try (encoder.encode(line) + Data("\n".utf8)).withUnsafeBytes(append) }
      for row in share.rows { try add(Line(row, path: images[row.image].path)) }
      for photo in share.unreadable { try add(Line(file: photo.file.path, error: photo.error.explanation)) }
      try add(Line(images: share.images.count, seconds: share.seconds))
    }
    return share
  }

  /// The figures of a split from the files of all shards.
  ///
  /// - Returns: also a sentence for each image that could not be read.
  /// - Throws: ``ShardFolderError`` where a file is damaged; ``RunError`` where no image could be read.
  public func gathered(
    from folder: ShardFolder, on dataset: Dataset, split: Split
  ) throws -> (measurement: (evaluation: Evaluation, answers: Answers), unreadable: [String]) {
    let images = dataset.examples(in: split)
    var (shares, unreadable): ([EvaluationShare], [String]) = ([], [])
    for number in 1...folder.job.shards {
      let shard = try Shard(number, of: folder.job.shards)
      let begin = shares.last?.images.upperBound ?? 0
      var (rows, end, errors): ([EvaluationShare.Row], Line?, Int) = ([], nil, 0)
      try folder.forEachLine(of: shard) { text in
        guard end == nil, let line = try? JSONDecoder().decode(Line.self, from: text) else { return false }
        if let error = line.error {
          unreadable.append(error)
          errors += 1
        } else if line.images != nil {
          end = line
        } else {
          guard let row = line.row, images.indices.contains(row.image), images[row.image].path == line.file,
            images[row.image].label == row.label, row.label < dataset.classNames.count,
            dataset.classNames.indices.contains(row.prediction ?? 0)
          else { return false }
          rows.append(row)
        }
        return true
      }
      guard let count = end?.images, let seconds = end?.seconds, count == rows.count + errors else {
        throw ShardFolderError.damaged(path: folder.file(of: shard).path, line: rows.count + errors + 1)
      }
      shares.append(
        EvaluationShare(images: begin..<begin + count, rows: rows, unreadable: [], seconds: seconds))
    }
    guard shares.last?.images.upperBound == images.count else {
      throw ShardFolderError.damaged(path: folder.url.path, line: 1)
    }
    guard shares.contains(where: { !$0.rows.isEmpty }) else {
      throw RunError.nothingToMeasure(path: path, split: split.rawValue)
    }
    return (shares.measurement(classNames: dataset.classNames), unreadable)
  }
}

/// One line of an evaluation's shard: an answer, an image that could not be read, or, last, what there was to do.
private struct Line: Codable {
  var file: String?
  var image, label: Int?
  var prediction: Int?
  var probability: Float?
  var isAmongTop5: Bool?
  var error: String?
  var images: Int?
  var seconds: Double?

  init(_ row: EvaluationShare.Row, path: String) {
    file = path
    (image, label, prediction) = (row.image, row.label, row.prediction)
    (probability, isAmongTop5) = (row.confidence, row.isAmongTop5)
  }

  init(file: String, error: String) { (self.file, self.error) = (file, error) }
  init(images: Int, seconds: Double) { (self.images, self.seconds) = (images, seconds) }

  var row: EvaluationShare.Row? {
    guard let image, let label, let probability, let isAmongTop5, label >= 0 else { return nil }
    return EvaluationShare.Row(
      image: image, label: label, prediction: prediction, confidence: probability, isAmongTop5: isAmongTop5)
  }
}
