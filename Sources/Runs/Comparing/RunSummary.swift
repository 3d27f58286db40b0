import Datasets
import Foundation
import PromptLearning
import Support
import Torch

/// A summary of a run's folder, however much of it is damaged or missing.
public struct RunSummary: Sendable, Encodable {
  /// The folder, as it was given.
  public let run: String
  public let state: State
  /// The faults of the folder, one sentence each.
  public let problems: [String]
  public let method: Method?
  public let model: String?
  public let data: String?
  /// The half of the classes that was learned, and their number.
  public let classes: ClassSubset?
  public let classCount: Int?
  /// The learned classes, where the user has chosen them.
  public let chosenClasses: [String]?
  /// The other classes of the data; `nil` where there are none or the run does not know.
  public let otherClasses: [String]?
  /// The number of training photos of each class; `nil` for methods that learn from no photos.
  public let shots: Int?
  /// The number of photos that the training left out because they cannot be read.
  public let skippedPhotos: Int?
  public let seed: Int?
  /// The number of threads of one operation; `nil` where the run does not record it.
  public let threads: Int?
  /// The number of finished epochs, and of all epochs; `nil` for methods without.
  public let epochs: Int?
  public let plannedEpochs: Int?
  /// The loss of the last finished epoch, in nats.
  public let loss: Float?
  /// The seconds of training; `nil` until it is finished.
  public let trainingSeconds: Double?
  /// The evaluations, by name.
  public let evaluations: [Figures]

  public enum State: String, Sendable, Encodable { case finished, unfinished, imported, damaged }

  /// The figures of one evaluation. Shares are percentages.
  public struct Figures: Sendable, Encodable {
    public let name: String
    public let dataset: String
    public let classes: ClassSubset
    public let split: String
    /// The precision of the products in frozen layers.
    public let precision: Precision
    public let images: Int
    public let accuracy: Double
    public let interval95: Evaluation.Interval?
    public let macroF1: Double
    public let ece: Double
  }

  /// Reads as much as possible of the run at `url`.
  ///
  /// - Parameter name: the run's name.
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
      // A finished run without its result is useless, so the result is read completely.
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
      precision: kept.precision, images: kept.evaluation.images, accuracy: kept.evaluation.accuracy,
      interval95: kept.evaluation.interval95, macroF1: kept.evaluation.macroF1, ece: kept.evaluation.ece)
  }
}
