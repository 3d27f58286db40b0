import Datasets
import Foundation
import PromptLearning
import Support

/// What a run's folder says at a glance, however much of it is damaged or missing.
public struct RunSummary: Sendable, Encodable {
  /// The folder, as it was asked for.
  public let run: String
  public let state: State
  /// What is wrong in the folder, one sentence each.
  public let problems: [String]
  public let method: Method?
  public let model: String?
  public let data: String?
  /// The half of the classes that was learned, and how many they are.
  public let classes: ClassSubset?
  public let classCount: Int?
  /// The classes that were learned, where a person has chosen them.
  public let chosenClasses: [String]?
  /// Those that the data has besides; `nil` where there are none or the run does not know.
  public let otherClasses: [String]?
  /// Of each class; `nil` for methods that learn from none.
  public let shots: Int?
  /// Photos that the training left out because they cannot be read.
  public let skippedPhotos: Int?
  public let seed: Int?
  /// That an operation used; `nil` where the run does not say.
  public let threads: Int?
  /// Finished ones, and those that there should be; `nil` for methods without.
  public let epochs: Int?
  public let plannedEpochs: Int?
  /// Of the last finished epoch, in nats.
  public let loss: Float?
  /// Of training; `nil` until it is finished.
  public let trainingSeconds: Double?
  /// By name.
  public let evaluations: [Figures]

  public enum State: String, Sendable, Encodable { case finished, unfinished, imported, damaged }

  /// The figures of one evaluation. Shares are percentages.
  public struct Figures: Sendable, Encodable {
    public let name: String
    public let dataset: String
    public let classes: ClassSubset
    public let split: String
    public let images: Int
    public let accuracy: Double
    public let interval95: Evaluation.Interval?
    public let macroF1: Double
    public let ece: Double
  }

  /// Reads what can be read of the run at `url`.
  ///
  /// - Parameter name: what the run is called.
  public init(of url: URL, named name: String) {
    run = name
    var problems: [String] = []
    func attempt<Value>(_ read: () throws -> Value) -> Value? {
      do {
        return try read()
      } catch {
        problems.append((error as? any UserFacingError)?.problem.onOneLine ?? "\(error)".onOneLine)
        return nil
      }
    }
    let folder = attempt { try RunFolder(existing: url) }
    let record = folder.flatMap { folder in attempt { try folder.record() } }
    let configuration = record?.configuration
    method = configuration?.method
    model = record?.model.name
    data = record?.data
    classes = record?.classes
    classCount = record.map(\.classNames.count)
    chosenClasses = configuration?.chosenClasses
    otherClasses = record?.otherClasses
    skippedPhotos = record?.skippedPhotos
    shots = configuration.flatMap { $0.method.isZeroShot ? nil : $0.shots }
    seed = record?.seed
    threads = record?.threads
    let epochs = folder?.metrics() ?? []
    self.epochs = configuration?.training == nil ? nil : epochs.count
    plannedEpochs = configuration?.training?.epochs
    loss = epochs.last?.loss
    trainingSeconds = record?.trainingSeconds
    evaluations = folder.flatMap { folder in attempt { try folder.evaluations() } }?.map(Figures.init) ?? []
    let isFinished = record?.imported != nil || record?.trainingSeconds != nil
    if let folder, isFinished {
      // A finished run without what it has learned is worth nothing, so it is read whole.
      _ = attempt { try folder.artifact() }
    }
    self.problems = problems
    state =
      !problems.isEmpty ? .damaged : record?.imported != nil ? .imported : isFinished ? .finished : .unfinished
  }
}

extension RunSummary.Figures {
  init(_ kept: SavedEvaluation) {
    self.init(
      name: kept.name, dataset: kept.dataset, classes: kept.classes, split: kept.split.rawValue,
      images: kept.evaluation.images, accuracy: kept.evaluation.accuracy, interval95: kept.evaluation.interval95,
      macroF1: kept.evaluation.macroF1, ece: kept.evaluation.ece)
  }
}
