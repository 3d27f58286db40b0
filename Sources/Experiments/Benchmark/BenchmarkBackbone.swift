import CLIP
import Torch

/// Models to measure: the embedded one, and those of OpenAI with random weights.
public enum BenchmarkBackbone {
  public static let names = ModelSource.embedded + OpenAIModel.allCases.map(\.rawValue)

  /// - Throws: ``ExperimentError/unknownBackbone(name:known:)``, ``ExperimentError/precision(_:)``.
  static func model(_ name: String, precision: Precision) throws -> CLIPModel {
    if ModelSource.embedded.contains(name) { return try ModelSource(name).load(precision: precision) }
    guard let model = OpenAIModel(rawValue: name) else {
      throw ExperimentError.unknownBackbone(name: name, known: names)
    }
    return try CLIPModel(randomlyInitialized: .openAI(model), name: name, seed: 1, precision: precision.checked())
  }
}
