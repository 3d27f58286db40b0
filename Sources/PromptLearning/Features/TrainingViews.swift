import CLIP
import Datasets
import Foundation
import Images
import Torch

/// Where the augmented views of a training image come from.
public enum ImageViews: Sendable, Hashable, Codable, RawRepresentable {
  /// A new random view, decoded and encoded, each time an image is used: the reference's way.
  case fresh
  /// This many random views of each image, encoded once; each use picks one of them.
  case stored(Int)

  /// Reads "fresh" or a number of views.
  public init?(rawValue: String) {
    if rawValue == "fresh" {
      self = .fresh
    } else if let count = Int(rawValue), count > 0 {
      self = .stored(count)
    } else {
      return nil
    }
  }

  public var rawValue: String {
    switch self {
    case .fresh: "fresh"
    case .stored(let count): "\(count)"
    }
  }
}

/// Unit features of random views of the training images.
struct TrainingViews: Sendable {
  private let files: [URL]
  private let extractor: FeatureExtractor
  private let preprocessing: Preprocessing
  private let augmentation: TrainingAugmentation
  private let mode: ImageViews
  private var stored: Tensor?  // [files · views, E]: the views of a file stand together

  init(of dataset: Dataset, mode: ImageViews, clip: CLIPModel, cache: FeatureCache?) throws {
    files = dataset.training.map(dataset.url(of:))
    extractor = FeatureExtractor(clip, cache: mode == .fresh ? nil : cache)
    preprocessing = clip.configuration.preprocessing
    augmentation = try TrainingAugmentation(
      crop: RandomResizedCrop(size: preprocessing.size, interpolation: preprocessing.interpolation))
    self.mode = mode
  }

  /// Draws and encodes the views that are stored; does nothing where views are fresh.
  ///
  /// - Parameter progress: told how many views are encoded, and of how many.
  mutating func prepare(using generator: inout SeededGenerator, progress: (Int, Int) throws -> Void) throws {
    guard case .stored(let count) = mode, stored == nil else { return }
    let total = files.count * count
    stored = try encode(files.flatMap { Array(repeating: $0, count: count) }, using: &generator) {
      try progress($0, total)
    }
  }

  /// One view of each of the files at `indices`: `[indices.count, E]`, unit rows.
  func features(at indices: [Int], using generator: inout SeededGenerator) throws -> Tensor {
    guard case .stored(let count) = mode, let stored else {
      return try encode(indices.map { files[$0] }, using: &generator)
    }
    let rows = indices.map { $0 * count + Int.random(in: 0..<count, using: &generator) }
    return try stored.gathered(Tensor(rows, shape: [rows.count]), axis: 0)
  }

  /// Every view gets a generator of its own, so that the result does not depend on which core draws first.
  private func encode(
    _ files: [URL], using generator: inout SeededGenerator, progress: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    let draws = files.map { (file: $0, seed: generator.next()) }
    return try extractor.embeddings(
      of: draws, preparation: "of a random view: \(augmentation), \(preprocessing)", key: { ($0.file, "\($0.seed)") },
      progress: progress
    ) { [augmentation] draw in
      var generator = SeededGenerator(seed: draw.seed)
      return try augmentation(Image(contentsOf: draw.file), using: &generator)
    }.unitRows()
  }
}
