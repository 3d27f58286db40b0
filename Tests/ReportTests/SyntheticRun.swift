import ClassificationMetrics
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Torch

/// Folders of runs like those of training and evaluating, without any training: figures are invented, and images are
/// squares of one colour.
struct SyntheticRuns {
  let folder: URL
  /// Class names with everything that a page must escape.
  static let hostile = ["<script>alert(1)</script>", "a & b", "\"quoted\" 'name'", "</title><b>", "plain", "😀 crème"]

  /// - Parameters:
  ///   - context: the initial context, and its unusual settings.
  ///   - accuracy: the approximate accuracy of the answers, in 0…1; wrong ones go to the next class.
  ///   - precision: that in which the answers were given.
  @discardableResult
  func run(
    _ name: String, method: String, dataset title: String = "drawings", classNames: [String] = hostile,
    classes: [ClassSubset] = [.base, .new], learned: ClassSubset = .base, shots: Int = 16, seed: Int = 1,
    epochs: Int = 3, context: [String: Any] = ["words": "a photo of a"], accuracy: Double = 0.7,
    imagesPerClass: Int = 4, isFinished: Bool = true, chosen: [String]? = nil, precision: Precision = .float32,
    version: Int = 1
  ) throws -> RunFolder {
    let whole = try dataset(title, classNames: classNames, imagesPerClass: imagesPerClass)
    let run = folder.appending(path: name, directoryHint: .isDirectory)
    try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
    let training =
      ["coop", "cocoop"].contains(method)
      ? ["epochs": epochs, "batchSize": 1, "learningRate": 0.002, "views": "fresh"] as [String: Any] : nil
    let configuration: [String: Any?] = [
      "model": "tiny-clip", "data": title, "method": method, "classes": learned.rawValue, "shots": shots, "seed": seed,
      "context": ["position": "end", "isClassSpecific": false].merging(context) { $1 }, "training": training,
      "chosenClasses": chosen,
    ]
    let record: [String: Any] = [
      "version": version, "configuration": configuration.compactMapValues { $0 },
      "model": ["name": "tiny-clip", "sha256": String(repeating: "ab", count: 32)],
      "classNames": try chosen ?? whole.subset(learned).classNames, "libtorch": "2.13.0", "trainingSeconds": 12.5,
      "otherClasses": chosen.map { chosen in whole.classNames.filter { !chosen.contains($0) } } ?? [],
    ]
    try JSONSerialization.data(withJSONObject: record).write(to: run.appending(path: "run.json"))
    if isFinished { try Data().write(to: run.appending(path: "prompts.safetensors")) }
    let lines = (1...max(1, epochs)).map {
      "{\"epoch\":\($0),\"images\":8,\"learningRate\":0.002,\"loss\":\(2.0 / Double($0)),\"seconds\":1}\n"
    }
    if training != nil { try Data(lines.joined().utf8).write(to: run.appending(path: "metrics.jsonl")) }
    let opened = try RunFolder(existing: run)
    for part in classes {
      let measured = try chosen.map { try whole.choosing($0) } ?? whole.subset(part)
      try opened.keep(
        evaluation(
          of: measured, classes: part, isChosen: chosen != nil, accuracy: accuracy, precision: precision))
    }
    return opened
  }

  /// Saves a run's evaluation on another dataset.
  func transfer(_ run: RunFolder, to title: String, accuracy: Double) throws {
    let whole = try dataset(title, classNames: Self.hostile, imagesPerClass: 4)
    try run.keep(evaluation(of: whole, classes: .all, accuracy: accuracy))
  }

  private func evaluation(
    of dataset: Dataset, classes: ClassSubset, isChosen: Bool = false, accuracy: Double,
    precision: Precision = .float32
  ) -> SavedEvaluation {
    let count = dataset.classNames.count
    let labels = dataset.test.map(\.label)
    // The right answers are spread evenly over the images, whatever their order.
    let predictions = labels.enumerated().map { image, label in
      let isRight = Double((image * 7) % labels.count) < accuracy * Double(labels.count)
      return isRight ? label : (label + 1) % count
    }
    let answers = Answers(
      labels: labels, predictions: predictions, confidences: labels.indices.map { 0.4 + 0.1 * Float($0 % 6) },
      classes: count)
    let evaluation = Evaluation(answers, top5: 1, classNames: dataset.classNames, seconds: 1)
    return SavedEvaluation(
      of: (evaluation, answers), on: dataset, classes: classes, isChosen: isChosen, split: .test, precision: precision)
  }

  private func dataset(_ title: String, classNames: [String], imagesPerClass: Int) throws -> Dataset {
    let place = folder.appending(path: "data-\(title)", directoryHint: .isDirectory)
    let file = place.appending(path: "\(title).json")
    if !FileManager.default.fileExists(atPath: file.path) {
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      var entries: [[Any]] = []
      for (label, name) in classNames.enumerated() {
        let colour = [UInt8(label * 40 % 256), UInt8(255 - label * 30 % 256), 90]
        let image = try Image(width: 8, height: 6, pixels: (0..<48).flatMap { _ in colour })
        try image.jpeg().write(to: place.appending(path: "c\(label).jpg"))
        for number in 0..<imagesPerClass {
          // Many paths may refer to one file, so that thousands of images need only a few files.
          entries.append([String(repeating: "./", count: number) + "c\(label).jpg", label, name])
        }
      }
      let split = ["train": entries, "val": [], "test": entries] as [String: Any]
      try JSONSerialization.data(withJSONObject: split).write(to: file)
    }
    return try Dataset(splitFile: file)
  }
}
