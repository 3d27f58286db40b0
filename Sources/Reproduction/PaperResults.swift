import CLIP
import Datasets
import Foundation
import PromptLearning
import Runs
import Torch

/// The paper's tables 1 to 3: ViT-B/16, 16 shots, means over the seeds 1, 2 and 3, in percent.
package struct PaperResults: Decodable, Sendable {
  private let baseToNew: [String: [String: Halves]]
  private let crossDataset: [String: [String: Double]]
  private let domainGeneralization: [String: [String: Double]]

  private struct Halves: Decodable { let base, new, h: Double }

  /// - Throws: an error where the resource is missing.
  package init() throws {
    let url = Bundle.module.bundleURL.appending(path: "paper-results.json")
    self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
  }

  /// The paper's figures for a row of a comparison's table: one for each column, and in base-to-new H.
  ///
  /// - Parameter dataset: the paper's name for it, or `Average`.
  func figures(of variant: Variant, on dataset: String, in kind: EvaluationProtocol) -> [Double]? {
    guard variant.label == nil else { return nil }
    guard kind.transfers else {
      return halves(of: variant.method, on: dataset).map { [$0.base, $0.new, $0.harmonicMean] }
    }
    guard let key = variant.method.paperKey else { return nil }
    return (kind == .crossDataset ? crossDataset : domainGeneralization)[key]?[dataset].map { [$0] }
  }

  /// The paper's figures for a method in its own configuration.
  package func halves(of method: Method, on dataset: String) -> PaperFigures? {
    guard let key = method.paperKey, let found = baseToNew[dataset]?[key] else { return nil }
    return PaperFigures(base: found.base, new: found.new, harmonicMean: found.h)
  }

  /// The accuracy of a method on a dataset after training on ImageNet, as in the paper; where both tables have the
  /// dataset, they agree.
  package func accuracy(of method: Method, transferredTo dataset: String) -> Double? {
    guard let key = method.paperKey else { return nil }
    return domainGeneralization[key]?[dataset] ?? crossDataset[key]?[dataset]
  }
}

/// The paper's base-to-new figures for a dataset and a method, in percent.
package struct PaperFigures: Sendable, Equatable {
  package let base, new, harmonicMean: Double
}

extension Comparison {
  /// Whether the figures are comparable with the paper's: everything but the data is the same.
  func isPapersSetUp(on configuration: CLIPConfiguration) -> Bool {
    configuration.architecture == OpenAIModel.viTB16.rawValue && shots == 16 && seeds.sorted() == [1, 2, 3]
      && context == RunConfiguration.Context() && adjustment.isNone && precision == .float32
      && (!kind.transfers || sources.map(\.title) == [PublishedDataset.imageNet.rawValue])
  }
}
