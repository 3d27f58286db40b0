import Datasets
import Foundation
import Images
import Runs
import Synchronization

/// A few of the run's own test photos for its page, made on first request.
///
/// Photos are reduced and encoded again, so that a camera's metadata, such as the location, is not sent. A run whose
/// photos are not available, such as an import, has no examples.
final class ExamplePhotos: Sendable {
  /// The answer of `GET /v1/examples`.
  struct Answer: Encodable, Sendable {
    let examples: [Example]
  }

  /// A photo and its class.
  struct Example: Encodable, Sendable {
    let `class`: String
    /// A JPEG file; base64 in JSON.
    let image: Data
  }

  private static let most = 12
  /// The longer side of a photo as sent, in pixels: more than any model here uses.
  private static let edge = 512
  private static let quality = 88

  private let run: LoadedRun?
  private let queue = DispatchQueue(label: "cocoop.examples", qos: .utility)
  private let made = Mutex<Answer?>(nil)

  /// - Parameter run: the run; `nil` offers no photos.
  init(of run: LoadedRun?) { self.run = run }

  /// - Returns: an answer without photos where the run's data cannot be read.
  func answer() async -> Answer {
    await withCheckedContinuation { continuation in
      // Files are read on a thread that may block: one for all requests.
      queue.async { continuation.resume(returning: self.read()) }
    }
  }

  private func read() -> Answer {
    made.withLock { made in
      if let made { return made }
      let answer = Answer(examples: (try? run?.dataset()).map(Self.examples) ?? [])
      made = answer
      return answer
    }
  }

  /// The first test photo of classes at equal distances; one that cannot be read is left out.
  private static func examples(of dataset: Dataset) -> [Example] {
    var firsts: [Int: Datasets.Example] = [:]
    for example in dataset.test where firsts[example.label] == nil { firsts[example.label] = example }
    let labels = firsts.keys.sorted()
    let count = min(most, labels.count)
    return (0..<count).compactMap { index in
      let label = labels[index * labels.count / count]
      guard let example = firsts[label], let photo = try? small(dataset.url(of: example)) else { return nil }
      return Example(class: PromptTemplate.words(of: dataset.classNames[label]), image: photo)
    }
  }

  private static func small(_ url: URL) throws -> Data {
    let image = try Image(contentsOf: url)
    let scale = min(1, Double(edge) / Double(max(image.width, image.height)))
    let width = max(1, Int(Double(image.width) * scale)), height = max(1, Int(Double(image.height) * scale))
    return try image.resized(width: width, height: height).jpeg(quality: quality)
  }
}
