import ClassificationMetrics
import Foundation
import Images
import Runs

/// Two classes of which the first was predicted as the second, with some of the images.
struct ConfusedPair: Sendable {
  let label: String
  let prediction: String
  let images: Int
  /// The images among them with the most confident answers.
  let examples: [SavedEvaluation.Row]

  private static let shown = 6
  private static let examplesShown = 3

  static func most(of kept: SavedEvaluation) -> [ConfusedPair] {
    ConfusionMatrix(kept.answers).mostConfused(shown).map { pair, images in
      let (label, prediction) = (kept.classNames[pair.label], kept.classNames[pair.prediction])
      let examples = kept.predictions.filter { $0.label == label && $0.prediction == prediction }
        .enumerated().sorted { ($1.element.probability, $0.offset) < ($0.element.probability, $1.offset) }
      return ConfusedPair(
        label: label, prediction: prediction, images: images,
        examples: examples.prefix(examplesShown).map(\.element))
    }
  }
}

extension SavedEvaluation {
  /// The location of an image when it was evaluated.
  func url(of prediction: Row) -> URL {
    imageFolder.appending(path: prediction.file, directoryHint: .notDirectory)
  }
}

/// Small copies of images, as data URIs, within a budget that keeps the page small.
struct Pictures: Sendable {
  struct Picture: Sendable {
    let uri: String
    let width: Int
    let height: Int
  }

  private var pictures: [URL: Picture] = [:]
  private var bytes = 0
  /// The images that cannot be shown.
  private(set) var missing: Set<URL> = []

  private static let edge = 112
  private static let quality = 72
  /// The size limit of all data URIs together, in bytes.
  private static let budget = 2_500_000

  subscript(url: URL) -> Picture? { pictures[url] }

  mutating func add(_ url: URL) {
    guard pictures[url] == nil, !missing.contains(url), bytes < Self.budget else { return }
    guard let picture = try? Self.picture(of: url) else {
      missing.insert(url)
      return
    }
    pictures[url] = picture
    bytes += picture.uri.utf8.count
  }

  /// A small copy of an image, turned upright.
  private static func picture(of url: URL) throws -> Picture {
    let small = try PhotoReading(orientation: .exif).image(at: url) { width, height in
      let scale = min(1, Double(edge) / Double(max(width, height)))
      return ImageView(
        of: .init(width: width, height: height), width: max(1, Int(Double(width) * scale)),
        height: max(1, Int(Double(height) * scale)))
    }
    let data = try small.jpeg(quality: quality)
    return Picture(
      uri: "data:image/jpeg;base64," + data.base64EncodedString(), width: small.width, height: small.height)
  }
}
