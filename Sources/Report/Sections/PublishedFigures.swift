import Datasets
import Experiments
import PromptLearning

/// What the paper reports on a dataset, for runs with its context and number of images.
struct PublishedFigures {
  private let results: PaperResults?
  private let dataset: String

  /// - Parameter dataset: in any usual spelling; what is no benchmark of the paper has no figures.
  init(on dataset: String) {
    results = try? PaperResults()
    self.dataset = Benchmark(named: dataset)?.rawValue ?? dataset
  }

  func value(of row: MethodRow, _ measure: Measure) -> Double? {
    guard row.variant.isPapers, let figures = results?.halves(of: row.variant.method, on: dataset) else { return nil }
    return switch measure {
    case .base: figures.base
    case .new: figures.new
    case .harmonicMean: figures.harmonicMean
    case .all: nil
    }
  }
}
