import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// What each process of a training tells the others before the first step: they refuse to start where one differs.
struct ProcessFacts: Codable, Equatable {
  struct Fact: Codable, Equatable {
    let name: String
    let value: String
  }

  /// Compared between processes, in this order.
  let facts: [Fact]
  let threads: Int
  /// The most memory that a step may take, in bytes.
  let memory: Int
  /// Whether a training is resumed that had this memory, so that its steps are divided as before.
  let isRecorded: Bool

  init(of run: TrainingRun, memory: MemoryBudget, isRecorded: Bool = false) throws {
    var configuration = run.configuration
    // Where they lie may differ between machines; their contents may not.
    (configuration.model, configuration.data, configuration.root, configuration.fewShotList) = ("", "", nil, nil)
    configuration.sentences = configuration.sentences.map { RunConfiguration.SentenceFile(path: "", sha256: $0.sha256) }
    let settings = try Self.encoder.encode(configuration)
    facts = [
      Fact(name: "version of libtorch", value: Libtorch.version),
      Fact(name: "device", value: run.clip.device.title),
      Fact(name: "model", value: "\(run.identity.name) (\(run.identity.sha256.prefix(12)))"),
      Fact(name: "list of classes", value: Self.short(run.dataset.classNames.joined(separator: "\n"))),
      Fact(
        name: "list of photos",
        value: "\(run.dataset.training.count) photos, " + Self.short(TrainingImages(of: run.dataset).sha256)),
      Fact(name: "set of options", value: Self.short(String(decoding: settings, as: UTF8.self))),
    ]
    threads = Threads.count
    (self.memory, self.isRecorded) = (memory.bytes, isRecorded)
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return encoder
  }

  private static func short(_ text: String) -> String { String(FileHash.sha256(of: text).prefix(12)) }

  /// The processes as a team, once all have told the same.
  ///
  /// - Throws: ``RunError/otherProcess(_:of:thing:found:expected:)``, for all processes alike, and what losing one throws.
  func agreed(by communicator: any Communicator) throws -> TrainingTeam {
    guard !communicator.isAlone else { return .alone }
    // One may still be fetching a model or looking at photos.
    try communicator.meet()
    let all = try communicator.gathered(Array(Self.encoder.encode(self))).map {
      try JSONDecoder().decode(Self.self, from: Data($0))
    }
    for (rank, other) in all.enumerated() {
      for (own, first) in zip(other.facts, all[0].facts) where own != first {
        throw RunError.otherProcess(
          rank + 1, of: communicator.size, thing: own.name, found: own.value, expected: first.value)
      }
    }
    let memory = try MemoryBudget(bytes: all.first(where: \.isRecorded)?.memory ?? all.map(\.memory).min() ?? memory)
    return TrainingTeam(communicator, threads: all.map(\.threads).min() ?? threads, memory: memory)
  }
}

/// What a resumed training takes from its folder, which the first process alone has to see.
public struct BegunTraining: Sendable, Codable {
  public let orientation: Orientation?
  public let photoDecoding: PhotoDecoding?
  /// The precision of the run; `nil` is float32.
  private let precision: Precision?
  private let path: String
  /// The data's splits and the path of their file, where the run has saved them.
  private let division: SplitFile?
  private let divisionPath: String

  /// - Parameters:
  ///   - folder: the run's; only the first process looks into it.
  ///   - communicator: of all processes, each of which calls this.
  public init?(in folder: RunFolder, toldBy communicator: any Communicator) throws {
    let own = communicator.rank == 0 ? try Self(in: folder) : nil
    guard !communicator.isAlone else {
      guard let own else { return nil }
      self = own
      return
    }
    try communicator.meet()
    let told = try communicator.broadcast(Array(JSONEncoder().encode([own].compactMap(\.self))))
    guard let told = try JSONDecoder().decode([Self].self, from: Data(told)).first else { return nil }
    self = told
  }

  private init?(in folder: RunFolder) throws {
    let file = folder.reading(RunFolder.divisionName)
    division = RunFolder.exists(file) ? try SplitFile(contentsOf: file) : nil
    divisionPath = file.path
    let configuration = try? folder.record().configuration
    (orientation, photoDecoding) = (configuration?.orientation, configuration?.photoDecoding)
    (precision, path) = (configuration?.precision, folder.url.path)
    if configuration == nil, division == nil { return nil }
  }

  /// Checks that the training can be resumed on a device.
  ///
  /// - Parameter requested: the precision to resume in.
  /// - Throws: ``RunError``, where the device supports neither the run's precision nor one that may take its place, or
  ///   not the requested one.
  public func check(_ requested: Precision, on device: Device) throws {
    let begun = precision ?? .float32
    if !begun.isOfFloat32, let reason = begun.problem(on: device) {
      throw RunError.precisionToResume(path: path, begun: begun, reason: reason)
    }
    if let reason = requested.problem(on: device) {
      throw RunError.precision(reason: reason, other: begun.isOfFloat32 ? .float32 : begun)
    }
  }

  /// `dataset` with the splits that the run has saved.
  ///
  /// - Throws: `DatasetError`.
  public func divided(_ dataset: Dataset) throws -> Dataset {
    try division.map { try dataset.divided(as: $0, of: divisionPath) } ?? dataset
  }
}

/// How the first process tells the others to start.
enum ProcessStart {
  /// The training is complete; the artifact's file.
  case finished([UInt8])
  case fresh
  /// A checkpoint's file.
  case resumed([UInt8])

  /// - Parameter start: that of process 1; the others' is ignored.
  static func broadcast(_ start: ProcessStart?, by communicator: any Communicator) throws -> ProcessStart {
    let own: [UInt8] =
      switch start {
      case .finished(let file): [0] + file
      case .resumed(let file): [2] + file
      case .fresh, nil: [1]
      }
    let bytes = try communicator.broadcast(own)
    switch bytes.first {
    case 0: return .finished(Array(bytes.dropFirst()))
    case 2: return .resumed(Array(bytes.dropFirst()))
    default: return .fresh
    }
  }

  /// The artifact whose file's bytes these are.
  static func artifact(_ file: [UInt8]) throws -> Artifact {
    let url = FileManager.default.temporaryDirectory.appending(path: "cocoop-\(UUID().uuidString).safetensors")
    defer { unlink(url.path) }
    try AtomicFile.write(Data(file), to: url)
    return try Artifact(contentsOf: url)
  }
}

/// The output of a process that is not the first: none.
struct NoOutput: TrainingOutput {
  mutating func begin<Learner>(_ trainer: Trainer<Learner>, isResuming: Bool) {}
  mutating func record(_ progress: TrainingProgress) {}
  mutating func afterStep<Learner>(_ trainer: Trainer<Learner>) {}
  mutating func afterEpoch<Learner>(_ report: EpochReport, _ trainer: Trainer<Learner>) {}
  mutating func finish(
    _ artifact: Artifact, _ classifier: any ImageClassifier, _ progress: (TrainingProgress) throws -> Void
  ) {}
  mutating func stopped<Learner>(_ trainer: Trainer<Learner>, by error: any Error) -> any Error { error }
}
