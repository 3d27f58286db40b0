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

  /// For what was learned on the dataset itself.
  func value(of row: MethodRow, _ measure: Measure) -> Double? {
    // In the paper all classes are learned on ImageNet alone.
    if measure == .all { return dataset == Benchmark.imageNet.rawValue ? transferred(row.variant) : nil }
    guard row.variant.isPapers, row.variant.classes == .base,
      let figures = results?.halves(of: row.variant.method, on: dataset)
    else { return nil }
    return switch measure {
    case .base: figures.base
    case .new: figures.new
    case .harmonicMean: figures.harmonicMean
    case .all: nil
    }
  }

  /// For what was learned on all classes of ImageNet, or not learned at all.
  func transferred(_ variant: RunVariant) -> Double? {
    guard variant.isPapers, variant.classes == .all else { return nil }
    return results?.accuracy(of: variant.method, transferredTo: dataset)
  }
}
