import Datasets
import Foundation
import Torch

/// The rule that decides the penalty of a linear probe, known before anything is encoded.
public enum PenaltyRule: Sendable, Equatable {
  /// The accuracy on validation images decides, as in the reference.
  case validation
  /// The mean accuracy of this number of fits decides, each tested on a part of the training images that was held out.
  case crossValidation(folds: Int)
  /// Nothing decides: ``standardInverseRegularization`` is used.
  case standard

  /// The default C, from the example in CLIP's own repository.
  public static let standardInverseRegularization = 0.316
  private static let mostFolds = 5

  /// Chooses validation images where they show every class; then training images, where each class has two or more.
  public init(for dataset: Dataset) {
    let classes = dataset.classNames.count
    let counts = dataset.training.reduce(into: [Int](repeating: 0, count: classes)) { $0[$1.label] += 1 }
    let fewest = counts.min() ?? 0
    if Set(dataset.validation.map(\.label)).count == classes || fewest < 2 && !dataset.validation.isEmpty {
      self = .validation
    } else {
      self = fewest < 2 ? .standard : .crossValidation(folds: min(Self.mostFolds, fewest))
    }
  }

  /// The rule, in a sentence without its full stop.
  public var description: String {
    switch self {
    case .validation: "The linear probe chooses its penalty on the validation photos"
    case .crossValidation(let folds):
      "Not every class has a validation photo: the linear probe chooses its penalty by cross-validation,"
        + " on \(folds) parts of the training photos in turn"
    case .standard:
      "There is no second photo of every class to choose the linear probe's penalty on: C is"
        + " \(Self.standardInverseRegularization)"
    }
  }
}

/// Parts of the training images that are held out of a fit in turn, every class in each as evenly as possible.
package struct Folds {
  /// The part of each image.
  package let parts: [Int]
  package let count: Int

  /// Puts the i-th image of a class into part i mod `count`.
  package init(of labels: [Int], count: Int) {
    var seen: [Int: Int] = [:]
    self.count = count
    parts = labels.map { label in
      defer { seen[label, default: 0] += 1 }
      return seen[label, default: 0] % count
    }
  }

  /// The share of each part's images that a regression fitted to the other parts names rightly; parts are worked on side
  /// by side.
  ///
  /// - Parameters:
  ///   - features: `[n, E]`, 64-bit floats.
  ///   - labels: n indices below `classes`.
  ///   - inverseRegularization: C.
  package func accuracies(
    on features: Tensor, labels: [Int], classes: Int, inverseRegularization: Double
  ) throws -> [Double] {
    try Threads.map(Array(0..<count)) { part in
      let (fitted, tested) = (parts.indices.filter { parts[$0] != part }, parts.indices.filter { parts[$0] == part })
      func rows(_ indices: [Int]) throws -> Tensor {
        try features.gathered(Tensor(indices, shape: [indices.count]), axis: 0)
      }
      let regression = try LogisticRegression(
        fitting: rows(fitted), labels: fitted.map { labels[$0] }, classes: classes,
        inverseRegularization: inverseRegularization)
      return try regression.accuracy(on: rows(tested), labels: tested.map { labels[$0] })
    }
  }
}
