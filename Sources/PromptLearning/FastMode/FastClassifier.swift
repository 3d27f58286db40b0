import CLIP
import Support
import Torch

/// An approximation of CoCoOp near the cost of zero-shot CLIP: an expansion ranks all classes, and the best of them are
/// computed exactly.
///
/// The probabilities of the other classes are the expansion's. ``FastAgreement`` measures the accuracy.
public struct FastClassifier: ImageClassifier {
  /// The default number of an image's classes that are computed exactly.
  public static let standardExactClasses = 5
  /// The number of images that go through the text encoder together: enough rows for fast products, few enough for the
  /// caches.
  private static let imagesPerMicrobatch = 16

  /// The exact classifier that this approximates.
  public let exact: Classifier<ConditionalPrompts>
  /// K: the number of an image's classes that are computed exactly.
  public let exactClasses: Int
  private let expansion: TaylorExpansion

  public var clip: CLIPModel { exact.clip }
  public var classNames: [String] { exact.classNames }

  /// The memory in bytes that this takes in addition to the exact classifier.
  public var expansionBytes: Int { expansion.bytes }

  init(_ exact: Classifier<ConditionalPrompts>, exactClasses: Int, by expansion: TaylorExpansion) {
    self.exact = exact
    self.exactClasses = min(exactClasses, exact.classNames.count)
    self.expansion = expansion
  }

  public func withClasses(_ classNames: [String]) throws -> FastClassifier {
    guard classNames != self.classNames else { return self }
    return try exact.withClasses(classNames).fastClassifier(around: expansion.codes, exactClasses: exactClasses)
  }

  public func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor {
    let features = try imageEmbeddings.on(clip.device).unitRows()
    let groups = Array(0..<features.shape[0]).chunks(ofCount: Self.imagesPerMicrobatch)
    let rows = try groups.flatMap { group in
      try scaledCosines(of: features.sliced(group[0]..<group[0] + group.count, axis: 0))
    }
    return try Tensor(rows, shape: [features.shape[0], classNames.count])
  }

  /// - Parameter features: `[B, E]`, unit rows.
  /// - Returns: B rows of C.
  private func scaledCosines(of features: Tensor) throws -> [Float] {
    let (images, classes) = (features.shape[0], classNames.count)
    let codes = try exact.learner.codes(of: features)
    var logits = try expansion.cosines(of: features, codes: codes).map { $0 * clip.logitScale }
    let best = (0..<images).map { image in
      logits[image * classes..<(image + 1) * classes].indicesOfLargest(exactClasses).map { $0 - image * classes }
    }
    let exactFeatures = try exact.learner.classFeatures(atCodes: codes, ofClasses: best)  // [B, K, E]
    let scaled = try (features * clip.logitScale).unsqueezed(at: 2)  // [B, E, 1]
    let exactLogits = try exactFeatures.matmul(scaled).floats()
    for image in 0..<images {
      for (place, label) in best[image].enumerated() {
        logits[image * classes + label] = exactLogits[image * exactClasses + place]
      }
    }
    return logits
  }
}

extension Collection where Element: Comparable {
  /// The indices of the `count` largest elements, the largest first; of equal ones, the earlier.
  fileprivate func indicesOfLargest(_ count: Int) -> [Index] {
    var best: [Index] = []
    for index in indices {
      if best.count == count, let last = best.last, self[index] <= self[last] { continue }
      let place = best.firstIndex { self[$0] < self[index] } ?? best.endIndex
      best.insert(index, at: place)
      if best.count > count { best.removeLast() }
    }
    return best
  }
}
