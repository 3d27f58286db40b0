import Foundation
import PromptLearning
import Torch

extension TrainingRun {
  /// What the run in the folder was begun with, once it is known to be what this one would be.
  ///
  /// - Throws: ``ExperimentError``, such as ``ExperimentError/otherSetting(path:setting:found:requested:)``, and
  ///   `LearningError.otherModel`.
  func recordToResume() throws -> RunFolder.Record {
    let record = try folder.record()
    guard let recorded = record.configuration else { throw ExperimentError.nothingToResume(path: folder.url.path) }
    func check<Value: Equatable>(_ setting: String, _ path: KeyPath<RunConfiguration, Value>) throws {
      let (found, requested) = (recorded[keyPath: path], configuration[keyPath: path])
      guard found == requested else {
        throw ExperimentError.otherSetting(
          path: folder.url.path, setting: setting, found: "\(found)", requested: "\(requested)")
      }
    }
    try check("the method", \.method)
    try check("the seed", \.seed)
    try check("the shots", \.shots)
    try check("the classes", \.classes)
    // The same place, from another folder.
    func place(_ place: String?) -> String? { place.map { record.places?.absolute($0) ?? $0 } }
    let here = RunPlaces(of: folder.url)
    if place(recorded.data) != here.absolute(configuration.data) { try check("the data", \.data) }
    if place(recorded.fewShotList) != configuration.fewShotList.map(here.absolute) {
      try check("the few-shot list", \.fewShotList)
    }
    try check("the photos in sub-folders", \.isRecursive)
    try check("the context", \.context)
    try check("the precision", \.effectivePrecision)
    try check("the training", \.training)
    guard record.model == identity else {
      throw LearningError.otherModel(
        path: folder.url.path, expected: record.model.name, found: "\(identity.name) (\(identity.sha256.prefix(12)))")
    }
    let images = TrainingImages(of: dataset)
    if let found = record.trainingImages, found != images {
      throw ExperimentError.otherImages(path: folder.url.path, found: found.count, requested: images.count)
    }
    return record
  }

  /// What a run that is finished already has learned.
  func finished() throws -> any ImageClassifier {
    guard configuration.method != .linearProbe else {
      return try folder.probe().probe(on: clip, identity: identity, path: folder.probeURL.path)
    }
    return try folder.prompts().learner(on: clip, identity: identity, path: folder.promptsURL.path).classifier(on: clip)
  }

  /// The checkpoint to go on from.
  func checkpoint(
    _ progress: (TrainingProgress) throws -> Void
  ) throws -> (checkpoint: PromptCheckpoint, url: URL) {
    let (checkpoint, url, damaged) = try folder.checkpoint()
    if let state = checkpoint.training?.state {
      try progress(
        .resumed(epoch: state.completedEpochs + 1, step: state.position.steps, passingOver: damaged?.path))
    }
    return (checkpoint, url)
  }
}

extension RunConfiguration {
  /// As the command line spells it.
  fileprivate var effectivePrecision: String { (precision ?? .float32).rawValue }
}
