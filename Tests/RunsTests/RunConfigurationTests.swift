import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Support
import TestSupport
import Testing
import Torch

@Suite("A run that goes on with another setting is noticed, whichever it is")
struct RunConfigurationTests {
  private typealias Change = @Sendable (inout RunConfiguration) throws -> Void

  /// Another value for every stored property, by its path.
  private static let changes: [String: Change] = [
    "data": { $0.data = "other" }, "isRecursive": { $0.isRecursive = true },
    "fewShotList": { $0.fewShotList = "sample.pkl" }, "method": { $0.method = .cocoop },
    "classes": { $0.classes = .new }, "chosenClasses": { $0.chosenClasses = ["hat"] },
    "divisionSeed": { $0.divisionSeed = 2 }, "testsNothing": { $0.testsNothing = true }, "shots": { $0.shots = nil },
    "seed": { $0.seed = 2 }, "precision": { $0.precision = .bfloat16 }, "orientation": { $0.orientation = .exif },
    "options": { $0.options = try MethodOptions(["weight": 4], for: .kgcoop) },
    "context.words": { $0.context.words = "art of the" }, "context.length": { $0.context.length = 8 },
    "context.position": { $0.context.position = .middle },
    "context.isClassSpecific": { $0.context.isClassSpecific = true },
    "training.epochs": { $0.training?.epochs = 3 }, "training.batchSize": { $0.training?.batchSize = 3 },
    "training.learningRate": { $0.training?.learningRate = 0.5 }, "training.views": { $0.training?.views = .stored(3) },
    "training.warmUp": { $0.training?.warmUp = .linear(epochs: 2, start: 0.1) },
    "training.momentum": { $0.training?.momentum = 0.5 }, "training.weightDecay": { $0.training?.weightDecay = 0.5 },
    "photoDecoding": { $0.photoDecoding = .scaled }, "context.isAsked": { $0.context.isAsked = true },
    "training.optimizer": { $0.training?.optimizer = .adam }, "training.epsilon": { $0.training?.epsilon = 1e-3 },
    "training.decay": { $0.training?.decay = .byStep },
    "training.smallestCrop": { $0.training?.smallestCrop = 0.5 },
    "training.keepsLastBatch": { $0.training?.keepsLastBatch = true },
    "sentences": { configuration in
      configuration.sentences = try withTemporaryFolder { folder in
        let file = folder.appending(path: "sentences.json")
        try Data(#"{"cat": ["a cat."]}"#.utf8).write(to: file)
        return RunConfiguration.SentenceFile(try ClassSentences(contentsOf: file))
      }
    },
  ]

  /// What decides nothing: the places of the model, whose weights are compared, and of the benchmarks, whose images are.
  private static let places: Set = ["model", "root"]

  private static let begun = RunConfiguration(
    model: "tiny-clip", data: "photos", method: .kgcoop, seed: 1, divisionSeed: 1,
    training: PromptLearning.Method.kgcoop.defaultTraining)

  /// The paths of stored properties, those of a part in place of the part.
  private static func properties(of value: Any, parts: Set<String>, prefix: String = "") -> Set<String> {
    Mirror(reflecting: value).children.reduce(into: []) { paths, child in
      guard let name = child.label else { return }
      if parts.contains(name) {
        let part = Mirror(reflecting: child.value)
        // The value of an optional is its only child.
        let content = part.displayStyle == .optional ? part.children.first?.value ?? () : child.value
        paths.formUnion(properties(of: content, parts: [], prefix: name + "."))
      } else {
        paths.insert(prefix + name)
      }
    }
  }

  @Test("every stored property is a setting that is compared, or one of two places")
  func all() throws {
    let stored = Self.properties(of: Self.begun, parts: ["context", "training"])
    #expect(stored == Self.places.union(Self.changes.keys))
  }

  @Test("another value is refused, and nothing but that setting differs", arguments: changes.keys.sorted())
  func refused(property: String) throws {
    var other = Self.begun
    let change = try #require(Self.changes[property])
    try change(&other)
    let differences = zip(Self.begun.settings, other.settings).filter { $0 != $1 }
    #expect(differences.count == 1)
    let (found, requested) = try #require(differences.first)
    let error = #expect(throws: RunError.self) {
      try other.check(isThatOf: Self.begun, madeAt: nil, path: "runs/one")
    }
    #expect(
      error == .otherSetting(path: "runs/one", setting: found.name, found: found.text, requested: requested.text))
  }

  @Test("the same settings go on, from another place of the model too")
  func same() throws {
    var moved = Self.begun
    (moved.model, moved.root) = ("elsewhere/tiny-clip", "elsewhere/benchmarks")
    try moved.check(isThatOf: Self.begun, madeAt: nil, path: "runs/one")
    #expect(Set(moved.settings.map(\.name)).count == moved.settings.count)
  }

  @Test("float32 and TF32 continue each other, as a training moves between devices; other precisions do not")
  func precisions() throws {
    for begun in Precision.allCases {
      for now in Precision.allCases {
        var (recorded, requested) = (Self.begun, Self.begun)
        (recorded.precision, requested.precision) = (begun, now)
        let resumed = recorded.resumed(in: now)
        let areExchanged = [begun, now].allSatisfy { [.float32, .tf32].contains($0) }
        #expect(resumed.precision == (areExchanged ? now : begun))
        let isRefused = message { try requested.check(isThatOf: resumed, madeAt: nil, path: "r") } != "no error"
        #expect(isRefused == (begun != now && !areExchanged), "\(begun), then \(now)")
      }
    }
    #expect(Self.begun.resumed(in: .tf32).precision == .tf32 && Self.begun.resumed(in: nil).precision == nil)
  }

  @Test("what cannot be resumed here for its precision says what can be done")
  func elsewhere() throws {
    #expect(
      RunError.precisionToResume(path: "r", begun: .float16, reason: "This processor has no products of float16")
        .explanation
        == "This processor has no products of float16, and the run in r was started in float16. Resume it on a machine or"
        + " a --device that has them, or start again with --precision float32 and --force.")
    func problem(begun: Precision, requested: Precision) throws -> String {
      var configuration = Self.begun
      configuration.precision = begun
      let record = try JSONEncoder().encode(
        RunFolder.Record(configuration, model: ModelIdentity(name: "tiny-clip", sha256: "ab"), classNames: ["a", "b"]))
      return try withTemporaryFolder { folder in
        try record.write(to: folder.appending(path: "run.json"))
        let training = try #require(try BegunTraining(in: RunFolder(existing: folder), toldBy: Alone()))
        return message(in: folder) { try training.check(requested, on: .cpu) }
      }
    }
    let noTF32 = "cpu has no TF32, which NVIDIA's GPUs have from the A100 on. Give --precision "
    #expect(try problem(begun: .tf32, requested: .tf32) == noTF32 + "float32.")
    #expect(try problem(begun: .float32, requested: .tf32) == noTF32 + "float32.")
    #expect(try problem(begun: .tf32, requested: .float32) == "no error")
    for begun in [Precision.bfloat16, .float16] {
      let lacking = RunError.precisionToResume(
        path: "FOLDER", begun: begun, reason: begun.problem(on: .cpu) ?? "")
      for requested in [begun, .tf32] {
        #expect(
          try problem(begun: begun, requested: requested)
            == (!begun.isAvailable ? lacking.explanation : requested == begun ? "no error" : noTF32 + "\(begun)."))
      }
    }
  }
}
