import ArgumentParser
import Datasets
import Foundation
import Images
import Prediction
import PromptLearning
import Runs
import Support
import Torch

// `predict` in parts: each call with --shard writes one file of JSON lines, and --gather prints all of them.

extension Predict {
  /// Names the photos of one shard in its file, unless that is done. Photos that cannot be read are in it with their
  /// errors: the shard is done, and the call that gathers ends with status 1.
  func predict(
    _ shard: Shard, of photos: PhotoList, _ classNames: ClassNames?, on device: Device
  ) throws {
    let (own, names) = try photos.shard(shard, batchSize: batchSize)
    if !photos.leftOut.isEmpty { printing.remark("note: \(photos.leftOut.sentence()).") }
    try Interruption().guarding(advice: "The shard is not done: run it again") { interruption in
      let source = try predictors(on: device)
      let predictor = try source.make(classNames)
      let reading = reading(for: predictor)
      var settings = try source.settings()
      settings["classes"] = "\(predictor.classNames.count) (\(LoadedRun.hash(predictor.classNames)))"
      settings["photos"] = "\(names.count) (\(LoadedRun.hash(names)))"
      settings["device"] = device.make
      settings["batch size"] = "\(batchSize)"
      settings["top"] = "\(top)"
      settings["orientation"] = reading.orientation.rawValue
      settings["photo decoding"] = reading.decoding.rawValue
      let folder = try ShardFolder(
        at: shards.folder, for: ShardFolder.Job(command: "predict", shards: shard.count, settings: settings))
      guard !folder.isDone(shard) else { return try print(ShardResult(shard, in: folder)) }
      let stream = PredictionStream(
        predictor, batchSize: batchSize, top: top, reading: reading,
        cache: try cache.folder.map { FeatureCache(folder: $0, model: try source.model()) })
      let progress = isatty(STDERR_FILENO) == 1 ? own.count.map { (printing.progress("predicting"), $0) } : nil
      var (done, unreadable) = (0, 0)
      try folder.write(shard) { append in
        let found = try stream.run(own, checking: interruption.check) { prediction in
          let line = try PredictionFormat.jsonl.text(of: prediction, isFirst: done == 0)
          try Array(line.utf8).withUnsafeBytes(append)
          done += 1
          if let error = prediction.error {
            unreadable += 1
            StandardError.write("Error: \(error)\n")
          }
          if let (line, total) = progress { line.update(done, of: total, unit: "photos") }
        }
        remark(otherSpellings: found)
      }
      try print(ShardResult(shard, in: folder, photos: done, unreadable: unreadable))
    }
  }

  private func print(_ result: ShardResult) throws {
    try printing.print(result) { result.text }
  }

  /// Prints what the shards have found, in the order of the photos.
  func putTogether() throws {
    let folder = try ShardFolder(gathering: shards.folder, of: "predict")
    var output = try PredictionOutput(format ?? (printing.json ? .json : .table))
    for number in 1...folder.job.shards {
      try folder.forEachLine(of: Shard(number, of: folder.job.shards)) { line in
        guard let prediction = try? JSONDecoder().decode(Prediction.self, from: line) else { return false }
        try output.write(prediction)
        return true
      }
    }
    try output.finish()
  }
}
