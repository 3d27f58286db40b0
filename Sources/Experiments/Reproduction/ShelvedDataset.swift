import Datasets
import Explanations
import Foundation

/// A dataset of a comparison, read once, or the reason why it cannot be used.
struct ShelvedDataset: Sendable {
  /// As the command line names it.
  let name: String
  /// Of benchmarks, where `name` is one's.
  let root: String?
  /// As the paper calls it, or else the dataset's own name.
  let title: String
  let dataset: Result<Dataset, UnusableData>

  /// - Throws: ``ExperimentError`` for a name that stands for nothing; what is wrong with the files themselves is kept.
  init(_ name: String, root: String?) throws {
    let benchmark = root == nil ? nil : Benchmark(named: name)
    let source = try DataSource(name, root: benchmark == nil ? nil : root)
    self.name = name
    self.root = benchmark == nil ? nil : root
    do {
      let loaded = try source.load()
      title = Benchmark(named: loaded.name)?.rawValue ?? loaded.name
      dataset = .success(loaded)
    } catch let error as any Explained {
      let stem = URL(filePath: name).deletingPathExtension().lastPathComponent
      title = (benchmark ?? Benchmark(named: stem))?.rawValue ?? stem
      dataset = .failure(UnusableData(error))
    }
  }
}

/// Why images cannot be learned from or tested on.
struct UnusableData: Explained {
  let problem: String
  let remedy: String?

  init(_ error: any Explained) { (problem, remedy) = (error.problem, error.remedy) }
}
