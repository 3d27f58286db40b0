import CLIP
import PromptLearning
import Runs
import Support
import Torch

/// A model to measure: a checkpoint, or one of OpenAI's architectures with random weights.
enum BenchmarkBackbone: Sendable {
  /// The name or path of a checkpoint, as `--model` takes it.
  case checkpoint(String)
  case random(OpenAIModel)

  static let names = ModelSource.embedded + OpenAIModel.allCases.map(\.rawValue)

  /// - Parameter name: one of ``names``: a model that comes with the package is a checkpoint, others have random weights.
  /// - Throws: ``UnknownBackbone``.
  init(named name: String) throws {
    if ModelSource.embedded.contains(name) {
      self = .checkpoint(name)
    } else if let model = OpenAIModel(rawValue: name) {
      self = .random(model)
    } else {
      throw UnknownBackbone(name: name)
    }
  }

  /// - Throws: `RunError`, `CLIPError`.
  func model(precision: Precision, on device: Device) throws -> CLIPModel {
    switch self {
    case .checkpoint(let name): try ModelSource(name).load(precision: precision, on: device)
    case .random(let model):
      try CLIPModel(
        randomlyInitialized: .openAI(model), name: model.rawValue, seed: 1, precision: precision.checked(on: device),
        on: device)
    }
  }

  /// Whether figures of the model say nothing of its answers.
  var isRandom: Bool { if case .random = self { true } else { false } }
}

/// An unknown name of a model to measure.
struct UnknownBackbone: UserFacingError {
  let name: String

  var problem: String { "There is no backbone '\(name)' to measure" }
  var remedy: String? { "Give one of \(BenchmarkBackbone.names.joined(separator: ", "))" }
}
