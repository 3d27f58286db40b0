import Datasets
import Experiments
import PromptLearning

/// What the paper reports, where a run's method and shots are the paper's. (Replaced by the room Reproduction.)
struct PublishedFigures {
  static let shared: PublishedFigures? = nil
  struct Row { func value(of variant: RunVariant, _ measure: Measure) -> Double? { nil } }
  func baseToNew(on dataset: String) -> Row? { nil }
}
