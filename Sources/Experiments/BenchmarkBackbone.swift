import CLIP

/// Models to measure: the embedded one, and those of OpenAI with random weights.
public enum BenchmarkBackbone {
  public static let names = ModelSource.embedded + OpenAIModel.allCases.map(\.rawValue)

  /// - Throws: ``ExperimentError/unknownBackbone(name:known:)``.
  static func model(_ name: String) throws -> CLIPModel {
    if ModelSource.embedded.contains(name) { return try ModelSource(name).load() }
    guard let model = OpenAIModel(rawValue: name) else {
      throw ExperimentError.unknownBackbone(name: name, known: names)
    }
    return try CLIPModel(randomlyInitialized: .openAI(model), name: name, seed: 1)
  }
}
