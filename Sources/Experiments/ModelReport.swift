import CLIP
import Foundation
import Torch

/// What `models inspect` says of a checkpoint that loads.
public struct ModelReport: Sendable, Encodable, CustomStringConvertible {
  public let name: String
  public let imageTower: String
  /// Of both towers, as the file stores them.
  public let parameters: Int
  /// How many tensors have each element type, such as "F16".
  public let precision: [String: Int]
  /// E.
  public let embeddingWidth: Int
  public let text: Text
  public let activation: String
  public let preprocessing: Pixels
  public let logitScale: Float
  public let sha256: String

  public struct Text: Sendable, Encodable {
    public let width, layers, heads, tokenLimit, vocabularySize: Int
  }

  public struct Pixels: Sendable, Encodable {
    public let size: Int
    public let mean, standardDeviation: [Float]
    public let interpolation, resizeMode: String
  }

  /// Loads the checkpoint, strictly, and describes it.
  public init(of source: ModelSource) throws {
    let checkpoint = try Checkpoint(folder: source.folder)
    let clip = try source.load()
    let configuration = clip.configuration
    let file = try SafetensorsFile(contentsOf: checkpoint.weights)
    name = clip.name
    imageTower = configuration.image.description
    let bookkeeping = file.names.filter { file.kind(of: $0) == .int64 }
    let weights = file.names.filter { !bookkeeping.contains($0) }
    parameters = weights.map { file.shape(of: $0)?.reduce(1, *) ?? 0 }.reduce(0, +)
    precision = Dictionary(weights.compactMap { file.kind(of: $0)?.rawValue }.map { ($0, 1) }, uniquingKeysWith: +)
    embeddingWidth = configuration.embeddingWidth
    text = Text(
      width: configuration.text.width, layers: configuration.text.layers, heads: configuration.text.heads,
      tokenLimit: configuration.text.tokenLimit, vocabularySize: configuration.text.vocabularySize)
    activation = configuration.activation == .quickGELU ? "QuickGELU" : "GELU"
    preprocessing = Pixels(
      size: configuration.preprocessing.size, mean: configuration.preprocessing.mean,
      standardDeviation: configuration.preprocessing.standardDeviation,
      interpolation: configuration.preprocessing.interpolation.rawValue,
      resizeMode: configuration.preprocessing.resizeMode.rawValue)
    logitScale = clip.logitScale
    sha256 = try checkpoint.hash()
  }

  public var description: String {
    """
    model          \(name)
    image tower    \(imageTower)
    text tower     width \(text.width), \(text.layers) layers, \(text.heads) heads, \(text.tokenLimit) positions, \
    \(text.vocabularySize) tokens
    shared space   \(embeddingWidth) numbers, logit scale \(logitScale)
    activation     \(activation)
    pixels         \(preprocessing.size) × \(preprocessing.size), \(preprocessing.interpolation), \
    \(preprocessing.resizeMode), mean \(preprocessing.mean), std \(preprocessing.standardDeviation)
    parameters     \(parameters) in \(precision.sorted { $0.key < $1.key }.map { "\($0.value) tensors \($0.key)" }.joined(separator: ", "))
    sha256         \(sha256)
    """
  }
}
