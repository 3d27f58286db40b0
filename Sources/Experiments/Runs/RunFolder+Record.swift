import CLIP
import Datasets
import Foundation
import PromptLearning
import Torch

extension RunFolder {
  /// What `run.json` says.
  public struct Record: Sendable, Codable {
    public let version: Int
    /// Of a training here; `nil` for prompts that were imported.
    public let configuration: RunConfiguration?
    /// Where prompts that were imported come from; `nil` for those of a training here.
    public let imported: ImportedPrompts?
    public let model: ModelIdentity
    /// Of the classes that the prompts were learned on, by label; empty where an imported file leaves them unknown.
    public let classNames: [String]
    /// The classes that the data has besides; absent where there are none, and from runs of before this was kept.
    public let otherClasses: [String]?
    /// How many photos were left out of the training because they cannot be read; absent where none was.
    public let skippedPhotos: Int?
    public let libtorch: String
    /// How many threads an operation used where the run began: with another number sums are rounded otherwise. Absent from
    /// runs of before this was kept, and where nothing is computed.
    public let threads: Int?
    /// Of training, in bytes; a continued training divides its passes in the same way.
    public let memoryBudget: MemoryBudget?
    /// What it learns from; absent from runs of before this was compared, and where nothing is trained.
    public let trainingImages: TrainingImages?
    /// Where the run was made; absent from runs of before this was kept.
    public internal(set) var places: RunPlaces?
    /// Of training, without loading; `nil` until it is finished.
    public var trainingSeconds: Double?

    static let version = 1

    package init(
      _ configuration: RunConfiguration?, imported: ImportedPrompts? = nil, model: ModelIdentity, classNames: [String],
      otherClasses: [String] = [], skippedPhotos: Int = 0, threads: Int? = nil, memoryBudget: MemoryBudget? = nil,
      trainingImages: TrainingImages? = nil,
      trainingSeconds: Double? = nil
    ) {
      version = Self.version
      self.configuration = configuration
      self.imported = imported
      self.model = model
      self.classNames = classNames
      self.otherClasses = otherClasses.isEmpty ? nil : otherClasses
      self.skippedPhotos = skippedPhotos == 0 ? nil : skippedPhotos
      libtorch = Libtorch.version
      self.threads = threads
      self.memoryBudget = memoryBudget
      self.trainingImages = trainingImages
      self.trainingSeconds = trainingSeconds
    }

    /// Where the model, the data and the half of the classes are, as far as the run knows them.
    public var modelPath: String? { configuration?.model ?? imported?.model }
    public var root: String? { configuration?.root ?? imported?.root }
    public var data: String? { configuration?.data ?? imported?.data }
    public var classes: ClassSubset? { configuration?.classes ?? imported?.classes }
    /// The classes of the data that the run is about.
    public var choice: ClassChoice { configuration?.choice ?? classes.map { .part($0) } ?? .all }
    public var seed: Int? { configuration?.seed ?? imported?.seed }
  }
}

/// The images that a training learns from, as far as they must be the same where it goes on.
public struct TrainingImages: Sendable, Codable, Equatable {
  public let count: Int
  /// Of the labels and paths, in their order.
  public let sha256: String

  init(of dataset: Dataset) {
    count = dataset.training.count
    sha256 = FileHash.sha256(of: dataset.training.map { "\($0.label)\t\($0.path)\n" }.joined())
  }
}
