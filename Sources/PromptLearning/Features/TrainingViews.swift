import CLIP
import Datasets
import Foundation
import Images
import Support
import Torch

/// The source of the augmented views of training images.
public enum ImageViews: Sendable, Hashable, Codable, RawRepresentable {
  /// A new random view, decoded and encoded, each time an image is used, as in the reference.
  case fresh
  /// This number of random views of each image, encoded once; each use picks one of them.
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
  /// What is asked of the views.
  enum Use: Sendable, Equatable { case features, pixels, both }

  private let clip: CLIPModel
  private let files: [URL]
  private let extractor: FeatureExtractor
  private let preprocessing: Preprocessing
  private let augmentation: ViewAugmentation
  private let drawsPairs: Bool
  private let photos: PhotoMemory
  private let mode: ImageViews
  let use: Use
  private var seeds: [UInt64] = []  // files · views, of stored views whose pixels are asked for
  private var raw: Tensor?  // [files · views, E]: the views of a file stand together
  private var stored: Tensor?  // the same with unit rows

  /// - Parameters:
  ///   - smallestCrop: the smallest share of a photo that a random crop keeps.
  ///   - randAugment: what makes the views instead of a crop and a mirror image.
  ///   - drawsPairs: whether each use takes two views of an image, the second for frozen CLIP.
  ///   - photos: how photos are read, with the decoded ones that there is room for.
  ///   - use: what is asked for; pixels of stored views are decoded anew.
  init(
    of dataset: Dataset, mode: ImageViews, smallestCrop: Double = 0.08, randAugment: RandAugment? = nil,
    drawsPairs: Bool = false, clip: CLIPModel, cache: FeatureCache?, use: Use = .features, photos: PhotoMemory
  ) throws {
    self.use = use
    self.drawsPairs = drawsPairs
    self.clip = clip
    self.photos = photos
    files = dataset.training.map(dataset.url(of:))
    extractor = FeatureExtractor(clip, cache: mode == .fresh ? nil : cache, reading: photos.reading)
    preprocessing = clip.configuration.preprocessing
    let (size, interpolation) = (preprocessing.size, preprocessing.interpolation)
    augmentation =
      try randAugment.map { .operations($0, size: size, interpolation) }
      ?? .crop(
        TrainingAugmentation(
          crop: RandomResizedCrop(size: size, scale: smallestCrop...1, interpolation: interpolation)))
    self.mode = mode
  }

  /// Draws and encodes the views that are stored; does nothing where views are fresh.
  ///
  /// - Parameter progress: called with the number of views encoded and the total; it may throw to stop.
  mutating func prepare(using generator: inout SeededGenerator, progress: (Int, Int) throws -> Void) throws {
    guard case .stored(let count) = mode, stored == nil else { return }
    let draws = files.indices.flatMap { image in
      (0..<count).map { _ in ViewDraw(image: image, view: generator.next()) }
    }
    if use != .features { seeds = draws.map(\.view) }
    guard use != .pixels else { return }
    let encoded = try encode(draws) { try progress($0, draws.count) }
    (raw, stored) = (encoded, try encoded.unitRows())
  }

  /// Draws the view for one use of an image.
  func draw(of image: Int, using generator: inout SeededGenerator) -> ViewDraw {
    func view() -> UInt64 {
      guard case .stored(let count) = mode else { return generator.next() }
      return UInt64(Int.random(in: 0..<count, using: &generator))
    }
    let own = view()
    return ViewDraw(image: image, view: own, other: drawsPairs ? view() : nil)
  }

  /// The pixels of the views that were drawn; an empty list where views are stored as features alone.
  func pixels(of draws: [ViewDraw]) throws -> [Image] {
    guard case .stored(let count) = mode else { return try draws.concurrentMap(square) }
    guard use != .features else { return [] }
    return try draws.map { ViewDraw(image: $0.image, view: seeds[$0.image * count + Int($0.view)]) }
      .concurrentMap(square)
  }

  /// The pixels of the second views of pairs, which frozen CLIP has yet to see; an empty list where there are none, and
  /// where their features are stored.
  func otherPixels(of draws: [ViewDraw]) throws -> [Image] {
    guard case .fresh = mode else { return [] }
    return try draws.compactMap { draw in draw.other.map { ViewDraw(image: draw.image, view: $0) } }
      .concurrentMap(square)
  }

  /// The features of the views that were drawn, of pairs those of the second: `[draws.count, E]`, unit rows.
  ///
  /// - Parameter pixels: the pixels of these views, from ``pixels(of:)``.
  func features(of draws: [ViewDraw], pixels: [Image]) throws -> Tensor {
    guard case .stored(let count) = mode, let stored else {
      return try clip.imageEmbeddings(ofSquares: pixels).unitRows()
    }
    let rows = draws.map { $0.image * count + Int($0.other ?? $0.view) }
    return try stored.gathered(Tensor(rows, shape: [rows.count]), axis: 0)
  }

  private func encode(_ draws: [ViewDraw], progress: (Int) throws -> Void) throws -> Tensor {
    try extractor.embeddings(
      of: draws,
      preparation: "of a random view: \(augmentation), \(preprocessing)" + photos.reading.keyDetail,
      key: { (files[$0.image], "\($0.view)") }, progress: progress, square: square
    )
  }

  /// What the image tower makes of the views that are stored, before they are brought to unit length: those of each image
  /// averaged, `[files, E]`.
  func meanOfStored() throws -> Tensor? {
    guard case .stored(let count) = mode, let raw else { return nil }
    return try raw.reshaped([files.count, count, -1]).mean(over: [1])
  }

  /// The square of a view. Every view has its own generator, so that the result does not depend on which core decodes
  /// first.
  @Sendable private func square(of draw: ViewDraw) throws -> Image {
    var generator = SeededGenerator(seed: draw.view)
    return try augmentation(files[draw.image], from: photos, using: &generator)
  }
}

/// What makes a random view of a photo.
private enum ViewAugmentation: Sendable, CustomStringConvertible {
  case crop(TrainingAugmentation)
  case operations(RandAugment, size: Int, Interpolation)

  func callAsFunction(
    _ url: URL, from memory: PhotoMemory, using generator: inout SeededGenerator
  ) throws -> Image {
    switch self {
    case .crop(let augmentation): try augmentation(url, from: memory, using: &generator)
    case .operations(let augmentation, let size, let interpolation):
      try augmentation(url, size: size, interpolation: interpolation, from: memory, using: &generator)
    }
  }

  /// As features of stored views are named in the cache.
  var description: String {
    switch self {
    case .crop(let augmentation): "\(augmentation)"
    case .operations(let augmentation, let size, let interpolation): "\(augmentation), \(size), \(interpolation)"
    }
  }
}
