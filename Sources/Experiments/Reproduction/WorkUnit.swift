import Datasets
import Foundation
import PromptLearning

/// One training of a comparison and the tests that belong to it: the smallest thing that is done once.
public struct WorkUnit: Sendable, Equatable {
  /// The title of the dataset that is learned from.
  public let dataset: String
  public let variant: Variant
  /// Of its run. A zero-shot classifier has seed 1, and counts for every seed.
  public let configuration: RunConfiguration
  /// What it is tested on, in the order of the table.
  public let tests: [Test]

  public struct Test: Sendable, Hashable {
    /// The title of a dataset.
    public let dataset: String
    public let classes: ClassSubset
  }

  public var seed: Int { configuration.seed }

  /// Of its run, under the folder of all units: `Caltech101/cocoop-seed1`.
  public var path: String { "\(dataset.replacing("/", with: "-"))/\(folderName)" }

  /// Without the dataset, as `demo` calls its runs.
  var folderName: String { "\(variant.folderName)-seed\(seed)" }

  /// For people, such as "Caltech101, CoCoOp, seed 1".
  public var title: String { "\(dataset), \(variant.title)" + (variant.method.isZeroShot ? "" : ", seed \(seed)") }
}
