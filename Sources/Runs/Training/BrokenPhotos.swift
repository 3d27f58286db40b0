import Datasets
import Foundation
import Images
import Support
import Synchronization

/// The photos of a dataset that exist but cannot be read.
public struct BrokenPhotos: Sendable {
  /// The photos in the order of the examples: the path under the dataset's folder, and the problem in one sentence.
  public let photos: [(path: String, problem: String)]

  /// Opens photos on all cores.
  ///
  /// - Parameter isThorough: whether each photo is decoded; otherwise one with its format's end is accepted.
  public init(
    among examples: [Example], of dataset: Dataset, isThorough: Bool,
    limits: DecodingLimits = .standard
  ) {
    var seen: Set<String> = []
    let paths = examples.map(\.path).filter { seen.insert($0).inserted }
    let problems = Mutex<[Int: String]>([:])
    DispatchQueue.concurrentPerform(iterations: paths.count) { index in
      do {
        try Image.check(
          dataset.imageFolder.appending(path: paths[index], directoryHint: .notDirectory), isThorough: isThorough,
          limits: limits)
      } catch {
        let problem = (error as? any UserFacingError)?.problem ?? "\(error)"
        problems.withLock { $0[index] = problem }
      }
    }
    photos = problems.withLock(\.self).sorted { $0.key < $1.key }.map { (paths[$0.key], $0.value) }
  }

  /// The treatment of training photos that cannot be read.
  public enum Rule: Sendable {
    /// The photos are not checked: the training ends where it meets a broken one.
    case unchecked
    /// All broken photos are reported before the training, which then does not start.
    case refused
    /// The training leaves them out.
    case skipped

    /// - Throws: ``RunError/brokenPhotos(count:of:first:)``, or `DatasetError` where a class has no others.
    func applied(to dataset: Dataset, limits: DecodingLimits) throws -> (dataset: Dataset, skipped: [String]) {
      guard self != .unchecked else { return (dataset, []) }
      let examples = dataset.training + dataset.validation
      let broken = BrokenPhotos(among: examples, of: dataset, isThorough: false, limits: limits).photos
      guard !broken.isEmpty else { return (dataset, []) }
      guard self == .skipped else {
        throw RunError.brokenPhotos(
          count: broken.count, of: examples.count, first: broken.prefix(5).map(\.problem))
      }
      return (try dataset.learningWithout(Set(broken.map(\.path))), broken.map(\.problem))
    }
  }
}
