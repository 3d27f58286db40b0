import ClassificationMetrics
import Foundation
import Images
import PromptLearning
import Support

/// Runs that differ only in their seed, on one evaluation: the effects of other seeds and of other test images on their
/// mean accuracy.
public struct SeedSpread: Sendable, Encodable, Equatable {
  /// The evaluation's name.
  public let evaluation: String
  public let runs: [String]
  public let method: Method?
  public let seeds: [Int]
  /// The mean over the seeds, in percent.
  public let accuracy: Double
  /// The sample standard deviation between the seeds, in points.
  public let deviation: Double
  /// The 95 % interval of the mean over all seeds, on these images: Student's t over the seeds.
  public let seedInterval95: Range
  /// The 95 % interval of the mean over these seeds with other images of the same kind: the percentile bootstrap over
  /// the images.
  public let imageInterval95: Range

  /// An interval in percent, or in points.
  public struct Range: Sendable, Encodable, Equatable {
    public let lower, upper: Double
  }
}

/// Two methods with the same seeds on the same images, seed by seed.
public struct SeedDifference: Sendable, Encodable, Equatable {
  public let evaluation: String
  public let first, second: [String]
  public let firstMethod, secondMethod: Method?
  public let seeds: [Int]
  /// The accuracy of the second minus that of the first, the mean over the seeds, in points.
  public let difference: Double
  public let deviation: Double
  public let seedInterval95: SeedSpread.Range
  public let imageInterval95: SeedSpread.Range
}

/// The runs of a comparison that have one configuration and several seeds.
package struct SeedGroup {
  package struct Run {
    let path: String
    let method: Method?
    let seed: Int
    let evaluations: [SavedEvaluation]

    package init(path: String, method: Method?, seed: Int, evaluations: [SavedEvaluation]) {
      self.path = path
      self.method = method
      self.seed = seed
      self.evaluations = evaluations
    }
  }

  let runs: [Run]

  /// - Parameter runs: the runs by seed; two or more.
  package init(_ runs: [Run]) { self.runs = runs }

  var seeds: [Int] { runs.map(\.seed) }

  /// Whether each image was predicted correctly, for each seed, where all runs have the evaluation on the same images.
  private func right(on name: String) -> [[Bool]]? {
    let kept = runs.compactMap { run in run.evaluations.first { $0.name == name } }
    guard kept.count == runs.count, let first = kept.first, !first.predictions.isEmpty,
      kept.allSatisfy({ first.difference(from: $0) == nil })
    else { return nil }
    return kept.map { $0.sorted.map(\.isRight) }
  }

  private var names: [String] { runs.first.map { $0.evaluations.map(\.name) } ?? [] }

  package var spreads: [SeedSpread] {
    names.compactMap { name in
      guard let right = right(on: name) else { return nil }
      let figures = Figures(right.map { $0.map { $0 ? 100 : 0 } })
      return SeedSpread(
        evaluation: name, runs: runs.map(\.path), method: runs.first?.method, seeds: seeds, accuracy: figures.mean,
        deviation: figures.deviation, seedInterval95: figures.bySeed.within(0...100), imageInterval95: figures.byImage)
    }
  }

  /// - Returns: an empty list where the seeds or the images differ.
  package func differences(from other: SeedGroup) -> [SeedDifference] {
    guard seeds == other.seeds else { return [] }
    return names.compactMap { name in
      guard let own = right(on: name), let others = other.right(on: name),
        let one = runs.first?.evaluations.first(where: { $0.name == name }),
        let two = other.runs.first?.evaluations.first(where: { $0.name == name }), one.difference(from: two) == nil
      else { return nil }
      let figures = Figures(
        zip(own, others).map { zip($0, $1).map { 100 * (($0 ? 1.0 : 0) - ($1 ? 1.0 : 0)) } })
      return SeedDifference(
        evaluation: name, first: other.runs.map(\.path), second: runs.map(\.path),
        firstMethod: other.runs.first?.method, secondMethod: runs.first?.method, seeds: seeds,
        difference: figures.mean, deviation: figures.deviation, seedInterval95: figures.bySeed,
        imageInterval95: figures.byImage)
    }
  }

  /// The two intervals of a mean over seeds and images.
  private struct Figures {
    let mean, deviation: Double
    let bySeed, byImage: SeedSpread.Range

    /// - Parameter values: for each seed one value for each image; two seeds or more, one image or more.
    init(_ values: [[Double]]) {
      let means = values.map(\.mean)
      mean = means.mean
      deviation = means.deviation
      let half = means.interval95 ?? 0
      bySeed = SeedSpread.Range(lower: mean - half, upper: mean + half)
      let byImage = values[0].indices.map { image in values.map { $0[image] }.mean }
      var generator = SeededGenerator(seed: 1)
      let interval = Bootstrap().interval(ofMeanOf: byImage, using: &generator) ?? mean...mean
      self.byImage = SeedSpread.Range(lower: interval.lowerBound, upper: interval.upperBound)
    }
  }
}

extension SeedSpread.Range {
  fileprivate func within(_ bounds: ClosedRange<Double>) -> Self {
    Self(lower: max(lower, bounds.lowerBound), upper: min(upper, bounds.upperBound))
  }
}
