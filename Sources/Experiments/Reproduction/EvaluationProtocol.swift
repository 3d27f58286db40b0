import Datasets

/// The three ways in which the paper compares methods (CoCoOp, §4.1–4.3).
public enum EvaluationProtocol: String, Sendable, Codable, CaseIterable {
  /// Learn on the first half of a dataset's classes, test on both halves.
  case baseToNew = "base-to-new"
  /// Learn on all classes of one dataset, test on others.
  case crossDataset = "cross-dataset"
  /// Learn on one dataset, test on others that show its classes, or some of them, in another way.
  case domainGeneralization = "domain-generalization"

  /// Whether one dataset is learned from and others are tested on.
  public var transfers: Bool { self != .baseToNew }

  /// The classes that are learned.
  var trainingClasses: ClassSubset { transfers ? .all : .base }

  /// The datasets of the paper: those that the table is about, without the source of a transfer.
  public var paperDatasets: [Benchmark] {
    let variants: [Benchmark] = [.imageNetV2, .imageNetSketch, .imageNetA, .imageNetR]
    return switch self {
    case .baseToNew: Benchmark.allCases.filter { !variants.contains($0) }
    case .crossDataset: Benchmark.allCases.filter { !variants.contains($0) && $0 != .imageNet }
    case .domainGeneralization: variants
    }
  }

  /// As a heading.
  public var title: String {
    switch self {
    case .baseToNew: "Base-to-new generalisation"
    case .crossDataset: "Cross-dataset transfer"
    case .domainGeneralization: "Domain generalisation"
    }
  }
}
